"""Exact null distributions of the rank-sum W and the signed-rank V, in whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RankDistribution:
    """Distribution of a rank statistic on 0, 1, ..., top: `below[k]` = P(statistic <= k)."""

    below: NDArray[np.float64]

    @property
    def top(self) -> int:
        """Largest possible value."""
        return self.below.size - 1

    def cdf(self, k: float) -> float:
        """P(statistic <= k)."""
        if k < 0:
            return 0.0
        return float(self.below[min(math.floor(k + 1e-7), self.top)])

    def quantile(self, p: float) -> int:
        """Smallest k with P(statistic <= k) >= p."""
        return int(np.searchsorted(self.below, p, side="left"))

    def p_value(self, statistic: float, alternative: str) -> float:
        """P-value; two-sided doubles the smaller tail, at most 1. Upper tails come from the symmetry."""
        lower, upper = self.cdf(statistic), self.cdf(self.top - statistic)
        return {"less": lower, "greater": upper}.get(alternative, min(1.0, 2.0 * min(lower, upper)))


@lru_cache(maxsize=64)
def rank_sum_distribution(n: int, m: int) -> RankDistribution:
    """Return the distribution of W for samples of n and m values without ties.

    The counts are the coefficients of the Gaussian binomial, a product of (1 - q^(m+i)) / (1 - q^i), in
    whole numbers, so that the tails are exact.
    """
    counts = np.zeros(n * m + 1, dtype=object)
    counts[0] = 1
    for i in range(1, n + 1):
        if m + i <= n * m:
            counts[m + i :] = counts[m + i :] - counts[: -(m + i)].copy()
        for start in range(min(i, counts.size)):
            counts[start::i] = np.cumsum(counts[start::i])
    return _distribution(counts, math.comb(n + m, n))


def signed_rank_distribution(n: int) -> RankDistribution:
    """Return the distribution of V for n differences without ties and zeros."""
    return signed_score_distribution(tuple(range(1, n + 1)))


@lru_cache(maxsize=64)
def signed_score_distribution(scores: tuple[int, ...]) -> RankDistribution:
    """Return the distribution of the sum of the scores that a fair coin each takes in.

    One score after the other (Streitberg and Roehmel 1986): only halves and sums of positive numbers, so the
    tails keep their relative accuracy.
    """
    mass = np.zeros(sum(scores) + 1)
    mass[0] = 1.0
    for score in scores:
        mass *= 0.5
        mass[score:] = mass[score:] + mass[: mass.size - score].copy()
    return RankDistribution(below=np.cumsum(mass))


def _distribution(counts: NDArray[np.object_], total: int) -> RankDistribution:
    return RankDistribution(below=np.array([value / total for value in np.cumsum(counts)], dtype=np.float64))
