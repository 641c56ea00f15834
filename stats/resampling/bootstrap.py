"""Bootstrap intervals and paired bootstrap tests of AUCs and of metrics at a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_choice, checked_labels, checked_scores
from stats.resampling.bootstrap_results import BootstrapOptions, BootstrapResult, bootstrap_result
from stats.resampling.draws import SamplingPlan, auc_replicates, sampling_plan, weight_blocks
from stats.resampling.weighted_counts import COUNT_METRICS, called_positive, count_cells, metric_of_counts
from stats.roc.auc import auc_notes
from stats.roc.placements import placements

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def auc_bootstrap_ci(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    group: Sequence[Any] | None = None,
    stratified: bool = True,
    interval: str = "bca",
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: np.random.Generator,
) -> BootstrapResult:
    """Return the AUC with its bootstrap interval.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive; only ranks matter
    group : patient of every image; given, whole patients are drawn
    stratified : draw within classes (patients: within label patterns), see
        `stats.resampling.draws.sampling_plan`
    interval : "bca", "percentile" or "basic", see `stats.resampling.limits.limits`

    Raises
    ------
    ValueError : lengths differ; a score is not finite; a class has fewer than 2 images; fewer than 99 samples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    BCa takes its acceleration from the placements: the influence values of the AUC, for images within classes
    equal to the leave-one-out jackknife. An AUC of 1 is 1 in every sample: the note says so.
    Checked against pROC `ci.auc(method = "bootstrap")` and R `boot` (tests/golden/bootstrap.json).
    """
    options = BootstrapOptions(interval=interval, conf_level=conf_level)
    labels, scores, plan = _checked(y_true, {"score": score}, group, stratified, n_resamples, rng)
    return _auc_result(labels, scores, plan, options, n_resamples, rng)


def auc_difference_bootstrap(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    group: Sequence[Any] | None = None,
    stratified: bool = True,
    interval: str = "percentile",
    p_value: str = "interval",
    alternative: str = "two-sided",
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: np.random.Generator,
) -> BootstrapResult:
    """Compare two AUCs measured on the same images by the paired bootstrap.

    Parameters
    ----------
    p_value : "interval", 1 - the level at which 0 leaves the interval; or "normal", from difference over
        standard deviation of the replicates, as pROC
    alternative : "two-sided", "greater" (AUC a above AUC b) or "less"; the interval is one-sided too

    Returns
    -------
    BootstrapResult : estimate is AUC_a - AUC_b, unit AUC, range [-1, 1]

    Raises
    ------
    ValueError, TypeError : as `auc_bootstrap_ci`; unknown options

    Notes
    -----
    Both models see the same samples. Equal values in every sample give p 1; a constant difference other than
    0 gives NaN and a note. BCa is not the default here: for two AUCs near 1 on 100 images it rejects far too
    often (docs/statistics/comparisons.md).
    Checked against pROC `roc.test(method = "bootstrap")` (tests/golden/bootstrap.json).
    """
    options = BootstrapOptions(
        interval=interval, conf_level=conf_level, alternative=alternative, p_value=p_value
    )
    both = {"score_a": score_a, "score_b": score_b}
    labels, scores, plan = _checked(y_true, both, group, stratified, n_resamples, rng)
    return _auc_result(labels, scores, plan, options, n_resamples, rng)


def bootstrap_ci(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    metric: str,
    threshold: float = 0.5,
    group: Sequence[Any] | None = None,
    stratified: bool = True,
    interval: str = "percentile",
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: np.random.Generator,
) -> BootstrapResult:
    """Return a metric at a threshold with its bootstrap interval; score >= threshold is called positive.

    Parameters
    ----------
    metric : one of `stats.resampling.weighted_counts.COUNT_METRICS`: accuracy, sensitivity,
        specificity, ppv, npv, f1, balanced_accuracy, mcc
    threshold : fixed before; one that was chosen on the same images makes the interval too narrow

    Raises
    ------
    ValueError, TypeError : as `auc_bootstrap_ci`; an unknown metric

    Notes
    -----
    The counts of all samples are one product of count weights and cells. BCa takes its acceleration from the
    jackknife that leaves out one unit and keeps the share of its stratum (R `boot::empinf(type = "jack")`).
    Samples without a value (an empty denominator) are left out and counted in the note.
    """
    check_choice("metric", metric, tuple(COUNT_METRICS))
    options = BootstrapOptions(interval=interval, conf_level=conf_level)
    labels, scores, plan = _checked(y_true, {"score": score}, group, stratified, n_resamples, rng)
    called = called_positive(scores, threshold)
    return _count_result(labels, called, plan, metric, options, n_resamples, rng)


def metric_difference_bootstrap(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    metric: str,
    threshold: float | tuple[float, float] = 0.5,
    group: Sequence[Any] | None = None,
    stratified: bool = True,
    interval: str = "percentile",
    p_value: str = "interval",
    alternative: str = "two-sided",
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: np.random.Generator,
) -> BootstrapResult:
    """Compare a metric of two models on the same images by the paired bootstrap.

    Parameters
    ----------
    metric : see `bootstrap_ci`;  threshold : of both models, or one for each
    interval, p_value, alternative : see `auc_difference_bootstrap`

    Raises
    ------
    ValueError, TypeError : as `auc_bootstrap_ci`; unknown options
    """
    check_choice("metric", metric, tuple(COUNT_METRICS))
    options = BootstrapOptions(
        interval=interval, conf_level=conf_level, alternative=alternative, p_value=p_value
    )
    both = {"score_a": score_a, "score_b": score_b}
    labels, scores, plan = _checked(y_true, both, group, stratified, n_resamples, rng)
    called = called_positive(scores, threshold)
    return _count_result(labels, called, plan, metric, options, n_resamples, rng)


def auc_influence(labels: Labels, scores: Floats, plan: SamplingPlan) -> Floats:
    """Return influence values of K AUCs over the units of their stratum, shape (n_units, K)."""
    counts = placements(labels, scores)
    m, n = counts.positive.shape[0], counts.negative.shape[0]
    values = np.empty(scores.shape)
    values[labels] = (counts.positive / n - counts.auc) / m
    values[~labels] = (counts.negative / m - counts.auc) / n
    return plan.centred(plan.unit_sums(values))


def _checked(
    y_true: ArrayLike,
    scores: Mapping[str, ArrayLike],
    group: Sequence[Any] | None,
    stratified: bool,
    n_resamples: int,
    rng: np.random.Generator,
) -> tuple[Labels, Floats, SamplingPlan]:
    check_bootstrap(n_resamples, rng)
    labels = checked_labels(y_true, min_per_class=2)
    columns = [checked_scores(values, n=labels.size, names=[name]) for name, values in scores.items()]
    return labels, np.hstack(columns), sampling_plan(labels, group=group, stratified=stratified)


def _auc_result(
    labels: Labels,
    scores: Floats,
    plan: SamplingPlan,
    options: BootstrapOptions,
    n_resamples: int,
    rng: np.random.Generator,
) -> BootstrapResult:
    estimates = placements(labels, scores).auc
    names = ["score"] if scores.shape[1] == 1 else ["a", "b"]
    inside = np.clip(estimates, 1e-300, np.nextafter(1.0, 0.0))  # the limits say what holds at 0 and 1
    return bootstrap_result(
        "auc",
        estimates,
        auc_replicates(labels, scores, plan, n_resamples=n_resamples, rng=rng),
        auc_influence(labels, scores, plan),
        options=options,
        plan=plan,
        n_positive=int(labels.sum()),
        notes=auc_notes(names, inside, np.ones(len(names))),
    )


def _count_result(
    labels: Labels,
    called: NDArray[np.bool_],
    plan: SamplingPlan,
    metric: str,
    options: BootstrapOptions,
    n_resamples: int,
    rng: np.random.Generator,
) -> BootstrapResult:
    function, k = COUNT_METRICS[metric], called.shape[1]
    units = plan.unit_sums(np.hstack([count_cells(labels, column) for column in called.T]))
    blocks = weight_blocks(plan, n_resamples=n_resamples, rng=rng, by_unit=True)
    counts = np.concatenate([weights @ units for weights in blocks])
    total = units.sum(axis=0)
    estimates = metric_of_counts(function, total.reshape(k, 4))
    influence = np.zeros((plan.n_units, k))
    for members in (stratum for stratum in plan.strata if stratum.size > 1):
        size, inside = members.size, units[members]
        without = total + (inside.sum(axis=0) - size * inside) / (size - 1)
        values = metric_of_counts(function, without.reshape(size, k, 4))
        influence[members] = (size - 1) / size * (estimates - values)
    return bootstrap_result(
        metric,
        estimates,
        metric_of_counts(function, counts.reshape(n_resamples, k, 4)),
        influence,
        options=options,
        plan=plan,
        n_positive=int(labels.sum()),
        notes=[],
    )
