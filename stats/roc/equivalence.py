"""Non-inferiority and equivalence of two classifiers on the same images, against a stated margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from stats.checks import check_choice, checked_labels
from stats.rates.mcnemar import mcnemar_test
from stats.rates.paired_proportions import TANGO, tango_paired_ci, tango_statistic
from stats.results import NAN, ComparisonResult, joined_notes
from stats.roc.auc import disjoint_pairs
from stats.roc.delong import delong, delong_test
from stats.roc.mover import MoverDifference, mover_difference

GOALS = ("non-inferiority", "equivalence")
METHODS = {
    "delong": "DeLong",
    "mover-logit": "MOVER of logit limits",
    "mover-newcombe": "MOVER of Newcombe limits",
}
NO_VARIANCE = "the estimated variance of the difference is 0: no test of a margin"
NEAR = 0.95  # above this AUC the simulated size exceeds the level, see docs/statistics/validation.md
NEAR_ONE = (
    "AUC above 0.95: in sets of some hundred images this test shows non-inferiority too often; MOVER of "
    "logit limits does not"
)
_NAMES = {"auc": "AUC", "accuracy": "accuracy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginResult:
    """Test of new - reference against a margin, unrounded.

    Attributes
    ----------
    goal : "non-inferiority" (one test) or "equivalence" (two one-sided tests)
    estimate_new, estimate_reference, estimate : the two metrics and their difference new - reference
    std_error : of the difference; NaN for the score test, whose standard error depends on the hypothesis
    statistic_lower, p_lower : test of H0: difference <= -margin (new is worse by the margin or more)
    statistic_upper, p_upper : test of H0: difference >= +margin (new is better by the margin or more)
    p_value : p_lower for non-inferiority; the larger of the two for equivalence
    alpha : one-sided level;  conf_low, conf_high : limits of the 1 - 2 alpha interval, level `conf_level`
    non_inferior, equivalent : what the tests decide at `alpha`; None where there is no test, and
        `equivalent` is None where only non-inferiority was asked for
    superior, inferior : whether the interval lies above, or below, 0
    """

    goal: str
    metric: str
    estimate_new: float
    estimate_reference: float
    estimate: float
    std_error: float
    margin: float
    alpha: float
    statistic_lower: float
    p_lower: float
    statistic_upper: float
    p_upper: float
    p_value: float
    conf_low: float
    conf_high: float
    conf_level: float
    non_inferior: bool | None
    equivalent: bool | None
    superior: bool | None
    inferior: bool | None
    method: str
    n: int
    n_positive: int | None
    n_groups: int | None
    note: str | None

    @property
    def conclusion(self) -> str:
        """What follows and what does not, in a sentence without rounded numbers."""
        return _conclusion(self)

    def to_result(self) -> ComparisonResult:
        """Return the row as a ComparisonResult: arm a is the new one; its statistic belongs to `p_value`."""
        lower = self.goal == "non-inferiority" or not self.p_upper > self.p_lower
        return ComparisonResult(
            analysis=self.goal,
            metric=self.metric,
            arm_a="new",
            arm_b="reference",
            estimate_a=self.estimate_new,
            estimate_b=self.estimate_reference,
            estimate=self.estimate,
            std_error=self.std_error,
            statistic=self.statistic_lower if lower else self.statistic_upper,
            p_value=self.p_value,
            p_adjusted=self.p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            alternative="greater" if self.goal == "non-inferiority" else "equivalence",
            method=f"{self.method}, {self.goal} margin {self.margin:g}, one-sided alpha {self.alpha:g}",
            n=self.n,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            note=joined_notes(self.conclusion, self.note),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


def auc_margin_test(
    y_true: ArrayLike,
    score_new: ArrayLike,
    score_reference: ArrayLike,
    *,
    margin: float,
    goal: str = "non-inferiority",
    group: Sequence[Any] | None = None,
    alpha: float = 0.025,
    method: str = "delong",
) -> MarginResult:
    """Test whether the AUC of a new model is not lower than that of a reference by `margin` or more.

    Parameters
    ----------
    y_true : int array, shape (n,)   1 = positive class
    score_new, score_reference : float array, shape (n,)   same images, larger means more positive
    margin : float in (0, 1), unit AUC, fixed before the data are seen
    goal : "non-inferiority", or "equivalence" (two one-sided tests, TOST)
    group : patient of every image; given, the clustered covariance of Obuchowski 1997 is used
    alpha : one-sided level in (0, 0.5)
    method : one of METHODS
        "delong"          difference and DeLong's standard error
        "mover-logit"     limits of the difference from logit limits of each AUC; keeps its level near 1
        "mover-newcombe"  the same from Newcombe's limits: cautious everywhere; independent images only

    Raises
    ------
    ValueError : margin or alpha out of range, an unknown goal or method, "mover-newcombe" with patients, and
        what `delong_test` raises

    Notes
    -----
    H0 is rejected exactly where the 1 - 2 alpha interval lies above -margin (and below margin for
    equivalence). A margin cannot be shown where the estimated variance is 0 (identical curves, or two
    perfect ones): then p is NaN and the verdict None. Limits are not clipped, so that they agree with the
    tests. Above AUC 0.95 DeLong's test shows non-inferiority too often (5 to 11 % instead of 2.5 % in sets
    of 100 images, docs/statistics/validation.md); the note says so.
    Sources: Liu, Ma, Wu and Tai 2006 (Stat Med 25:1219); TOST: Schuirmann 1987; MOVER: Zou and Yue 2013
    (Stat Med 32:5077), see `stats.roc.mover`.
    Checked against pROC (tests/golden/comparisons_more.json).
    """
    _check(margin, alpha, goal)
    check_choice("method", method, tuple(METHODS))
    fit = delong_test(y_true, score_new, score_reference, group=group, conf_level=1.0 - 2.0 * alpha)
    difference, error = fit.estimate, fit.std_error
    tested = error > 0.0
    highest = max(fit.estimate_a, fit.estimate_b)
    near = tested and method == "delong" and highest > NEAR
    statistics = limits = (NAN, NAN)
    if method != "delong":
        scores = np.column_stack([score_new, score_reference])
        mover = _mover(y_true, scores, group, method.removeprefix("mover-"))
        if tested:
            statistics = mover.statistic(-margin), mover.statistic(margin)
            limits = mover.limits(float(ndtri(1.0 - alpha)))
    elif tested:
        half = float(ndtri(1.0 - alpha)) * error
        statistics = (difference + margin) / error, (difference - margin) / error
        limits = difference - half, difference + half
    return _decided(
        goal=goal,
        metric="auc",
        new=fit.estimate_a,
        reference=fit.estimate_b,
        difference=difference,
        std_error=error,
        margin=margin,
        alpha=alpha,
        statistics=statistics,
        limits=limits,
        method=fit.method if method == "delong" else f"{METHODS[method]} ({fit.method})",
        n=fit.n or 0,
        n_positive=fit.n_positive,
        n_groups=fit.n_groups,
        note=joined_notes(fit.note, None if tested else NO_VARIANCE, NEAR_ONE if near else None),
    )


def _mover(
    y_true: ArrayLike, scores: NDArray[np.float64], group: Sequence[Any] | None, interval: str
) -> MoverDifference:
    fit = delong(y_true, scores, names=("new", "reference"), group=group)
    return mover_difference(fit, interval=interval, pairs=disjoint_pairs(checked_labels(y_true), group))


def accuracy_margin_test(
    correct_new: ArrayLike,
    correct_reference: ArrayLike,
    *,
    margin: float,
    goal: str = "non-inferiority",
    alpha: float = 0.025,
) -> MarginResult:
    """Test whether the accuracy of a new model is not lower than that of a reference by `margin` or more.

    Parameters
    ----------
    correct_new, correct_reference : bool array, shape (n,)   True where the model is right, same image order
    margin : float in (0, 1), unit share of images, fixed before the data are seen
    goal, alpha : as in `auc_margin_test`

    Raises
    ------
    ValueError : margin or alpha out of range, an unknown goal, lengths that differ or are 0
    TypeError : values other than true and false

    Notes
    -----
    Tango's score test at the margin, and the score interval, which agree. Takes images as independent; with
    several per patient see `clustered_mcnemar_test`. Correct answers on positive images alone compare
    sensitivities. Sources: Tango 1998 (Stat Med 17:891); Liu et al. 2002 (Stat Med 21:231).
    Checked against the formula in R (tests/golden/comparisons_more.json).
    """
    _check(margin, alpha, goal)
    table = mcnemar_test(correct_new, correct_reference)
    counts = (table.both_correct, table.only_a, table.only_b, table.both_wrong)
    return _decided(
        goal=goal,
        metric="accuracy",
        new=(table.both_correct + table.only_a) / table.n,
        reference=(table.both_correct + table.only_b) / table.n,
        difference=table.difference,
        std_error=NAN,
        margin=margin,
        alpha=alpha,
        statistics=(
            tango_statistic(table.only_a, table.only_b, table.n, -margin),
            tango_statistic(table.only_a, table.only_b, table.n, margin),
        ),
        limits=tango_paired_ci(*counts, conf_level=1.0 - 2.0 * alpha),
        method=TANGO,
        n=table.n,
        n_positive=None,
        n_groups=None,
        note=None if table.only_a + table.only_b else "both are right on the same images",
    )


def _decided(
    *,
    goal: str,
    new: float,
    reference: float,
    difference: float,
    alpha: float,
    statistics: tuple[float, float],
    limits: tuple[float, float],
    **parts: Any,
) -> MarginResult:
    """Join the numbers with the verdicts that follow from them."""
    p_lower, p_upper = float(ndtr(-statistics[0])), float(ndtr(statistics[1]))
    tested = statistics[0] == statistics[0]
    both = max(p_lower, p_upper) if tested else NAN
    return MarginResult(
        goal=goal,
        estimate_new=new,
        estimate_reference=reference,
        estimate=difference,
        alpha=alpha,
        statistic_lower=statistics[0],
        p_lower=p_lower,
        statistic_upper=statistics[1],
        p_upper=p_upper,
        p_value=p_lower if goal == "non-inferiority" else both,
        conf_low=limits[0],
        conf_high=limits[1],
        conf_level=1.0 - 2.0 * alpha,
        non_inferior=p_lower <= alpha if tested else None,
        equivalent=both <= alpha if tested and goal == "equivalence" else None,
        superior=limits[0] > 0.0 if tested else None,
        inferior=limits[1] < 0.0 if tested else None,
        **parts,
    )


def _conclusion(fit: MarginResult) -> str:
    name, margin = _NAMES[fit.metric], f"{fit.margin:g}"
    if fit.non_inferior is None:
        return f"no verdict: the data hold no sampling variance of the difference in {name}"
    if fit.goal == "equivalence":
        if fit.equivalent:
            return (
                f"equivalent: differences in {name} of {margin} or more are excluded in both directions; "
                "this does not say that there is no difference"
            )
        return (
            f"equivalence not shown: a difference in {name} of {margin} or more is not excluded; this does "
            "not say that there is one"
        )
    if fit.non_inferior and fit.superior:
        return f"non-inferior and superior: the new {name} is higher, and a loss of {margin} is excluded"
    if fit.non_inferior and fit.inferior:
        return (
            f"non-inferior but lower: the new {name} is lower than the reference by less than the margin "
            f"{margin}"
        )
    if fit.non_inferior:
        return (
            f"non-inferior: a loss in {name} of {margin} or more is excluded; this does not say that the new "
            "one is as good or better"
        )
    if fit.conf_high <= -fit.margin:
        return f"worse: the new {name} is lower by the margin {margin} or more"
    return (
        f"non-inferiority not shown: a loss in {name} of {margin} or more is not excluded; this does not say "
        "that the new one is worse" + (" by that much, but it is lower" if fit.inferior else "")
    )


def _check(margin: float, alpha: float, goal: str) -> None:
    check_choice("goal", goal, GOALS)
    if not 0.0 < margin < 1.0:
        raise ValueError(
            f"`margin` is {margin}; it must lie between 0 and 1: the largest loss that would not matter, "
            "fixed before the data are seen, for example 0.05."
        )
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"`alpha` is {alpha}; it must lie between 0 and 0.5, for example 0.025.")
