"""ROC curves of weighted images: the curve of the data, and of many bootstrap samples at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.resampling.draws import SamplingPlan, weight_blocks

Floats = NDArray[np.float64]
_SAME_COUNT = 1e-9  # a wanted count this close to a whole number is that number (0.9 x 50 is 45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Points of B curves, from nothing called positive to everything.

    Attributes
    ----------
    false_positive, true_positive : float array, shape (B, T)   counts, rising, first column 0
    """

    false_positive: Floats
    true_positive: Floats

    def swapped(self) -> Curves:
        """Return the curves of negated scores and swapped classes: specificity takes sensitivity's place."""
        negatives, positives = self.false_positive[:, -1:], self.true_positive[:, -1:]
        return Curves(
            false_positive=(positives - self.true_positive)[:, ::-1],
            true_positive=(negatives - self.false_positive)[:, ::-1],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedScores:
    """One model's images from the highest score down; `last` ends each block of equal scores."""

    order: NDArray[np.intp]
    positive: NDArray[np.bool_]
    last: NDArray[np.intp]


def ranked_scores(labels: NDArray[np.bool_], score: Floats) -> RankedScores:
    """Return the order of images that all their weighted curves share; labels and score of shape (n,)."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    return RankedScores(order=order, positive=labels[order], last=last)


def weighted_curves(ranked: RankedScores, weights: Floats) -> Curves:
    """Return one curve per row of `weights`, shape (B, n): how often each image is in the sample.

    Every row holds both classes.
    """
    taken = np.ascontiguousarray(weights[:, ranked.order])
    true = np.zeros((weights.shape[0], ranked.last.size + 1))
    false = np.zeros_like(true)
    running = np.cumsum(taken, axis=1)
    false[:, 1:] = running[:, ranked.last]
    taken *= ranked.positive
    np.cumsum(taken, axis=1, out=running)
    true[:, 1:] = running[:, ranked.last]
    false -= true
    return Curves(false_positive=false, true_positive=true)


def observed_curve(labels: NDArray[np.bool_], score: Floats) -> Curves:
    """Return the curve of the data, B = 1."""
    return weighted_curves(ranked_scores(labels, score), np.ones((1, labels.size)))


def sensitivity_at(curves: Curves, specificity: Floats) -> Floats:
    """Return the sensitivity at each specificity, shape (B, G): straight lines between points.

    At a jump the highest sensitivity of that specificity counts, as pROC `coords`. With `curves.swapped()` it
    is the specificity at each sensitivity.
    """
    fp, tp = curves.false_positive, curves.true_positive
    rows, points = fp.shape
    negatives, positives = fp[:, -1:], tp[:, -1:]
    wanted = (1.0 - specificity)[None, :] * negatives
    whole = np.round(wanted)
    wanted = np.where(np.abs(wanted - whole) <= _SAME_COUNT * negatives, whole, wanted)
    step = float(negatives.max()) + 1.0  # rows laid end to end, so that one search serves them all
    offset = step * np.arange(rows)[:, None]
    at = np.searchsorted((fp + offset).ravel(), (wanted + offset).ravel(), side="right").reshape(wanted.shape)
    left = at - 1 - points * np.arange(rows)[:, None]
    right = np.minimum(left + 1, points - 1)
    x0, x1 = np.take_along_axis(fp, left, 1), np.take_along_axis(fp, right, 1)
    y0, y1 = np.take_along_axis(tp, left, 1), np.take_along_axis(tp, right, 1)
    share = np.where(x1 > x0, (wanted - x0) / np.where(x1 > x0, x1 - x0, 1.0), 0.0)
    return (y0 + share * (y1 - y0)) / positives


def partial_area(curves: Curves, low: float, high: float) -> Floats:
    """Return the area of sensitivity over specificity from `low` to `high`, shape (B,)."""
    fp, tp = curves.false_positive, curves.true_positive
    negatives, positives = fp[:, -1:], tp[:, -1:]
    start, stop = (1.0 - high) * negatives, (1.0 - low) * negatives
    first = max(
        int((fp < start).all(axis=0).sum()) - 1, 0
    )  # points that no curve has in the range are left out
    last = fp.shape[1] - max(int((fp > stop).all(axis=0).sum()) - 1, 0)
    x, y = fp[:, first:last], tp[:, first:last]
    left, right = np.maximum(x[:, :-1], start), np.minimum(x[:, 1:], stop)
    step, rise = np.diff(x, axis=1), np.diff(y, axis=1)
    np.divide(rise, step, out=rise, where=step > 0)  # steps of width 0 have no area
    height = y[:, :-1] + rise * ((left + right) / 2.0 - x[:, :-1])
    area = np.einsum("bt,bt->b", np.maximum(right - left, 0.0), height)
    return area / (negatives * positives)[:, 0]


def resampled(
    labels: NDArray[np.bool_],
    scores: Floats,
    statistic: Callable[[Curves], Floats],
    *,
    plan: SamplingPlan,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Return a statistic of every model and bootstrap sample, shape (K, B, ...); scores of shape (n, K).

    All models see the same samples, so that differences between them are paired. The samples of a
    stratified plan hold both classes.
    """
    models = [ranked_scores(labels, scores[:, k]) for k in range(scores.shape[1])]
    blocks: list[list[Floats]] = [[] for _ in models]
    for weights in weight_blocks(plan, n_resamples=n_resamples, rng=rng):
        for found, ranked in zip(blocks, models, strict=True):
            found.append(statistic(weighted_curves(ranked, weights)))
    return np.stack([np.concatenate(found) for found in blocks])
