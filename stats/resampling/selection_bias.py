"""Optimism of the winner: the value of the best of K models, chosen on the images that measure it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_choice, check_conf_level, checked_labels, checked_scores
from stats.resampling.draws import SamplingPlan, sampling_plan, weight_blocks, weighted_auc
from stats.resampling.limits import TIE, percentile_limits
from stats.resampling.weighted_counts import COUNT_METRICS, called_positive, count_cells, metric_of_counts
from stats.results import NAN, ComparisonResult, joined_notes, results_frame

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
Measure = Callable[[Floats, Sequence[int]], Floats]

METRICS = ("auc", *COUNT_METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionBias:
    """The winner of K models and its estimates, unrounded; larger is better.

    Attributes
    ----------
    winner : name of the best model on these images;  n_tied : models that are as good
    naive : its value on the images that chose it
    corrected : bootstrap bias-corrected value (BBC-CV)
    std_error : standard deviation of the out-of-bag values
    conf_low, conf_high : percentiles of the out-of-bag values
    optimism : naive - corrected
    fold_bias, fold_corrected : bias by Tibshirani and Tibshirani and naive - bias; NaN without folds
    test : value of the winner on other images; NaN where none were given
    chosen : float array, shape (K,)   share of bootstrap samples that each model wins; shared where tied
    replicates : float array, shape (n_used,)   out-of-bag value of the in-bag winner
    """

    metric: str
    names: tuple[str, ...]
    winner: str
    n_tied: int
    naive: float
    corrected: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    optimism: float
    fold_bias: float
    fold_corrected: float
    test: float
    chosen: Floats = field(repr=False)
    n_resamples: int
    n_used: int
    n: int
    n_positive: int
    n_groups: int | None
    method: str
    note: str | None
    replicates: Floats = field(repr=False)

    def to_results(self) -> list[ComparisonResult]:
        """Return one row per estimate: naive, corrected and, where known, by folds and on test."""
        rows = [
            ("naive", self.naive, NAN, (NAN, NAN), "value on the images that chose the winner"),
            ("corrected", self.corrected, self.std_error, (self.conf_low, self.conf_high), self.method),
            ("fold corrected", self.fold_corrected, NAN, (NAN, NAN), "Tibshirani and Tibshirani 2009"),
            ("test", self.test, NAN, (NAN, NAN), "value of the winner on other images"),
        ]
        return [
            ComparisonResult(
                analysis="selection bias",
                comparison=f"{name}, best of {len(self.names)}",
                arm_a=self.winner,
                metric=self.metric,
                estimate=value,
                std_error=error,
                conf_low=ends[0],
                conf_high=ends[1],
                conf_level=self.conf_level,
                method=method,
                n=None if name == "test" else self.n,
                n_positive=None if name == "test" else self.n_positive,
                n_groups=None if name == "test" else self.n_groups,
                note=self.note,
            )
            for name, value, error, ends, method in rows
            if name in ("naive", "corrected") or not np.isnan(value)
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return `to_results` as rows in RESULT_COLUMNS."""
        return results_frame(self.to_results())


def selection_bias(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    metric: str = "auc",
    threshold: float = 0.5,
    group: Sequence[Any] | None = None,
    stratified: bool = False,
    folds: Sequence[Any] | None = None,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: np.random.Generator,
) -> SelectionBias:
    """Return the naive and the bias-corrected value of the best of K models.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    scores : float array, shape (n, K)  predictions of K models on the images that chose among them:
        validation images, or pooled out-of-fold predictions
    metric : "auc" or one of `stats.resampling.weighted_counts.COUNT_METRICS` at `threshold`
    group : patient of every image; given, patients are in or out of the bag as a whole
    stratified : draw within classes; the source draws all rows alike
    folds : fold of every image; given, the estimate of Tibshirani and Tibshirani 2009 is added
    test : labels and (n_test, K) scores of other images, to set the winner's value there beside

    Raises
    ------
    ValueError : fewer than 2 models; lengths differ; a score is not finite; a class has fewer than 2 images;
        an unknown metric; fewer than 99 resamples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    Each bootstrap sample of rows chooses its own winner, which is measured on the images outside the sample;
    the mean is the estimate and its percentiles are the interval: BBC-CV of Tsamardinos, Greasidou and
    Borboudakis 2018 (Mach Learn 107:1895). Nothing is trained again. Models that tie in a sample count with
    their mean; one without a value in a sample does not win it. The estimate belongs to a winner chosen on
    about 63 % of the images: where models differ, it is a little low. Folds: bias = mean over folds of (best
    value in the fold - winner's value there), Tibshirani and Tibshirani 2009 (Ann Appl Stat 3:822).
    Checked against loops in R (tests/golden/selection_bias.json).
    """
    check_choice("metric", metric, METRICS)
    check_conf_level(conf_level)
    check_bootstrap(n_resamples, rng)
    labels, table, names = _checked(y_true, scores, names)
    plan = sampling_plan(labels, group=group, stratified=stratified)
    measure = _measure(labels, table, metric, threshold)
    values = measure(np.ones((1, labels.size)), range(len(names)))[0]
    if np.isnan(values).any():
        lacking = names[int(np.flatnonzero(np.isnan(values))[0])]
        raise ValueError(
            f"{lacking} has no {metric} on these images; leave the model out or change `metric`."
        )
    best = int(np.argmax(values))
    tied = int((values >= values[best] - TIE).sum())
    drawn, chosen = _out_of_bag(measure, plan, len(names), n_resamples, rng)
    kept = drawn[~np.isnan(drawn)]
    low, high = percentile_limits(kept, conf_level) if kept.size > 1 else (NAN, NAN)
    corrected = float(kept.mean()) if kept.size else NAN
    bias, fold_note = (
        (NAN, None) if folds is None else _fold_bias(measure, folds, best, values.size, labels.size)
    )
    lost = n_resamples - kept.size
    return SelectionBias(
        metric=metric,
        names=names,
        winner=names[best],
        n_tied=tied,
        naive=float(values[best]),
        corrected=corrected,
        std_error=float(kept.std(ddof=1)) if kept.size > 1 else NAN,
        conf_low=float(low),
        conf_high=float(high),
        conf_level=conf_level,
        optimism=float(values[best]) - corrected,
        fold_bias=bias,
        fold_corrected=float(values[best]) - bias,
        test=NAN if test is None else _on_test(test, names, best, metric, threshold),
        chosen=chosen,
        n_resamples=n_resamples,
        n_used=kept.size,
        n=labels.size,
        n_positive=int(labels.sum()),
        n_groups=plan.n_groups,
        method=f"BBC-CV, {plan.kind} bootstrap, {n_resamples} samples, out-of-bag percentile interval",
        note=joined_notes(
            f"{tied} models are equally good: the first is taken" if tied > 1 else None,
            f"{lost} of {n_resamples} samples have no value in or out of the bag and were left out"
            if lost
            else None,
            fold_note,
            plan.note,
        ),
        replicates=kept,
    )


def _checked(
    y_true: ArrayLike, scores: ArrayLike, names: Sequence[str] | None
) -> tuple[Labels, Floats, tuple[str, ...]]:
    labels = checked_labels(y_true, min_per_class=2)
    table = np.asarray(scores)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"`scores` has shape {table.shape}; a choice needs (n, K) with at least 2 models.")
    known = tuple(names) if names is not None else tuple(f"model {k + 1}" for k in range(table.shape[1]))
    return labels, checked_scores(scores, n=labels.size, names=known), known


def _measure(labels: Labels, scores: Floats, metric: str, threshold: float) -> Measure:
    """Return a function of weights (B, n) and models k that gives their values, shape (B, k)."""
    if metric == "auc":
        return lambda weights, models: weighted_auc(labels, scores[:, list(models)], weights)
    called = called_positive(scores, threshold)
    cells = np.stack([count_cells(labels, column) for column in called.T])

    def counted(weights: Floats, models: Sequence[int]) -> Floats:
        counts = np.stack([weights @ cells[k] for k in models], axis=1)
        return metric_of_counts(COUNT_METRICS[metric], counts)

    return counted


def _out_of_bag(
    measure: Measure, plan: SamplingPlan, k: int, n_resamples: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Out-of-bag value of each sample's in-bag winner, shape (B,); the share each model wins, (K,)."""
    found, shares = [], np.zeros(k)
    for weights in weight_blocks(plan, n_resamples=n_resamples, rng=rng):
        inside = measure(weights, range(k))
        usable = np.asarray(np.isfinite(inside).any(axis=1))
        top = np.max(np.where(np.isnan(inside), -np.inf, inside), axis=1)
        wins = np.logical_and(inside >= top[:, None] - TIE, usable[:, None])
        out = (weights == 0.0).astype(np.float64)
        total = np.where(usable, 0.0, NAN)
        for model in np.flatnonzero(wins.any(axis=0)):
            rows = np.flatnonzero(wins[:, model])
            total[rows] += measure(out[rows], [int(model)])[:, 0]
        count = np.maximum(wins.sum(axis=1), 1)
        shares += (wins / count[:, None]).sum(axis=0)
        found.append(total / count)
    return np.concatenate(found), shares / max(float(shares.sum()), 1.0)


def _fold_bias(measure: Measure, folds: Sequence[Any], best: int, k: int, n: int) -> tuple[float, str | None]:
    if len(folds) != n:
        raise ValueError(f"`folds` has {len(folds)} values for {n} images; give every image its fold.")
    codes, levels = pd.factorize(np.asarray(folds, dtype=object))
    n_folds, missing = len(levels), int((codes < 0).sum())
    if missing or n_folds < 2:
        raise ValueError(f"`folds` has {n_folds} folds and {missing} missing; give every image its fold.")
    inside = measure(np.equal(codes, np.arange(n_folds)[:, None]).astype(np.float64), range(k))
    empty = np.flatnonzero(np.isnan(inside).any(axis=1))
    if empty.size:
        return NAN, f"fold {levels[empty[0]]} has no value for some model: no estimate by folds"
    return float((inside.max(axis=1) - inside[:, best]).mean()), None


def _on_test(
    test: tuple[ArrayLike, ArrayLike], names: tuple[str, ...], best: int, metric: str, threshold: float
) -> float:
    labels = checked_labels(test[0])
    scores = checked_scores(test[1], n=labels.size, names=names)
    return float(_measure(labels, scores, metric, threshold)(np.ones((1, labels.size)), [best])[0, 0])
