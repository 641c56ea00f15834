"""Intervals for one proportion and for the difference of two paired proportions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from stats.checks import check_conf_level

NEWCOMBE_PAIRED = "Newcombe 1998 paired, method 10 (hybrid score)"


def wilson_ci(count: int, n: int, *, conf_level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for count / n, without continuity correction; (NaN, NaN) for n = 0.

    Raises
    ------
    ValueError : count outside 0 to n

    Source: Wilson 1927. Equals R `prop.test(correct = FALSE)` (tests/golden/mcnemar.json).
    """
    check_conf_level(conf_level)
    _check_count(count, n)
    if n == 0:
        return float("nan"), float("nan")
    z = float(ndtri(0.5 + conf_level / 2.0))
    centre = (count + z * z / 2.0) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(count * (n - count) / n + z * z / 4.0)
    low = 0.0 if count == 0 else centre - half
    high = 1.0 if count == n else centre + half
    return low, high


def wilson_limits(
    share: NDArray[np.float64], n: int, *, conf_level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's limits for shares of n, shape (G,), which need not be whole counts; see `wilson_ci`."""
    z = float(ndtri(0.5 + conf_level / 2.0))
    centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * np.sqrt(share * (1.0 - share) / n + (z / (2.0 * n)) ** 2)
    return np.where(share == 0.0, 0.0, centre - half), np.where(share == 1.0, 1.0, centre + half)


def clopper_pearson_ci(count: int, n: int, *, conf_level: float = 0.95) -> tuple[float, float]:
    """Return the exact binomial interval for count / n; (NaN, NaN) for n = 0.

    Raises
    ------
    ValueError : count outside 0 to n
    """
    check_conf_level(conf_level)
    _check_count(count, n)
    if n == 0:
        return float("nan"), float("nan")
    tail = (1.0 - conf_level) / 2.0
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1.0 - tail))
    return low, high


def newcombe_paired_ci(
    both: int, only_a: int, only_b: int, neither: int, *, conf_level: float = 0.95
) -> tuple[float, float]:
    """Return the interval for the difference of two paired proportions, (only_a - only_b) / n.

    Parameters
    ----------
    both, only_a, only_b, neither : counts of the paired 2 x 2 table

    Notes
    -----
    Wilson limits of both proportions joined with their correlation, whose numerator is reduced by n/2
    where it is positive. Source: Newcombe 1998 (Stat Med 17:2635), method 10.
    """
    n = both + only_a + only_b + neither
    if n == 0:
        return float("nan"), float("nan")
    in_a, in_b = both + only_a, both + only_b
    low_a, high_a = wilson_ci(in_a, n, conf_level=conf_level)
    low_b, high_b = wilson_ci(in_b, n, conf_level=conf_level)
    margins = in_a * (n - in_a) * in_b * (n - in_b)
    product = both * neither - only_a * only_b
    reduced = max(product - n / 2.0, 0.0) if product > 0 else float(product)
    phi = reduced / math.sqrt(margins) if margins else 0.0
    p_a, p_b = in_a / n, in_b / n
    return (
        (p_a - p_b) - _joined(p_a - low_a, high_b - p_b, phi),
        (p_a - p_b) + _joined(p_b - low_b, high_a - p_a, phi),
    )


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one * one - 2.0 * phi * one * other + other * other, 0.0))


def _check_count(count: int, n: int) -> None:
    if not 0 <= count <= n:
        raise ValueError(f"`count` is {count} of `n` = {n}; it must lie between 0 and n.")
