"""Score test and interval for the difference of two paired proportions (Tango)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from stats.checks import ALTERNATIVES, check_choice, check_conf_level
from stats.results import NAN, ComparisonResult

TANGO = "Tango 1998 score"
_EDGE = 1.0 - 2.0**-53  # the largest difference below 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedScoreResult:
    """Score test that proportion a - proportion b equals `null_difference`, with the score interval.

    `statistic` is normal; `only_a` and `only_b` are the discordant counts among `n` pairs. The interval is
    one-sided (its other end -1 or 1) where the alternative is.
    """

    only_a: int
    only_b: int
    n: int
    estimate_a: float
    estimate_b: float
    difference: float
    null_difference: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    conf_level: float
    alternative: str
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row as a ComparisonResult; metric "accuracy"."""
        return ComparisonResult(
            analysis="paired proportions",
            metric="accuracy",
            estimate_a=self.estimate_a,
            estimate_b=self.estimate_b,
            estimate=self.difference,
            statistic=self.statistic,
            p_value=self.p_value,
            p_adjusted=self.p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            alternative=self.alternative,
            method=self.method,
            n=self.n,
            note=self.note,
        )


def tango_paired_test(
    both: int,
    only_a: int,
    only_b: int,
    neither: int,
    *,
    null_difference: float = 0.0,
    conf_level: float = 0.95,
    alternative: str = "two-sided",
) -> PairedScoreResult:
    """Test the difference of two paired proportions against `null_difference`.

    Parameters
    ----------
    both, only_a, only_b, neither : counts of the paired 2 x 2 table
    null_difference : float in (-1, 1)   proportion a - proportion b under the null hypothesis
    alternative : "two-sided", "greater" (a - b above the null difference) or "less"

    Raises
    ------
    ValueError : a negative count, no pair, a null difference outside (-1, 1)

    Notes
    -----
    The variance is that under the null hypothesis, at the restricted maximum-likelihood estimate. With null
    difference 0 the squared statistic is McNemar's chi-square without correction; there, without discordant
    pairs, the statistic is NaN and p is 1. Sources: Tango 1998 (Stat Med 17:891); for margins Liu et al. 2002
    (Stat Med 21:231). Checked against the formula in R (tests/golden/comparisons_more.json).
    """
    n = _checked_counts(both, only_a, only_b, neither)
    check_choice("alternative", alternative, ALTERNATIVES)
    check_conf_level(conf_level)
    if not -1.0 < null_difference < 1.0:
        raise ValueError(f"`null_difference` is {null_difference}; it must lie between -1 and 1.")
    z = tango_statistic(only_a, only_b, n, null_difference)
    tail = {"two-sided": 2.0 * ndtr(-abs(z)), "greater": ndtr(-z), "less": ndtr(z)}[alternative]
    sided = conf_level if alternative == "two-sided" else 2.0 * conf_level - 1.0
    low, high = _limits(only_a, only_b, n, float(ndtri(0.5 + sided / 2.0)))
    return PairedScoreResult(
        only_a=only_a,
        only_b=only_b,
        n=n,
        estimate_a=(both + only_a) / n,
        estimate_b=(both + only_b) / n,
        difference=(only_a - only_b) / n,
        null_difference=null_difference,
        statistic=z,
        p_value=1.0 if math.isnan(z) else float(tail),
        conf_low=-1.0 if alternative == "less" else low,
        conf_high=1.0 if alternative == "greater" else high,
        conf_level=conf_level,
        alternative=alternative,
        method=f"{TANGO} test and interval",
        note="no discordant pair: no statistic, p 1" if math.isnan(z) else None,
    )


def tango_paired_ci(
    both: int, only_a: int, only_b: int, neither: int, *, conf_level: float = 0.95
) -> tuple[float, float]:
    """Return Tango's score interval for the difference of two paired proportions, (only_a - only_b) / n.

    Parameters
    ----------
    both, only_a, only_b, neither : counts of the paired 2 x 2 table; only their sum matters for the
        concordant ones

    Raises
    ------
    ValueError : a negative count, no pair

    Notes
    -----
    The differences that the score test does not reject, to about 1e-15. Source: Tango 1998 (Stat Med 17:891).
    """
    check_conf_level(conf_level)
    n = _checked_counts(both, only_a, only_b, neither)
    return _limits(only_a, only_b, n, float(ndtri(0.5 + conf_level / 2.0)))


def tango_statistic(only_a: int, only_b: int, n: int, difference: float) -> float:
    """Return the score statistic of H0: a - b = `difference`; NaN at 0 without discordant pairs."""
    if difference > 0.0:  # the same by symmetry; at differences below 0 the root below does not cancel
        return -tango_statistic(only_b, only_a, n, -difference)
    size = -difference
    # q = restricted estimate of P(only a), the root of 2n q^2 + linear q - only_a size (1 - size) = 0
    linear = (2 * n + only_a - only_b) * size - (only_a + only_b)
    constant = only_a * size * (1.0 - size)
    root = math.sqrt(linear * linear + 8.0 * n * constant)
    q = (root - linear) / (4.0 * n) if linear <= 0.0 else 2.0 * constant / (root + linear)
    variance = n * (2.0 * q + size * (1.0 - size))
    above = only_a - only_b + n * size
    if variance <= 0.0:
        return NAN if above == 0.0 else math.copysign(math.inf, above)
    return above / math.sqrt(variance)


def _limits(only_a: int, only_b: int, n: int, z: float) -> tuple[float, float]:
    if z <= 0.0:
        raise ValueError("A one-sided interval needs a `conf_level` above 0.5.")
    return -_upper_limit(only_b, only_a, n, z), _upper_limit(only_a, only_b, n, z)


def _upper_limit(only_a: int, only_b: int, n: int, z: float) -> float:
    """Return the difference at which the statistic has fallen to -z."""
    if only_a == n:
        return 1.0
    estimate = (only_a - only_b) / n

    def above(difference: float) -> float:
        found = tango_statistic(only_a, only_b, n, difference)
        return z + (0.0 if math.isnan(found) else found)

    return float(brentq(above, estimate, _EDGE, xtol=1e-15, rtol=8.9e-16, maxiter=300))


def _checked_counts(both: int, only_a: int, only_b: int, neither: int) -> int:
    counts = (both, only_a, only_b, neither)
    if min(counts) < 0 or sum(counts) == 0:
        raise ValueError(f"Counts are {counts}; they must be 0 or more, with at least one pair.")
    return sum(counts)
