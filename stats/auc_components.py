"""The parts of the sampling covariance of K AUCs: DeLong 1988, and Obuchowski 1997 for clustered images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.placements import placements

_CANCELLED = 1e-4  # below this share of the two variances, a difference is computed from its own parts
_ROUNDING = 1e-24  # a variance below this share of the two variances is rounding, hence zero


@dataclass(frozen=True, slots=True, kw_only=True)
class AucComponents:
    """AUCs of K models and the centred placement sums that their covariance is made of.

    Attributes
    ----------
    auc : float array, shape (K,)
    positive, negative : float array, shape (I, K) and (J, K)   centred placement counts per unit
        (unit = image, or cluster: then I = J and both have one row per cluster)
    w_positive, w_negative, w_cross : float
        covariance = w_positive P'P + w_negative N'N + w_cross (P'N + N'P)
    n_positive, n_negative : int   images per class
    n_groups : int | None          clusters, None without clusters
    """

    auc: NDArray[np.float64]
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    w_positive: float
    w_negative: float
    w_cross: float
    n_positive: int
    n_negative: int
    n_groups: int | None

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
        diagonal = np.diagonal(covariance)
        scale = diagonal[a] + diagonal[b]
        variance = scale - 2.0 * covariance[a, b]
        for start in range(0, a.size, 256):
            part = np.arange(start, min(start + 256, a.size))
            part = part[variance[part] <= _CANCELLED * scale[part]]
            if part.size:
                p = self.positive[:, a[part]] - self.positive[:, b[part]]
                n = self.negative[:, a[part]] - self.negative[:, b[part]]
                direct = self.w_positive * (p * p).sum(axis=0) + self.w_negative * (n * n).sum(axis=0)
                if self.w_cross:
                    direct += 2.0 * self.w_cross * (p * n).sum(axis=0)
                direct[direct < _ROUNDING * scale[part]] = 0.0
                variance[part] = direct
        return variance


def auc_components(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> AucComponents:
    """Return the parts for independent images; labels (n,) bool with 2 images per class, scores (n, K)."""
    counts = placements(labels, scores)
    m, n = counts.positive.shape[0], counts.negative.shape[0]
    return AucComponents(
        auc=counts.auc,
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
    centred = counts - counts.mean(axis=0)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
    sums = np.zeros((n_groups, counts.shape[1]))
    sums[codes[order][starts]] = np.add.reduceat(centred[order], starts, axis=0)
    return sums


def _quadratic(
    parts: AucComponents, positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> NDArray[np.float64]:
    matrix = parts.w_positive * (positive.T @ positive) + parts.w_negative * (negative.T @ negative)
    if parts.w_cross:
        cross = positive.T @ negative
        matrix += parts.w_cross * (cross + cross.T)
    return (matrix + matrix.T) / 2.0
