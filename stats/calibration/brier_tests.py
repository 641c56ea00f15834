"""Brier score with its interval, the paired difference of two, and Spiegelhalter's test of calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr, stdtrit

from stats.calibration.probabilities import (
    FloatArray,
    checked_groups,
    checked_probabilities,
    few_groups_note,
    group_sums,
    mean_std_error,
)
from stats.checks import ALTERNATIVES, check_choice, check_conf_level, checked_labels
from stats.results import NAN, ComparisonResult, joined_notes, results_frame

IMAGES = "mean of per-image squared errors, t with n - 1 df"
GROUPS = "mean of per-image squared errors, sums per group, t with G - 1 df"
NO_SPREAD = (
    "all images have the same squared error: the interval has no width and understates the uncertainty"
)
IDENTICAL = "both models have the same squared error on every image: statistic 0, p 1 by definition"
CONSTANT = "the difference is the same on every image, variance 0: no test"
ROUNDING = 1e-14  # a standard error below this share of the mean error is rounding, hence 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrierResult:
    """Brier score of one model, unrounded.

    Attributes
    ----------
    brier : mean of (prob - y)^2, 0 to 1, smaller is better
    scaled : 1 - brier / (rate (1 - rate)), the index of prediction accuracy: 1 perfect, 0 no better than the
        rate of positives for every image, negative worse
    std_error, conf_low, conf_high, scaled_std_error, scaled_low, scaled_high : of both
    df : of the t quantile
    """

    brier: float
    std_error: float
    conf_low: float
    conf_high: float
    scaled: float
    scaled_std_error: float
    scaled_low: float
    scaled_high: float
    df: float
    conf_level: float
    n: int
    n_positive: int
    n_groups: int | None
    method: str
    note: str | None

    def to_results(self) -> list[ComparisonResult]:
        """Return two rows: metrics "brier" and "brier_scaled"."""
        values = {
            "brier": (self.brier, self.std_error, self.conf_low, self.conf_high),
            "brier_scaled": (self.scaled, self.scaled_std_error, self.scaled_low, self.scaled_high),
        }
        return [
            ComparisonResult(
                analysis="brier",
                metric=metric,
                estimate=estimate,
                std_error=error,
                df=self.df,
                conf_low=low,
                conf_high=high,
                conf_level=self.conf_level,
                method=self.method + ("; delta method" if metric == "brier_scaled" else ""),
                n=self.n,
                n_positive=self.n_positive,
                n_groups=self.n_groups,
                note=self.note,
            )
            for metric, (estimate, error, low, high) in values.items()
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return two rows in RESULT_COLUMNS."""
        return results_frame(self.to_results())


def brier_score(
    y_true: ArrayLike, prob: ArrayLike, *, group: Sequence[Any] | None = None, conf_level: float = 0.95
) -> BrierResult:
    """Return the Brier score and its scaled form with intervals.

    Parameters
    ----------
    y_true : int array, shape (n,)    1 = positive class
    prob : float array, shape (n,)    probability of the positive class
    group : patient of every image; given, the errors are summed per group

    Raises
    ------
    ValueError : one class only; a probability outside [0, 1]; lengths differ

    Notes
    -----
    Assumes independent images, or independent groups; class frequencies are taken as sampled, not fixed.
    The interval is that of a mean (t), clipped to [0, 1]; the scaled score is clipped at 1 and uses the delta
    method, the rate of positives being estimated from the same images.
    Sources: Brier 1950 (Mon Weather Rev 78:1); Kattan and Gerds 2018 (Diagn Progn Res 2:7), scaled score.
    Checked against R `t.test` and `rms::val.prob` (tests/golden/calibration.json).
    """
    check_conf_level(conf_level)
    labels = checked_labels(y_true)
    p = checked_probabilities(prob, n=labels.size, names=["prob"])[:, 0]
    codes, n_groups = checked_groups(group, labels.size)
    y = labels.astype(np.float64)
    loss = (p - y) ** 2
    brier, rate = float(loss.mean()), float(y.mean())
    null = rate * (1.0 - rate)
    error, df = mean_std_error(loss, codes, n_groups)
    error = 0.0 if error <= ROUNDING * brier else error
    influence = -(loss - brier) / null + brier * (1.0 - 2.0 * rate) / null**2 * (y - rate)
    scaled_error = mean_std_error(influence, codes, n_groups)[0]
    quantile = float(stdtrit(df, 0.5 + conf_level / 2.0))
    scaled = 1.0 - brier / null
    return BrierResult(
        brier=brier,
        std_error=error,
        conf_low=max(brier - quantile * error, 0.0),
        conf_high=min(brier + quantile * error, 1.0),
        scaled=scaled,
        scaled_std_error=scaled_error,
        scaled_low=scaled - quantile * scaled_error,
        scaled_high=min(scaled + quantile * scaled_error, 1.0),
        df=df,
        conf_level=conf_level,
        n=labels.size,
        n_positive=int(labels.sum()),
        n_groups=n_groups,
        method=IMAGES if group is None else GROUPS,
        note=joined_notes(NO_SPREAD if error == 0.0 else None, few_groups_note(n_groups)),
    )


def brier_difference_test(
    y_true: ArrayLike,
    prob_a: ArrayLike,
    prob_b: ArrayLike,
    *,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    alternative: str = "two-sided",
) -> ComparisonResult:
    """Compare the Brier scores of two models on the same images.

    Parameters
    ----------
    y_true : int array, shape (n,)             1 = positive class
    prob_a, prob_b : float array, shape (n,)   probabilities of the positive class
    group : patient of every image; given, the differences are summed per group
    alternative : "two-sided", "greater" (Brier a above Brier b, a is worse) or "less"

    Returns
    -------
    ComparisonResult : estimate is Brier_a - Brier_b, range [-1, 1]; below 0, model a is better

    Raises
    ------
    ValueError : one class only; a probability outside [0, 1]; lengths differ

    Notes
    -----
    A paired t test of the per-image squared errors. Equal errors everywhere give statistic 0 and p 1; a
    difference that is the same on every image has no test. Checked against R `t.test(paired = TRUE)`.
    """
    check_conf_level(conf_level)
    check_choice("alternative", alternative, ALTERNATIVES)
    labels = checked_labels(y_true)
    columns = [
        checked_probabilities(prob, n=labels.size, names=[name])[:, 0]
        for name, prob in (("prob_a", prob_a), ("prob_b", prob_b))
    ]
    codes, n_groups = checked_groups(group, labels.size)
    loss_a, loss_b = ((column - labels) ** 2 for column in columns)
    gap = loss_a - loss_b
    estimate = float(gap.mean())
    error, df = mean_std_error(gap, codes, n_groups)
    error = 0.0 if error <= ROUNDING * float(np.abs(gap).mean()) else error
    statistic = estimate / error if error > 0.0 else (0.0 if not gap.any() else NAN)
    note = None if error != 0.0 else (CONSTANT if gap.any() else IDENTICAL)
    low, high = _t_limits(estimate, error, df, conf_level, alternative)
    p_value = 1.0 if not gap.any() else _t_p(statistic, df, alternative)
    return ComparisonResult(
        analysis="brier",
        metric="brier",
        arm_a="a",
        arm_b="b",
        estimate_a=float(loss_a.mean()),
        estimate_b=float(loss_b.mean()),
        estimate=estimate,
        std_error=error,
        statistic=statistic,
        df=df,
        p_value=p_value,
        p_adjusted=p_value,
        conf_low=NAN if note == CONSTANT else low,
        conf_high=NAN if note == CONSTANT else high,
        conf_level=conf_level,
        alternative=alternative,
        method="paired difference, " + (IMAGES if group is None else GROUPS),
        n=labels.size,
        n_positive=int(labels.sum()),
        n_groups=n_groups,
        note=joined_notes(note, few_groups_note(n_groups)),
    )


def spiegelhalter_test(
    y_true: ArrayLike, prob: ArrayLike, *, group: Sequence[Any] | None = None
) -> ComparisonResult:
    """Test whether the Brier score is what calibrated probabilities would give.

    Parameters
    ----------
    y_true : int array, shape (n,)    1 = positive class; one class alone is refused
    prob : float array, shape (n,)    probability of the positive class
    group : patient of every image; given, the variance is that of the sums per group

    Returns
    -------
    ComparisonResult : estimate is the Brier score minus its expectation if `prob` is right; statistic z

    Raises
    ------
    ValueError : one class only; a probability outside [0, 1]; lengths differ

    Notes
    -----
    z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)), normal if every image is positive with its own
    probability, independently. With groups the denominator is the root of the squared sums per group. It has
    power against probabilities that are too extreme or too timid, little against others. Images predicted
    exactly 0 or 1 and wrong have probability 0 under the hypothesis: no z, NaN, said in a note.
    Source: Spiegelhalter 1986 (Stat Med 5:421). Checked against R `rms::val.prob`.
    """
    labels = checked_labels(y_true)
    p = checked_probabilities(prob, n=labels.size, names=["prob"])[:, 0]
    codes, n_groups = checked_groups(group, labels.size)
    terms: FloatArray = (labels - p) * (1.0 - 2.0 * p)
    if codes is None or n_groups is None:
        variance = float(((1.0 - 2.0 * p) ** 2 * p * (1.0 - p)).sum())
    else:
        variance = float((group_sums(terms[:, None], codes, n_groups) ** 2).sum())
    wrong = int((((p == 0.0) & labels) | ((p == 1.0) & ~labels)).sum())
    statistic = NAN if wrong or variance == 0.0 else float(terms.sum()) / variance**0.5
    note = "the variance under the hypothesis is 0: no test" if variance == 0.0 else None
    if wrong:
        note = f"{wrong} images predicted exactly 0 or 1 are wrong, which calibration excludes: no z"
    p_value = 2.0 * float(ndtr(-abs(statistic)))
    return ComparisonResult(
        analysis="spiegelhalter",
        metric="brier",
        estimate=float(terms.mean()),
        std_error=NAN if wrong else variance**0.5 / labels.size,
        statistic=statistic,
        p_value=p_value,
        p_adjusted=p_value,
        method="Spiegelhalter z" + ("" if group is None else ", variance from sums per group"),
        n=labels.size,
        n_positive=int(labels.sum()),
        n_groups=n_groups,
        note=joined_notes(note, few_groups_note(n_groups)),
    )


def _t_p(statistic: float, df: float, alternative: str) -> float:
    if alternative == "two-sided":
        return 2.0 * float(stdtr(df, -abs(statistic)))
    return float(stdtr(df, -statistic if alternative == "greater" else statistic))


def _t_limits(
    estimate: float, error: float, df: float, conf_level: float, alternative: str
) -> tuple[float, float]:
    """Limits of a difference of Brier scores, within [-1, 1]; the open side is its end."""
    sides = 2.0 if alternative == "two-sided" else 1.0
    half = float(stdtrit(df, 1.0 - (1.0 - conf_level) / sides)) * error
    low = -1.0 if alternative == "less" else max(estimate - half, -1.0)
    high = 1.0 if alternative == "greater" else min(estimate + half, 1.0)
    return low, high
