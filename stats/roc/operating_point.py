"""Sensitivity at a fixed specificity, and the other way round, with interval and comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_conf_level, checked_labels, checked_scores
from stats.resampling.draws import sampling_plan
from stats.resampling.paired_bootstrap import paired_result
from stats.results import ComparisonResult
from stats.roc.rate_intervals import rate_at, rate_intervals
from stats.roc.resampled import observed_curve, resampled


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPointResult:
    """One rate of one model where the other rate is fixed, unrounded.

    `metric` is "sensitivity" or "specificity" (the estimated rate), `fixed` the value of the other one;
    `std_error` is the bootstrap standard deviation, NaN for the exact interval.
    """

    metric: str
    fixed: float
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    n_positive: int
    n_negative: int
    n_groups: int | None
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row (analysis "operating point")."""
        return ComparisonResult(
            analysis="operating point",
            metric=metric_name(self.metric, self.fixed),
            estimate=self.estimate,
            std_error=self.std_error,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            n=self.n_positive + self.n_negative,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            method=self.method,
            note=self.note,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return `to_result` as one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


def operating_point_ci(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    specificity: float | None = None,
    sensitivity: float | None = None,
    interval: str = "hybrid",
    rng: np.random.Generator | None = None,
    n_resamples: int = 2000,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> OperatingPointResult:
    """Return the sensitivity at a fixed specificity, or the other way round, with its interval.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive
    specificity, sensitivity : the rate held fixed, one of the two, strictly between 0 and 1
    interval : one of `stats.roc.rate_intervals.INTERVALS`
        "hybrid"       Wilson's interval at the observed threshold, widened by MOVER by how far the rate moves
                       over the distribution-free interval of the threshold; needs no `rng`
        "percentile"   as pROC `ci.se`
        "zhou-qin"     bootstrap mean and deviation of the rate with z^2/2 successes and failures added
        "exact"        never below its level for continuous scores, wide in small samples; needs no `rng`
    group : patient of every image; given, whole patients are resampled ("percentile" only)

    Raises
    ------
    ValueError : lengths differ; a score is not finite; a class has fewer than 2 images; both rates or none
        fixed; a rate outside 0 to 1; an interval that does not allow groups
    TypeError : a bootstrap interval without a random generator

    Notes
    -----
    The rate is read from the straight lines between the points of the curve, as pROC `coords`. The intervals
    hold the uncertainty of the threshold too; a Wilson interval at the observed threshold alone does not.
    Measured coverage at level 0.95 (binormal scores, 20 to 1000 images per class, specificity 0.5 to 0.99):
    hybrid 0.96 to 1, exact 0.99 to 1; the bootstrap intervals are near 0.95 in the middle of the curve, but
    0.76 (percentile) and 0.59 (zhou-qin) for a sensitivity of 0.96 from 20 positives, because their samples
    hold little of what was never seen.
    Sources: Zou and Donner 2008 (Stat Med 27:1693), MOVER; Zhou and Qin 2005 (Stat Med 24:465), here on the
    interpolated curve; Schaefer 1994 (Stat Med 13:1551) for bounds from order statistics; Rutter 2000 (Acad
    Radiol 7:413) for patients. Checked against pROC (tests/golden/roc.json).
    """
    metric, fixed = checked_fixed(specificity, sensitivity)
    labels = checked_labels(y_true, min_per_class=2)
    scores = checked_scores(score, n=labels.size, names=["score"])
    at = np.array([fixed])
    estimate, error, low, high, method, note = rate_intervals(
        labels,
        scores[:, 0],
        metric=metric,
        fixed=at,
        interval=interval,
        rng=rng,
        n_resamples=n_resamples,
        group=group,
        conf_level=conf_level,
    )
    return OperatingPointResult(
        metric=metric,
        fixed=fixed,
        estimate=float(estimate[0]),
        std_error=float(error[0]),
        conf_low=float(low[0]),
        conf_high=float(high[0]),
        conf_level=conf_level,
        n_positive=int(labels.sum()),
        n_negative=int((~labels).sum()),
        n_groups=sampling_plan(labels, group=group).n_groups,
        method=method,
        note=note,
    )


def operating_point_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    specificity: float | None = None,
    sensitivity: float | None = None,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> ComparisonResult:
    """Compare the sensitivities of two models at the same specificity (or the reverse), paired bootstrap.

    Returns
    -------
    ComparisonResult : estimate is rate a - b; statistic = estimate / bootstrap standard deviation, referred
        to the normal distribution; the interval is the percentile interval of the difference

    Raises
    ------
    As `operating_point_ci`

    Notes
    -----
    Each model has its own threshold, drawn anew in every sample; both see the same samples. The same rates
    in every sample give statistic 0 and p 1; a constant difference gives NaN and a note.
    As pROC `roc.test(method = "specificity")` (tests/golden/roc.json).
    """
    metric, fixed = checked_fixed(specificity, sensitivity)
    check_conf_level(conf_level)
    check_bootstrap(n_resamples, rng)
    labels = checked_labels(y_true, min_per_class=2)
    columns = [
        checked_scores(column, n=labels.size, names=[name])
        for name, column in (("score_a", score_a), ("score_b", score_b))
    ]
    plan = sampling_plan(labels, group=group)
    scores = np.hstack(columns)
    at = np.array([fixed])
    one, other = (float(rate_at(observed_curve(labels, scores[:, k]), metric, at)[0, 0]) for k in range(2))
    values = resampled(
        labels,
        scores,
        lambda curves: rate_at(curves, metric, at)[:, 0],
        plan=plan,
        n_resamples=n_resamples,
        rng=rng,
    )
    return paired_result(
        one,
        other,
        values[0] - values[1],
        analysis="operating point",
        metric=metric_name(metric, fixed),
        conf_level=conf_level,
        labels=labels,
        plan=plan,
    )


def metric_name(metric: str, fixed: float) -> str:
    """Return the metric in words, as "sensitivity at specificity 0.9"."""
    return f"{metric} at {'specificity' if metric == 'sensitivity' else 'sensitivity'} {fixed:g}"


def checked_fixed(specificity: float | None, sensitivity: float | None) -> tuple[str, float]:
    """Return which rate is estimated and the value of the fixed one.

    Raises
    ------
    ValueError : both or none given; a value outside 0 to 1
    """
    if (specificity is None) == (sensitivity is None):
        raise ValueError("Fix one rate: give either `specificity` or `sensitivity`.")
    metric = "sensitivity" if specificity is not None else "specificity"
    fixed = float(specificity if specificity is not None else sensitivity)  # type: ignore[arg-type]
    if not 0.0 < fixed < 1.0:
        name = "specificity" if specificity is not None else "sensitivity"
        raise ValueError(f"`{name}` is {fixed}; it must lie strictly between 0 and 1, for example 0.9.")
    return metric, fixed
