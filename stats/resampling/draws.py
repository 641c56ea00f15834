"""Bootstrap samples as count weights, and the AUC of every sample and model from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.calibration.probabilities import check_bootstrap, checked_groups
from stats.checks import checked_labels
from stats.results import NAN, joined_notes

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]

BLOCK_ROWS = 2048  # samples handled at once: a row of them stays in the first cache
BLOCK_CELLS = 8_000_000  # samples x images handled at once: bounds the working memory at about 0.25 GB
_EXACT_SINGLE = 2**23  # half-integers below this are exact in float32, their sums too
_PATTERNS = ("negative images only", "positive images only", "images of both classes")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """What is drawn: units (images or patients) with replacement within strata.

    Attributes
    ----------
    strata : the units of each stratum, int arrays; every unit is in one of them
    codes : unit of every image, shape (n,); None where the images are the units
    n, n_units : images and units;  n_groups : patients, None without them
    kind : how units are drawn, in words
    note : what a reader must know, or None
    """

    strata: tuple[NDArray[np.intp], ...]
    codes: NDArray[np.intp] | None
    n: int
    n_units: int
    n_groups: int | None
    kind: str
    note: str | None

    def unit_sums(self, values: Floats) -> Floats:
        """Return the sums of values (n, k) within units, shape (n_units, k)."""
        if self.codes is None:
            return values
        columns = [np.bincount(self.codes, weights=column, minlength=self.n_units) for column in values.T]
        return np.column_stack(columns)

    def centred(self, units: Floats) -> Floats:
        """Return unit values (n_units, k) less the mean of their stratum."""
        out = np.empty_like(units)
        for members in self.strata:
            out[members] = units[members] - units[members].mean(axis=0)
        return out


def sampling_plan(
    labels: Labels, *, group: Sequence[Any] | None = None, stratified: bool = True
) -> SamplingPlan:
    """Return how to draw bootstrap samples of n images with checked labels.

    Parameters
    ----------
    labels : bool array, shape (n,)   True = positive class
    group : patient of every image; given, whole patients are drawn
    stratified : images are drawn within their class; patients within their label pattern (negative images
        only, positive only, both), so that the number of patients of each pattern is fixed. False: all
        units are drawn alike, and a sample may lack a class

    Raises
    ------
    ValueError : groups of another length than the labels; a missing group; fewer than 2 groups
    """
    codes, n_groups = checked_groups(group, labels.size)
    if codes is None or n_groups is None:
        pattern, units = labels.astype(np.intp), labels.size
    else:
        units = n_groups
        has_positive = np.bincount(codes, weights=labels, minlength=units) > 0
        has_negative = np.bincount(codes, weights=~labels, minlength=units) > 0
        pattern = np.where(has_positive & has_negative, 2, has_positive.astype(np.intp))
    strata = [np.flatnonzero(pattern == p) for p in range(3)] if stratified else [np.arange(units)]
    lone = [_PATTERNS[p] for p, members in enumerate(strata) if stratified and members.size == 1]
    notes = [f"only one unit has {what}: it is in every sample, so its variance is missing" for what in lone]
    if n_groups is not None and n_groups < 30:
        notes.append(f"only {n_groups} groups: bootstrap intervals are rough")
    kind = "stratified" if stratified else "unstratified"
    return SamplingPlan(
        strata=tuple(members for members in strata if members.size),
        codes=codes,
        n=labels.size,
        n_units=units,
        n_groups=n_groups,
        kind=kind if codes is None else f"clustered {kind}",
        note=joined_notes(*notes),
    )


def weight_blocks(
    plan: SamplingPlan, *, n_resamples: int, rng: np.random.Generator, by_unit: bool = False
) -> Iterator[Floats]:
    """Yield blocks of count weights, shape (b, n): how often each image is in each sample.

    Each block is the transpose of a C-ordered (n, b) array. The rows of a block depend on n only, hence the
    same generator gives the same samples for any models. `by_unit`: of units, shape (b, n_units).
    """
    step = max(1, min(BLOCK_ROWS, BLOCK_CELLS // plan.n))
    for start in range(0, n_resamples, step):
        rows = min(step, n_resamples - start)
        units = np.empty((plan.n_units, rows))
        for members in plan.strata:
            units[members] = _drawn(members.size, rows, rng)
        yield (units if plan.codes is None or by_unit else units[plan.codes]).T


def count_weights(
    y_true: ArrayLike,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    group: Sequence[Any] | None = None,
    stratified: bool = True,
) -> Floats:
    """Return the count weights of all bootstrap samples, shape (B, n), whole numbers.

    Row b says how often each image is in sample b. Applied to the predictions of several models it makes
    their comparison paired. See `sampling_plan` for `group` and `stratified`.

    Raises
    ------
    ValueError : one class only; labels other than 0 and 1; groups that do not fit; fewer than 99 resamples
    TypeError : `rng` is no numpy Generator
    """
    plan = sampling_plan(checked_labels(y_true), group=group, stratified=stratified)
    check_bootstrap(n_resamples, rng)
    return np.concatenate(list(weight_blocks(plan, n_resamples=n_resamples, rng=rng)))


def weighted_auc(labels: Labels, scores: Floats, weights: Floats) -> Floats:
    """Return the AUC of every sample and model, shape (B, K), ties one half.

    Parameters
    ----------
    labels : bool array, shape (n,)      both classes present
    scores : float array, shape (n, K)   finite
    weights : float array, shape (B, n)  whole numbers, 0 or more

    Notes
    -----
    AUC = w+' Psi w- / (sum w+ sum w-), Psi the kernel 0, 1/2, 1. Psi of sorted images is a staircase: one
    running sum over the smaller class, read off at each image of the larger, replaces the m x n product. The
    sums are whole or half numbers and exact. NaN where a sample lacks a class.
    """
    return _wins(labels, scores, weights) / _pairs(labels, weights)[:, None]


def auc_replicates(
    labels: Labels, scores: Floats, plan: SamplingPlan, *, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Return `weighted_auc` of the samples of a plan, shape (B, K); all models see the same samples."""
    blocks = weight_blocks(plan, n_resamples=n_resamples, rng=rng)
    return np.concatenate([weighted_auc(labels, scores, weights) for weights in blocks])


def _pairs(labels: Labels, weights: Floats) -> Floats:
    pairs = weights[:, labels].sum(axis=1) * weights[:, ~labels].sum(axis=1)
    return np.where(pairs > 0, pairs, NAN)


def _wins(labels: Labels, scores: Floats, weights: Floats) -> Floats:
    """Weighted number of pairs that each model orders right, shape (B, K)."""
    fewer = labels if 2 * labels.sum() <= labels.size else ~labels
    few = np.ascontiguousarray(weights.T[fewer])
    many = np.ascontiguousarray(weights.T[~fewer])
    if few.sum(axis=0).max() * many.sum(axis=0).max() < _EXACT_SINGLE:
        few, many = few.astype(np.float32), many.astype(np.float32)
    below = np.empty((scores.shape[1], weights.shape[0]))
    running = np.zeros((few.shape[0] + 1, few.shape[1]), dtype=few.dtype)
    read, tied = np.empty_like(many), np.empty_like(many)
    for k, score in enumerate(scores.T):
        order = np.argsort(score[fewer])
        for total, row, out in zip(running, few[order], running[1:], strict=False):
            np.add(total, row, out=out)
        ranked = score[fewer][order]
        left = np.searchsorted(ranked, score[~fewer], side="left")
        right = np.searchsorted(ranked, score[~fewer], side="right")
        np.take(running, left, axis=0, out=read, mode="clip")
        ties = bool((left != right).any())
        if ties:
            np.take(running, right, axis=0, out=tied, mode="clip")
        read += tied if ties else read  # twice the weight of the fewer below, ties one half
        below[k] = 0.5 * np.einsum("ib,ib->b", read, many)
    if fewer is labels:  # `below` counts positives below negatives: the pairs that are ordered wrongly
        below = few.sum(axis=0) * many.sum(axis=0, dtype=np.float64) - below
    return below.T


def _drawn(size: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts of `size` draws with replacement from `size` units, shape (size, rows)."""
    cells = rng.integers(size, size=(rows, size))
    cells *= rows
    cells += np.arange(rows)[:, None]
    return np.bincount(cells.ravel(), minlength=rows * size).reshape(size, rows)
