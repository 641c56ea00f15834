"""Placements: for every image, the share of the other class that it beats. The base of AUC and DeLong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK_CELLS = 4_000_000  # scores handled at once: bounds the working memory at about 0.3 GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """Placement counts of K models on the same images.

    Attributes
    ----------
    positive : float array, shape (m, K)   negatives below each positive image, ties one half (0 to n)
    negative : float array, shape (n, K)   positives above each negative image, ties one half (0 to m)

    Counts are whole or half numbers, hence exact; divided by n or m they are DeLong's V10 and V01.
    """

    positive: NDArray[np.float64]
    negative: NDArray[np.float64]

    @property
    def auc(self) -> NDArray[np.float64]:
        """AUC per model, shape (K,)."""
        return self.positive.sum(axis=0) / (self.positive.shape[0] * self.negative.shape[0])


def placements(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> Placements:
    """Return the placement counts of every model from one sort per model.

    Parameters
    ----------
    labels : bool array, shape (n,)       True = positive class; both classes present
    scores : float array, shape (n, K)    finite; only their order matters

    Notes
    -----
    Equal scores form one block: its members count all images of the other class before the block and half
    of those within it. Same result as the midranks of Sun and Xu 2014 (IEEE SPL 21:1389), with one sort.
    """
    n, k = scores.shape
    m = int(labels.sum())
    positive = np.empty((m, k))
    negative = np.empty((n - m, k))
    step = max(1, _BLOCK_CELLS // max(n, 1))
    for start in range(0, k, step):
        part = slice(start, start + step)
        counts = _counts(labels, scores[:, part], m)
        positive[:, part] = counts[labels]
        negative[:, part] = counts[~labels]
    return Placements(positive=positive, negative=negative)


def _counts(labels: NDArray[np.bool_], scores: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    """Placement count of every image, (n, K): negatives below a positive, positives above a negative."""
    n, k = scores.shape
    columns = np.ascontiguousarray(scores.T)
    order = np.argsort(columns, axis=1, kind="stable")
    ranked = np.take_along_axis(columns, order, axis=1)
    ranked_labels = labels[order]
    starts = np.ones((k, n), dtype=bool)
    np.not_equal(ranked[:, 1:], ranked[:, :-1], out=starts[:, 1:])
    first = np.flatnonzero(starts)
    block = np.cumsum(starts.ravel()) - 1
    end = np.append(first[1:], k * n) - 1
    below = np.cumsum(ranked_labels, axis=1).ravel()  # positives at or before this place, per model
    places = np.tile(np.arange(1, n + 1), k)
    positives_to_end = below[end]
    negatives_to_end = places[end] - positives_to_end
    positives_before: NDArray[np.int64] = below[first] - ranked_labels.ravel()[first]
    negatives_before = places[first] - 1 - positives_before
    over_negatives = (negatives_before + negatives_to_end) / 2.0
    over_positives = m - (positives_before + positives_to_end) / 2.0
    counts = np.where(ranked_labels.ravel(), over_negatives[block], over_positives[block]).reshape(k, n)
    out = np.empty((k, n))
    np.put_along_axis(out, order, counts, axis=1)
    return out.T
