"""Exact permutation tests on matched pairs: every pattern of signs of the differences counts alike.

Under the null hypothesis that an exchange of the two arms changes nothing, each of the 2^n sign patterns of
the n differences is as likely as the observed one (Fisher 1935). Differences that are whole multiples of one
unit, as counts of images per patient, are counted by their sums, for up to 1000 pairs (Streitberg & Roehmel
1986); others up to 46 pairs: the signed sums of each half of the pairs are listed and joined by a search. The
rank form counts by doubled midranks, for up to 1000 pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stats.checks import ALTERNATIVES, check_choice, check_conf_level, checked_sample
from stats.ranks.distributions import signed_score_distribution
from stats.ranks.shift_intervals import midranks
from stats.results import NAN, ComparisonResult, joined_notes

FloatArray = NDArray[np.float64]

EXACT_PAIRS = 46  # pairs with a difference up to which all sign patterns are counted (two lists of 2^23 sums)
LISTED_PAIRS = 16  # pairs up to which all subset means are listed for the interval
WHOLE_SUM = 20_000  # sum of whole differences up to which their signed sums are counted
RANKED_PAIRS = 1000  # pairs up to which the distribution of V is worked out
TIE = 1e-9  # sums closer than this share of the sum of |d| are equal: differences of ratios carry rounding
CHUNK = 4_000_000  # numbers of a random sign matrix held at once


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlipResult:
    """Permutation test of matched pairs, unrounded.

    Attributes
    ----------
    n : pairs;  n_zero : pairs without a difference
    mean_a, mean_b : of the two arms;  mean_difference : mean of a - b
    p_value : share of sign patterns whose mean is at least as extreme as the observed one
    p_rank : the same for the signed-rank sum V, exact with ties; NaN where no pair
        differs or more than 1000 do
    conf_low, conf_high : limits of the mean difference from means of subsets (Hartigan 1969)
    exact : whether `p_value` counts all patterns;  n_resamples : random patterns used otherwise, else 0
    """

    n: int
    n_zero: int
    mean_a: float
    mean_b: float
    mean_difference: float
    p_value: float
    p_rank: float
    conf_low: float
    conf_high: float
    conf_level: float
    alternative: str
    exact: bool
    n_resamples: int
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row as a ComparisonResult: estimates are means; they are the statistic too."""
        return ComparisonResult(
            analysis="permutation",
            estimate_a=self.mean_a,
            estimate_b=self.mean_b,
            estimate=self.mean_difference,
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

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


def sign_flip_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    alternative: str = "two-sided",
    conf_level: float = 0.95,
    n_resamples: int = 99_999,
    rng: np.random.Generator,
) -> SignFlipResult:
    """Test whether two matched samples differ, by all sign patterns of their differences.

    Parameters
    ----------
    x, y : float array, shape (n,)   matched by position
    n_resamples : random patterns where more than 46 pairs differ (whole differences: more than 1000, or a
        sum of sizes above 20,000); random subsets for the interval where more than 16 pairs came
    rng : used only for these

    Raises
    ------
    ValueError : no pairs, lengths differ, a value that is not finite, fewer than 99 resamples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    Exact for any distribution of the differences that is symmetric under the null hypothesis. Two-sided p
    doubles the tail, which the symmetry makes exact. Monte Carlo p is (b + 1) / (m + 1). Limits are order
    statistics of the means of (random) subsets of the differences: Hartigan 1969 (J Am Stat Assoc 64:1303);
    with all subsets they are the values that the test does not reject. Source: Fisher 1935; Streitberg &
    Roehmel 1986 (Stat Softw Newsl 12:10). Checked against R exactRankTests (tests/golden/sign_flip.json).
    """
    x, y = checked_sample("x", x), checked_sample("y", y)
    check_choice("alternative", alternative, ALTERNATIVES)
    check_conf_level(conf_level)
    if x.size != y.size:
        raise ValueError(f"`x` has {x.size} and `y` {y.size} values; matched samples have the same length.")
    if n_resamples < 99:
        raise ValueError(f"`n_resamples` is {n_resamples}; give at least 99, 99999 are usual.")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"`rng` must be a numpy Generator (np.random.default_rng(seed)), got {type(rng).__name__}."
        )
    with np.errstate(over="ignore"):
        d = x - y
        total = float(np.abs(d).sum())
    if not np.isfinite(total):
        raise ValueError("The differences of `x` and `y` are too large to add up; change the unit.")
    d[np.abs(d) <= TIE * np.abs(d).sum() / d.size] = 0.0
    kept = d[d != 0.0]
    whole = _whole_sizes(kept)
    exact = whole is not None or kept.size <= EXACT_PAIRS
    tail = _whole_tail(whole) if whole is not None else _exact_tail
    if not exact:
        tail = _random_tail(n_resamples, rng)
    low, high, interval_note = _limits(d, alternative, conf_level, n_resamples, rng)
    zeros = d.size - kept.size
    few = f"{zeros} of {d.size} pairs have no difference" if zeros else None
    return SignFlipResult(
        n=d.size,
        n_zero=zeros,
        mean_a=float(x.mean()),
        mean_b=float(y.mean()),
        mean_difference=float(d.mean()),
        p_value=_p_value(kept, tail, alternative),
        p_rank=_rank_p(kept, alternative),
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        alternative=alternative,
        exact=exact,
        n_resamples=0 if exact else n_resamples,
        method="sign-flip permutation of the mean, "
        + ("exact" if exact else f"{n_resamples} random sign patterns, (b + 1) / (m + 1)"),
        note=joined_notes(few, interval_note),
    )


def _p_value(d: FloatArray, tail, alternative: str) -> float:
    """P-value from `tail(sizes, t)` = P(sum of randomly signed sizes >= t)."""
    total, sizes = float(d.sum()), np.abs(d)
    if alternative == "greater":
        return float(tail(sizes, total))
    if alternative == "less":
        return float(tail(sizes, -total))
    if abs(total) <= TIE * sizes.sum():
        return 1.0
    return min(1.0, 2.0 * float(tail(sizes, abs(total))))


def _whole_sizes(d: FloatArray) -> tuple[int, ...] | None:
    """Sizes of the differences in their smallest one, sorted; None unless all are whole multiples of it."""
    if not 0 < d.size <= RANKED_PAIRS:
        return None
    sizes = np.sort(np.abs(d))
    shares = sizes / sizes[0]
    counts = np.rint(shares)
    if counts.sum() > WHOLE_SUM or np.abs(sizes - counts * sizes[0]).sum() > TIE * sizes.sum() / 2.0:
        return None
    return tuple(counts.astype(int).tolist())


def _whole_tail(sizes: tuple[int, ...]):
    """Tail of signed sums of whole sizes from the distribution of V, the sum of those with a plus."""
    distribution, total = signed_score_distribution(sizes), sum(sizes)

    def tail(d_sizes: FloatArray, least: float) -> float:
        unit = float(d_sizes.sum()) / total
        return distribution.p_value(round((least / unit + total) / 2.0), "greater")

    return tail


def _exact_tail(sizes: FloatArray, least: float) -> float:
    """Share of the 2^n sign patterns with a sum of at least `least`, by meeting in the middle."""
    least -= TIE * float(sizes.sum())
    half = sizes.size // 2
    first, second = _signed_sums(sizes[:half]), _signed_sums(sizes[half:])
    # both sorted: the search walks through `first` once, in the order of the memory
    reached = first.size - np.searchsorted(first, least - second[::-1], side="left")
    return float(int(reached.sum(dtype=np.int64)) / 2**sizes.size)


def _signed_sums(sizes: FloatArray) -> FloatArray:
    """All signed sums, sorted: two sorted runs per size, which a stable sort only merges."""
    sums = np.zeros(1)
    for size in sizes:
        sums = np.sort(np.concatenate([sums - size, sums + size]), kind="stable")
    return sums


def _random_tail(n_resamples: int, rng: np.random.Generator):
    def tail(sizes: FloatArray, least: float) -> float:
        reached, done = 0, 0
        bound = least - TIE * float(sizes.sum())
        while done < n_resamples:
            rows = min(n_resamples - done, max(1, CHUNK // sizes.size))
            signs = 2.0 * rng.integers(0, 2, size=(rows, sizes.size), dtype=np.int8) - 1.0
            reached += int((signs @ sizes >= bound).sum())
            done += rows
        return (reached + 1) / (n_resamples + 1)

    return tail


def _rank_p(d: FloatArray, alternative: str) -> float:
    """Exact p of the signed-rank sum given the tied ranks; NaN without differences or with very many."""
    if not 0 < d.size <= RANKED_PAIRS:
        return NAN
    sizes = np.abs(d)
    gap = TIE * float(sizes.sum())
    ordered = np.sort(sizes)
    level = np.concatenate([[0], np.cumsum(np.diff(ordered) > gap)])  # sizes equal up to rounding are tied
    sizes = level[np.searchsorted(ordered, sizes)].astype(float)
    doubled = np.rint(2.0 * midranks(sizes)[0]).astype(int)
    distribution = signed_score_distribution(tuple(sorted(doubled.tolist())))
    return distribution.p_value(float(doubled[d > 0].sum()), alternative)


def _limits(
    d: FloatArray, alternative: str, conf_level: float, n_resamples: int, rng: np.random.Generator
) -> tuple[float, float, str | None]:
    """Order statistics of subset means; -inf or inf on the open side, NaN where there are too few pairs."""
    sides = 2.0 if alternative == "two-sided" else 1.0
    means = _subset_means(d) if d.size <= LISTED_PAIRS else _random_subset_means(d, n_resamples, rng)
    # each of the gaps between m subset means holds the true value with probability 1 / (m + 1)
    k = int(np.floor((1.0 - conf_level) / sides * (means.size + 1) + 1e-9))
    if k < 1:
        return NAN, NAN, f"too few pairs for a {conf_level:g} interval"
    low = float(means[k - 1]) if alternative != "less" else float("-inf")
    high = float(means[-k]) if alternative != "greater" else float("inf")
    return low, high, None


def _subset_means(d: FloatArray) -> FloatArray:
    sums, counts = np.zeros(1), np.zeros(1)
    for value in d:
        sums, counts = np.concatenate([sums, sums + value]), np.concatenate([counts, counts + 1.0])
    return np.sort(sums[1:] / counts[1:])


def _random_subset_means(d: FloatArray, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    means = np.empty(0)
    while means.size < n_resamples:
        rows = min(n_resamples - means.size, max(1, CHUNK // d.size))
        chosen = rng.integers(0, 2, size=(rows, d.size), dtype=np.int8).astype(float)
        count = chosen.sum(axis=1)
        means = np.concatenate([means, (chosen @ d)[count > 0] / count[count > 0]])
    return np.sort(means)
