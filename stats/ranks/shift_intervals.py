"""Hodges-Lehmann estimates and the shifts that a Wilcoxon test does not reject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from stats.ranks.distributions import RankDistribution
from stats.results import NAN

MOST_CANDIDATES = 5_000_000  # above, they are not listed (40 MB) but found by bisection


@dataclass(frozen=True, slots=True, kw_only=True)
class RankShift:
    """Data of a shift model: two samples x, y, or the differences x of matched pairs (y None)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64] | None

    def candidates(self) -> NDArray[np.float64]:
        """Sorted differences x - y, or sorted Walsh averages: the only shifts at which the test changes."""
        if self.y is not None:
            return np.sort(np.subtract.outer(self.x, self.y), axis=None)
        i, j = np.triu_indices(self.x.size)
        return np.sort((self.x[i] + self.x[j]) / 2.0)

    @property
    def n_candidates(self) -> int:
        """Number of pairwise differences or Walsh averages."""
        n = self.x.size
        return n * (n + 1) // 2 if self.y is None else n * self.y.size

    def estimate(self) -> float:
        """Hodges-Lehmann estimate of the shift: the median of the candidates."""
        if self.n_candidates <= MOST_CANDIDATES:
            return float(np.median(self.candidates()))

        def gap(at: float) -> float:
            statistic, mean, _ = self.moments(at)
            return statistic - mean

        return (_bisected(gap, self.ends(), above=False) + _bisected(gap, self.ends(), above=True)) / 2.0

    def ends(self) -> tuple[float, float]:
        """Smallest and largest candidate."""
        low, high = float(self.x.min()), float(self.x.max())
        return (low, high) if self.y is None else (low - float(self.y.max()), high - float(self.y.min()))

    def moments(self, shift: float) -> tuple[float, float, float]:
        """Statistic, null mean and null standard deviation (tie-corrected) after taking `shift` off x."""
        if self.y is not None:
            n, m = self.x.size, self.y.size
            ranks, counts = midranks(np.r_[self.x - shift, self.y])
            total = n + m
            tied = float((counts**3 - counts).sum()) / (total * (total - 1)) if total > 1 else 0.0
            sigma = np.sqrt(n * m / 12.0 * ((total + 1) - tied))
            return float(ranks[:n].sum() - n * (n + 1) / 2.0), n * m / 2.0, float(sigma)
        d = self.x - shift
        d = d[d != 0.0]
        n = d.size
        if n == 0:
            return 0.0, 0.0, 0.0
        ranks, counts = midranks(np.abs(d))
        variance = n * (n + 1) * (2 * n + 1) / 24.0 - float((counts**3 - counts).sum()) / 48.0
        return float(ranks[d > 0].sum()), n * (n + 1) / 4.0, float(np.sqrt(variance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Interval of a shift, the level really reached, and what to know about it."""

    low: float
    high: float
    achieved: float
    note: str | None


def exact_limits(
    shift: RankShift, distribution: RankDistribution, *, alternative: str, conf_level: float
) -> Limits:
    """Return the interval from the exact distribution: order statistics of the candidates, as R."""
    values = shift.candidates()
    sides = 2.0 if alternative == "two-sided" else 1.0
    alpha = 1.0 - conf_level
    k = max(distribution.quantile(alpha / sides), 1)
    low = float(values[k - 1]) if alternative != "less" else float("-inf")
    high = float(values[distribution.top - k]) if alternative != "greater" else float("inf")
    reached = sides * distribution.cdf(k - 1)
    if reached - alpha > alpha / 2.0:
        note = f"too few values for a {conf_level:g} interval; the level reached is {1.0 - reached:.3g}"
        return Limits(low=low, high=high, achieved=1.0 - reached, note=note)
    return Limits(low=low, high=high, achieved=conf_level, note=None)


def normal_limits(shift: RankShift, *, alternative: str, correction: bool, conf_level: float) -> Limits:
    """Return the shifts that the normal approximation does not reject: where z crosses its quantile.

    z falls as the shift grows and changes at the candidates only, so a bisection over the gaps between
    them is exact. Signed-rank with too few pairs: alpha is doubled until the limits exist, as R does.
    """
    ends = shift.ends()
    sides = 2.0 if alternative == "two-sided" else 1.0
    alpha = 1.0 - conf_level

    def z(at: float) -> float:
        statistic, mean, sigma = shift.moments(at)
        gap = statistic - mean
        half = {"two-sided": 0.5 * np.sign(gap), "greater": 0.5, "less": -0.5}[alternative]
        return float((gap - (half if correction else 0.0)) / sigma) if sigma > 0.0 else NAN

    at_ends = z(ends[0]), z(ends[1])
    if ends[0] == ends[1] or not np.isfinite(at_ends).all():
        return Limits(low=NAN, high=NAN, achieved=NAN, note="no interval: all differences are equal")
    note = None
    while (alternative != "less" and at_ends[0] < _quantile(alpha, sides)) or (
        alternative != "greater" and at_ends[1] > -_quantile(alpha, sides)
    ):
        note = f"too few values for a {conf_level:g} interval"
        if shift.y is not None:
            note += "; the extreme differences bound it"
            break
        alpha *= 2.0
        if alpha >= 1.0:
            middle = float(np.median(shift.x))
            return Limits(low=middle, high=middle, achieved=0.0, note=f"{note}: none exists")
    quantile = _quantile(alpha, sides)
    if shift.n_candidates <= MOST_CANDIDATES:
        values = np.unique(shift.candidates())
        crossing = partial(_crossing, z, values)
    else:
        crossing = partial(_crossing_between, z, ends)
    low = float("-inf") if alternative == "less" else crossing(quantile)
    high = float("inf") if alternative == "greater" else crossing(-quantile)
    achieved = 1.0 - alpha if alpha > 1.0 - conf_level else conf_level
    return Limits(low=low, high=high, achieved=achieved, note=note)


def _quantile(alpha: float, sides: float) -> float:
    return float(ndtri(1.0 - alpha / sides))


def _crossing(z: Callable[[float], float], values: NDArray[np.float64], target: float) -> float:
    """The candidate at which z falls from above to at most the target; an end where it never does."""
    low, high = -1, values.size - 1  # z in the gap after values[low] is above, after values[high] is not
    while high - low > 1:
        middle = (low + high) // 2
        if z(float(values[middle] + values[middle + 1]) / 2.0) > target:
            low = middle
        else:
            high = middle
    return float(values[high])


def _crossing_between(z: Callable[[float], float], ends: tuple[float, float], target: float) -> float:
    """The same without the list of candidates, by bisection over the numbers between the ends."""
    return _bisected(lambda at: z(at) - target, ends, above=True)


def _bisected(fall: Callable[[float], float], ends: tuple[float, float], *, above: bool) -> float:
    """Where a falling step function leaves the positive (`above`) or reaches the negative numbers."""
    low, high = ends
    while True:
        middle = (low + high) / 2.0
        if not low < middle < high:
            return high
        value = fall(middle)
        if value > 0.0 or (not above and value == 0.0):
            low = middle
        else:
            high = middle


def midranks(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average ranks and the sizes of the tied blocks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse], counts.astype(np.float64)
