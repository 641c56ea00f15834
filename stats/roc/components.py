"""The parts of the sampling covariance of K AUCs: DeLong 1988, and Obuchowski 1997 for clustered images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.roc.placements import placements

_CANCELLED = 1e-4  # below this share of the two variances, a difference is computed from its own parts
_ROUNDING = 1e-24  # a variance below this share of its parts is rounding, hence zero


@dataclass(frozen=True, slots=True, kw_only=True)
class AucComponents:
    """AUCs of K models and the centred placement sums that their covariance is made of.

    Attributes
    ----------
    auc : float array, shape (K,)
    wins : float array, shape (K,)   pairs of images that a model orders right, ties one half: exact, so that
        differences of nearly equal AUCs keep their digits; None where the models saw different images
    positive, negative : float array, shape (I, K) and (J, K)   centred placement counts per unit
        (unit = image, or cluster: then I = J and both have one row per cluster)
    w_positive, w_negative, w_cross : float
        covariance = w_positive P'P + w_negative N'N + w_cross (P'N + N'P), w_cross at most the others
    n_positive, n_negative : int   images per class
    n_groups : int | None          clusters, None without clusters
    """

    auc: NDArray[np.float64]
    wins: NDArray[np.float64] | None
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    w_positive: float
    w_negative: float
    w_cross: float
    n_positive: int
    n_negative: int
    n_groups: int | None

    def difference(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return auc[a] - auc[b], exact for nearly equal AUCs too."""
        if self.wins is None:
            return self.auc[a] - self.auc[b]
        return (self.wins[a] - self.wins[b]) / (float(self.n_positive) * self.n_negative)

    def covariance(self) -> NDArray[np.float64]:
        """Return the covariance matrix of the K AUCs, shape (K, K)."""
        return _quadratic(self, self.positive, self.negative)

    def contrast_covariance(self, contrasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the covariance of contrasts @ auc, contrasts of shape (r, K), without cancellation."""
        return _quadratic(self, self.positive @ contrasts.T, self.negative @ contrasts.T)

    def pair_variance(
        self, covariance: NDArray[np.float64], a: NDArray[np.intp], b: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the variance of auc[a] - auc[b], shape (len(a),), exact for nearly equal curves too."""
        size = self._sizes()
        scale = size[a] + size[b]
        variance = np.diagonal(covariance)[a] + np.diagonal(covariance)[b] - 2.0 * covariance[a, b]
        same = self._repeats()
        variance[same[a] == same[b]] = 0.0
        left = np.flatnonzero((variance <= _CANCELLED * scale) & (same[a] != same[b]))
        for start in range(0, left.size, 256):
            part = left[start : start + 256]
            p = self.positive[:, a[part]] - self.positive[:, b[part]]
            n = self.negative[:, a[part]] - self.negative[:, b[part]]
            direct = sum(w * (block * block).sum(axis=0) for w, block in self._squares(p, n))
            variance[part] = np.where(direct < _ROUNDING * scale[part], 0.0, direct)
        return variance

    def weighted_blocks(self, contrasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return B, rows by r contrasts, with B'B = covariance of contrasts @ auc."""
        blocks = self._squares(self.positive @ contrasts.T, self.negative @ contrasts.T)
        return np.concatenate([np.sqrt(weight) * block for weight, block in blocks])

    def _squares(
        self, p: NDArray[np.float64], n: NDArray[np.float64]
    ) -> list[tuple[float, NDArray[np.float64]]]:
        """The covariance as a sum of weighted squares, so that no part of it can turn negative."""
        if not self.w_cross:
            return [(self.w_positive, p), (self.w_negative, n)]
        return [
            (self.w_cross, p + n),
            (self.w_positive - self.w_cross, p),
            (self.w_negative - self.w_cross, n),
        ]

    def _sizes(self) -> NDArray[np.float64]:
        """Size of the parts of each variance, shape (K,): what rounding is measured against."""
        p, n = np.square(self.positive).sum(axis=0), np.square(self.negative).sum(axis=0)
        return self.w_positive * p + self.w_negative * n

    def _repeats(self) -> NDArray[np.intp]:
        """Index of the first model with the same curve, shape (K,)."""
        first: dict[bytes, int] = {}
        keys = (self.positive[:, k].tobytes() + self.negative[:, k].tobytes() for k in range(self.auc.size))
        return np.array([first.setdefault(key, k) for k, key in enumerate(keys)], dtype=np.intp)


def auc_components(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> AucComponents:
    """Return the parts for independent images; labels (n,) bool with 2 images per class, scores (n, K)."""
    counts = placements(labels, scores)
    m, n = counts.positive.shape[0], counts.negative.shape[0]
    return AucComponents(
        auc=counts.auc,
        wins=counts.positive.sum(axis=0),
        positive=counts.positive - counts.positive.mean(axis=0),
        negative=counts.negative - counts.negative.mean(axis=0),
        w_positive=1.0 / (float(n) ** 2 * m * (m - 1)),
        w_negative=1.0 / (float(m) ** 2 * n * (n - 1)),
        w_cross=0.0,
        n_positive=m,
        n_negative=n,
        n_groups=None,
    )


def clustered_components(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], groups: Sequence[Any]
) -> AucComponents:
    """Return the parts for images in clusters (patients), groups of length n.

    Raises
    ------
    ValueError : fewer than 2 clusters with positive or with negative images

    Notes
    -----
    Source: Obuchowski 1997 (Biometrics 53:567). With clusters of one image each it is DeLong's covariance.
    """
    codes, n_groups = _group_codes(groups)
    counts = placements(labels, scores)
    m, n = counts.positive.shape[0], counts.negative.shape[0]
    with_positive = np.unique(codes[labels]).size
    with_negative = np.unique(codes[~labels]).size
    if min(with_positive, with_negative) < 2:
        raise ValueError(
            f"{with_positive} groups hold positive and {with_negative} hold negative images; the clustered "
            "covariance needs at least 2 of each. Check the group column."
        )
    return AucComponents(
        auc=counts.auc,
        wins=counts.positive.sum(axis=0),
        positive=_cluster_sums(counts.positive, codes[labels], n_groups),
        negative=_cluster_sums(counts.negative, codes[~labels], n_groups),
        w_positive=with_positive / ((with_positive - 1) * float(m) ** 2 * float(n) ** 2),
        w_negative=with_negative / ((with_negative - 1) * float(m) ** 2 * float(n) ** 2),
        w_cross=n_groups / ((n_groups - 1) * float(m) ** 2 * float(n) ** 2),
        n_positive=m,
        n_negative=n,
        n_groups=n_groups,
    )


def _group_codes(groups: Sequence[Any]) -> tuple[NDArray[np.intp], int]:
    import pandas as pd

    codes, levels = pd.factorize(np.asarray(groups, dtype=object))
    if (codes < 0).any():
        rows = ", ".join(str(row + 1) for row in np.flatnonzero(codes < 0)[:3])
        raise ValueError(
            f"`group` is missing in {(codes < 0).sum()} rows (row {rows}); every image needs its group."
        )
    return codes.astype(np.intp), len(levels)


def _cluster_sums(counts: NDArray[np.float64], codes: NDArray[np.intp], n_groups: int) -> NDArray[np.float64]:
    """Sum of centred counts per cluster, shape (n_groups, K); clusters without images of the class are 0."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
    sums = np.zeros((n_groups, counts.shape[1]))
    sums[codes[order][starts]] = np.add.reduceat(counts[order], starts, axis=0)
    images = np.bincount(codes, minlength=n_groups)[:, None]
    # centred in whole numbers: a cluster that lies at the mean gives exactly 0
    return (sums * len(counts) - images * counts.sum(axis=0)) / len(counts)


def _quadratic(
    parts: AucComponents, positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> NDArray[np.float64]:
    blocks = parts._squares(positive, negative)
    matrix = np.zeros((positive.shape[1], positive.shape[1]))
    for weight, block in blocks:
        matrix += weight * (block.T @ block)
    size = parts.w_positive * np.square(positive).sum(axis=0)
    size += parts.w_negative * np.square(negative).sum(axis=0)
    none = np.diagonal(matrix) < _ROUNDING * size
    matrix[none, :] = 0.0
    matrix[:, none] = 0.0
    return (matrix + matrix.T) / 2.0
