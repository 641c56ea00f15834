"""Wilcoxon's rank-sum and signed-rank tests with R's rules (`wilcox.test`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from stats.checks import ALTERNATIVES, check_choice, check_conf_level, checked_sample
from stats.ranks.distributions import rank_sum_distribution, signed_rank_distribution
from stats.ranks.shift_intervals import RankShift, exact_limits, normal_limits
from stats.results import NAN, ComparisonResult, joined_notes

EXACT_BELOW = 50  # R: exact p-values for samples of fewer than 50 values without ties


@dataclass(frozen=True, slots=True, kw_only=True)
class WilcoxonResult:
    """Rank-sum or signed-rank test, unrounded.

    Attributes
    ----------
    test : "rank-sum" or "signed-rank"
    statistic : W of the first sample (rank-sum) or V of the positive differences (signed-rank)
    z : normal statistic, NaN for exact p-values
    hodges_lehmann : median of the pairwise differences first - second (rank-sum), or of the Walsh averages
    conf_low, conf_high : the shifts that the test does not reject
    conf_level_achieved : R's level where the asked one cannot be reached with so few values
    correction, exact : what was really used
    """

    test: str
    n: tuple[int, int]
    statistic: float
    z: float
    p_value: float
    correction: bool
    exact: bool
    hodges_lehmann: float
    conf_low: float
    conf_high: float
    conf_level: float
    conf_level_achieved: float
    median_a: float
    median_b: float
    alternative: str
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row as a ComparisonResult: estimates are medians, `estimate` is Hodges-Lehmann."""
        return ComparisonResult(
            analysis="wilcoxon",
            estimate_a=self.median_a,
            estimate_b=self.median_b,
            estimate=self.hodges_lehmann,
            statistic=self.statistic,
            p_value=self.p_value,
            p_adjusted=self.p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            alternative=self.alternative,
            method=self.method,
            n=self.n[0] if self.test == "signed-rank" else sum(self.n),
            note=self.note,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


def rank_sum_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    alternative: str = "two-sided",
    exact: bool | None = None,
    correction: bool = True,
    conf_level: float = 0.95,
    decimals: int | None = None,
) -> WilcoxonResult:
    """Compare two independent samples by ranks, as R's `wilcox.test(x, y)`.

    Parameters
    ----------
    x, y : float array, shape (n,) and (m,)   W counts pairs with x above y, ties one half
    exact : None = R's rule (both below 50 values, no ties); True with ties is an error
    correction : continuity correction of the normal approximation
    decimals : round values to this many decimals first, so that sums of the same parts in another order
        tie; None takes them as they are (R's `digits.rank = Inf`)

    Raises
    ------
    ValueError : an empty sample; a value that is not finite; `exact` asked for with ties

    Notes
    -----
    The interval of the normal approximation holds the shifts that the test does not reject; R finds the
    same limits by root search with tolerance 1e-4 (`tol.root`), here they are exact.
    """
    x, y = _rounded(checked_sample("x", x), decimals), _rounded(checked_sample("y", y), decimals)
    check_choice("alternative", alternative, ALTERNATIVES)
    check_conf_level(conf_level)
    shift = RankShift(x=x, y=y)
    ties = np.unique(np.r_[x, y]).size < x.size + y.size
    exact = _exact_rule(exact, max(x.size, y.size) < EXACT_BELOW, ties, "ties")
    statistic, mean, sigma = shift.moments(0.0)
    if exact:
        distribution = rank_sum_distribution(x.size, y.size)
        z, p_value = NAN, distribution.p_value(statistic, alternative)
        limits = exact_limits(shift, distribution, alternative=alternative, conf_level=conf_level)
    else:
        z, p_value = _normal(statistic - mean, sigma, alternative, correction)
        limits = normal_limits(shift, alternative=alternative, correction=correction, conf_level=conf_level)
    return WilcoxonResult(
        test="rank-sum",
        n=(x.size, y.size),
        statistic=statistic,
        z=z,
        p_value=p_value,
        correction=correction and not exact,
        exact=exact,
        hodges_lehmann=shift.estimate(),
        conf_low=limits.low,
        conf_high=limits.high,
        conf_level=conf_level,
        conf_level_achieved=limits.achieved,
        median_a=float(np.median(x)),
        median_b=float(np.median(y)),
        alternative=alternative,
        method=_method("Wilcoxon rank-sum", exact, correction),
        note=joined_notes(_all_tied(sigma), limits.note),
    )


def signed_rank_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    alternative: str = "two-sided",
    exact: bool | None = None,
    correction: bool = True,
    conf_level: float = 0.95,
    decimals: int | None = None,
) -> WilcoxonResult:
    """Compare matched values by the signed ranks of x - y, as R's `wilcox.test(x, y, paired = TRUE)`.

    Parameters
    ----------
    x, y : float array, shape (n,)   matched: the same position is the same pair
    exact : None = R's rule (fewer than 50 pairs, no ties, no zero difference)
    decimals : round the differences first, as in `rank_sum_test`

    Raises
    ------
    ValueError : lengths differ or are 0; a value that is not finite; `exact` asked for with ties or zeros

    Notes
    -----
    Pairs without a difference leave the ranking and the interval (R, Wilcoxon 1945); the note counts them.
    """
    x, y = checked_sample("x", x), checked_sample("y", y)
    check_choice("alternative", alternative, ALTERNATIVES)
    check_conf_level(conf_level)
    if x.size != y.size:
        raise ValueError(f"`x` has {x.size} and `y` {y.size} values; matched samples have the same length.")
    d = _rounded(x - y, decimals)
    zeros = int((d == 0.0).sum())
    kept = d[d != 0.0]
    if kept.size == 0:
        return _no_difference(x, y, alternative, conf_level)
    shift = RankShift(x=kept, y=None)
    ties = np.unique(np.abs(kept)).size < kept.size
    trouble = "ties" if ties else ("pairs without a difference" if zeros else "")
    exact = _exact_rule(exact, kept.size < EXACT_BELOW, bool(trouble), trouble)
    statistic, mean, sigma = shift.moments(0.0)
    if exact:
        distribution = signed_rank_distribution(kept.size)
        z, p_value = NAN, distribution.p_value(statistic, alternative)
        limits = exact_limits(shift, distribution, alternative=alternative, conf_level=conf_level)
    else:
        z, p_value = _normal(statistic - mean, sigma, alternative, correction)
        limits = normal_limits(shift, alternative=alternative, correction=correction, conf_level=conf_level)
    zero_note = f"{zeros} of {d.size} pairs have no difference and leave the ranking" if zeros else None
    return WilcoxonResult(
        test="signed-rank",
        n=(x.size, y.size),
        statistic=statistic,
        z=z,
        p_value=p_value,
        correction=correction and not exact,
        exact=exact,
        hodges_lehmann=shift.estimate(),
        conf_low=limits.low,
        conf_high=limits.high,
        conf_level=conf_level,
        conf_level_achieved=limits.achieved,
        median_a=float(np.median(x)),
        median_b=float(np.median(y)),
        alternative=alternative,
        method=_method("Wilcoxon signed-rank", exact, correction),
        note=joined_notes(zero_note, _all_tied(sigma), limits.note),
    )


def _no_difference(
    x: NDArray[np.float64], y: NDArray[np.float64], alternative: str, conf_level: float
) -> WilcoxonResult:
    """Every pair is equal: V is 0 of 0, there is no p-value (as R) and no interval."""
    return WilcoxonResult(
        test="signed-rank",
        n=(x.size, y.size),
        statistic=0.0,
        z=NAN,
        p_value=NAN,
        correction=False,
        exact=False,
        hodges_lehmann=NAN,
        conf_low=NAN,
        conf_high=NAN,
        conf_level=conf_level,
        conf_level_achieved=NAN,
        median_a=float(np.median(x)),
        median_b=float(np.median(y)),
        alternative=alternative,
        method="Wilcoxon signed-rank",
        note=f"none of the {x.size} pairs has a difference: no test",
    )


def _exact_rule(asked: bool | None, small: bool, trouble: bool, what: str) -> bool:
    if asked and trouble:
        raise ValueError(f"`exact` p-values do not exist with {what}; leave `exact` out.")
    return (small and not trouble) if asked is None else asked


def _normal(gap: float, sigma: float, alternative: str, correction: bool) -> tuple[float, float]:
    """z and p of the normal approximation; NaN where all values are tied (sigma 0), as R."""
    if sigma == 0.0:
        return NAN, NAN
    shift = (
        {"two-sided": 0.5 * np.sign(gap), "greater": 0.5, "less": -0.5}[alternative] if correction else 0.0
    )
    z = float((gap - shift) / sigma)
    p = {"two-sided": 2.0 * ndtr(-abs(z)), "greater": ndtr(-z), "less": ndtr(z)}[alternative]
    return z, min(float(p), 1.0)


def _method(test: str, exact: bool, correction: bool) -> str:
    if exact:
        return f"{test}, exact"
    return f"{test}, normal approximation {'with' if correction else 'without'} continuity correction"


def _all_tied(sigma: float) -> str | None:
    return "all values are tied: no test" if sigma == 0.0 else None


def _rounded(values: NDArray[np.float64], decimals: int | None) -> NDArray[np.float64]:
    return values if decimals is None else np.round(values, decimals)
