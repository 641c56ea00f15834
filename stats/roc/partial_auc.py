"""Partial area under the ROC curve over a range of specificity or sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_choice, check_conf_level, checked_labels, checked_scores
from stats.resampling.draws import sampling_plan
from stats.resampling.limits import percentile_limits
from stats.resampling.paired_bootstrap import SAME, paired_result
from stats.results import NAN, ComparisonResult, joined_notes
from stats.roc.resampled import (
    Curves,
    observed_curve,
    partial_area,
    resampled,
)

FOCUS = ("specificity", "sensitivity")
BELOW_DIAGONAL = "the partial AUC lies below that of the diagonal: McClish's correction is not defined"
# A range with fewer images: the interval held the truth in 81 to 95 % of simulated sets instead of 95 %.
FEW_IMAGES = 15
FEW_IN_RANGE = (
    "about {k:.0f} {kind} images lie in this range: the bootstrap interval is too narrow for AUCs near 1"
)
FLAT = (
    "every bootstrap sample gives the same value: the interval has no width and understates the uncertainty"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAucResult:
    """Partial AUC of one model with its bootstrap interval, unrounded.

    `estimate` is an area (0 to high - low), or McClish's index (0.5 on the diagonal, 1 perfect) where
    `corrected`; `std_error` is the standard deviation of the bootstrap values.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    focus: str
    low: float
    high: float
    corrected: bool
    n_resamples: int
    n_positive: int
    n_negative: int
    n_groups: int | None
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row (analysis "partial auc")."""
        return ComparisonResult(
            analysis="partial auc",
            metric=_metric(self.focus, self.low, self.high, self.corrected),
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


def partial_auc(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    low: float,
    high: float = 1.0,
    focus: str = "specificity",
    correct: bool = False,
) -> float:
    """Return the area under the ROC curve between two specificities (or sensitivities).

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive
    low, high : range of `focus`, 0 <= low < high <= 1
    focus : "specificity" (the area lies over the specificity axis) or "sensitivity"
    correct : McClish's index (1 + (area - min) / (max - min)) / 2 instead of the area; NaN below the diagonal

    Raises
    ------
    ValueError : lengths differ; a score is not finite; one class only; a range outside 0 to 1

    Notes
    -----
    Straight lines join the points of the curve, so ties count as in the whole AUC and both ends of the range
    are interpolated. Sources: McClish 1989 (Med Decis Making 9:190); for sensitivity Jiang, Metz and
    Nishikawa 1996 (Radiology 201:745). Equals pROC `auc(partial.auc =)` (tests/golden/roc.json).
    """
    _check_range(low, high, focus)
    labels = checked_labels(y_true)
    scores = checked_scores(score, n=labels.size, names=["score"])
    area = _area(observed_curve(labels, scores[:, 0]), low, high, focus)[0]
    return float(_reported(np.array(area), low, high, correct))


def partial_auc_ci(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    low: float,
    high: float = 1.0,
    focus: str = "specificity",
    correct: bool = False,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> PartialAucResult:
    """Return the partial AUC with its percentile bootstrap interval; see `partial_auc`.

    Parameters
    ----------
    rng : random generator
    n_resamples : bootstrap samples; positives and negatives are resampled apart (stratified)
    group : patient of every image; given, whole patients are resampled within their kind (positive images
        only, negative only, both; Rutter 2000)

    Raises
    ------
    TypeError : no random generator
    ValueError : as `partial_auc`; fewer than 99 resamples; a level outside 0 to 1

    Notes
    -----
    Checked against pROC `ci.auc(method = "bootstrap")` within Monte Carlo error (tests/golden/roc.json).
    McClish's index of a sample may lie below 0.5, as in pROC. Where the range holds fewer than FEW_IMAGES
    images of its class the interval is too narrow (docs/statistics/validation.md), which the note says.
    Rutter 2000: Acad Radiol 7:413.
    """
    _check_range(low, high, focus)
    check_conf_level(conf_level)
    check_bootstrap(n_resamples, rng)
    labels = checked_labels(y_true, min_per_class=2)
    scores = checked_scores(score, n=labels.size, names=["score"])
    plan = sampling_plan(labels, group=group)
    area = float(_area(observed_curve(labels, scores[:, 0]), low, high, focus)[0])
    drawn = resampled(
        labels,
        scores,
        lambda curves: _area(curves, low, high, focus),
        plan=plan,
        n_resamples=n_resamples,
        rng=rng,
    )
    values = _scaled(drawn[0], low, high, correct)
    conf_low, conf_high = percentile_limits(values, conf_level)
    estimate = float(_reported(np.array(area), low, high, correct))
    below = BELOW_DIAGONAL if np.isnan(estimate) else None
    return PartialAucResult(
        estimate=estimate,
        std_error=float(np.std(values, ddof=1)),
        conf_low=NAN if below else float(conf_low),
        conf_high=NAN if below else float(conf_high),
        conf_level=conf_level,
        focus=focus,
        low=low,
        high=high,
        corrected=correct,
        n_resamples=n_resamples,
        n_positive=int(labels.sum()),
        n_negative=int((~labels).sum()),
        n_groups=plan.n_groups,
        method=f"percentile interval of {n_resamples} {plan.kind} bootstrap samples",
        note=joined_notes(
            below,
            plan.note,
            FLAT if float(np.ptp(values)) < SAME else _few_images(labels, low, high, focus),
        ),
    )


def partial_auc_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    low: float,
    high: float = 1.0,
    focus: str = "specificity",
    correct: bool = False,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> ComparisonResult:
    """Compare the partial AUCs of two models on the same images by the paired bootstrap.

    Returns
    -------
    ComparisonResult : estimate is partial AUC a - b; statistic = estimate / bootstrap standard deviation,
        referred to the normal distribution; the interval is the percentile interval of the difference

    Raises
    ------
    As `partial_auc_ci`

    Notes
    -----
    Both models see the same bootstrap samples. The same value in every sample gives statistic 0 and p 1; a
    constant difference gives NaN and a note. Source: Robin et al. 2011 (BMC Bioinformatics 12:77), after
    Hanley and McNeil 1983; pROC `roc.test(method = "bootstrap")` (tests/golden/roc.json).
    """
    _check_range(low, high, focus)
    check_conf_level(conf_level)
    check_bootstrap(n_resamples, rng)
    labels = checked_labels(y_true, min_per_class=2)
    columns = [
        checked_scores(column, n=labels.size, names=[name])
        for name, column in (("score_a", score_a), ("score_b", score_b))
    ]
    plan = sampling_plan(labels, group=group)
    scores = np.hstack(columns)
    areas = [_area(observed_curve(labels, scores[:, k]), low, high, focus)[0] for k in range(2)]
    one, other = (float(_reported(np.array(area), low, high, correct)) for area in areas)
    drawn = resampled(
        labels,
        scores,
        lambda curves: _area(curves, low, high, focus),
        plan=plan,
        n_resamples=n_resamples,
        rng=rng,
    )
    values = _scaled(drawn, low, high, correct)
    gap = values[0] - values[1]
    few = _few_images(labels, low, high, focus) if float(np.ptp(gap)) >= SAME else None
    return paired_result(
        one,
        other,
        gap,
        analysis="partial auc",
        metric=_metric(focus, low, high, correct),
        conf_level=conf_level,
        labels=labels,
        plan=plan,
        note=joined_notes(
            BELOW_DIAGONAL if np.isnan(one) or np.isnan(other) else None,
            few,
        ),
    )


def _few_images(labels: NDArray[np.bool_], low: float, high: float, focus: str) -> str | None:
    """Return the warning that the range holds few images of the class whose rate it is about, or None."""
    images = (high - low) * float((labels if focus == "sensitivity" else ~labels).sum())
    if images >= FEW_IMAGES:
        return None
    kind = "positive" if focus == "sensitivity" else "negative"
    return FEW_IN_RANGE.format(k=images, kind=kind)


def _area(curves: Curves, low: float, high: float, focus: str) -> NDArray[np.float64]:
    return partial_area(curves if focus == "specificity" else curves.swapped(), low, high)


def _scaled(areas: NDArray[np.float64], low: float, high: float, correct: bool) -> NDArray[np.float64]:
    """Areas, or McClish's index of them."""
    if not correct:
        return areas
    diagonal = (high - low) * (1.0 - (low + high) / 2.0)
    return (1.0 + (areas - diagonal) / (high - low - diagonal)) / 2.0


def _reported(areas: NDArray[np.float64], low: float, high: float, correct: bool) -> NDArray[np.float64]:
    """As `_scaled`, with NaN for an index below that of the diagonal."""
    values = _scaled(areas, low, high, correct)
    return np.where(values < 0.5 - SAME, NAN, values) if correct else values


def _metric(focus: str, low: float, high: float, correct: bool) -> str:
    name = "partial auc (McClish index)" if correct else "partial auc"
    return f"{name}, {focus} {low:g} to {high:g}"


def _check_range(low: float, high: float, focus: str) -> None:
    check_choice("focus", focus, FOCUS)
    if not 0.0 <= low < high <= 1.0:
        raise ValueError(
            f"The range of {focus} is {low} to {high}; it needs 0 <= `low` < `high` <= 1, as 0.9 to 1."
        )
