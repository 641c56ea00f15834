"""How large and how small the standard error of an AUC can be, given the AUC and the class sizes."""

from __future__ import annotations

import math
from itertools import pairwise

from scipy.optimize import brentq

from stats.claims.check import Check, first_possible
from stats.claims.printed import Printed, Range, Reading

_NAMED = ("delong", "hanley-mcneil")
_RESAMPLED = 1.1  # 100 bootstrap samples know a standard error to 7 %
_SLACK = 1e-6  # relative; the range of a printed AUC is tried at 21 values


def largest_std_error(auc: float, *, n_positive: int, n_negative: int) -> float:
    """Return the largest standard error that DeLong's method can give.

    No other method for independent images exceeds it.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson 1988: SE^2 = a Var(V10) + b Var(V01), a = 1 / (m - 1), b = 1 / (n - 1),
    variances with divisors m and n, V10 and V01 the placements of m positive and n negative images.
    SE^2 <= A (1 - A) / (min(m, n) - 1), reached where all images of the larger class lie between those of the
    smaller one.

    Proof. Let D(x), x in [0, 1], be the deficits 1 - V10 in falling order as a step function: D falls, lies
    in [0, 1], and has the integral d = 1 - A. Without ties the deficits of V01 are its inverse function, so
    that SE^2 = a (int D^2 - d^2) + b (int 2 x D - d^2); with ties a block of p positive and q negative images
    makes both second moments smaller than a straight line through the block would, which is such a D too.
    This is convex in D, so that its maximum lies at an extreme point of the falling functions with integral
    d: D = 1 on [0, r], t on [r, s], 0 beyond, r + t (s - r) = d. For fixed r it is convex in s, so s = d
    (t = 1) or s = 1; for s = 1 it is a (1 - 2A + A^2 / w) + b (d - A + w A) with w = 1 - r in [A, 1], convex
    in w. The ends of both give a A (1 - A) and b A (1 - A).

    For the true variance of the AUC the bound A (1 - A) / min(m, n) is van Dantzig's 1951 (Birnbaum & Klose
    1957); bootstrap (plug-in) variances obey it too.
    """
    return math.sqrt(max(0.0, auc * (1.0 - auc)) / (min(n_positive, n_negative) - 1))


def smallest_std_error(auc: float, *, n_positive: int, n_negative: int, ties: bool = True) -> float:
    """Return a standard error that DeLong's method cannot fall below.

    Notes
    -----
    In the notation of `largest_std_error`: without ties the minimum over falling D of
    a int D^2 + b int 2 x D is at D(x) = c - (b / a) x, clipped to [0, 1], with c such that the integral is d
    (the problem is convex, the Lagrange condition holds point by point, and the solution falls). With ties, a
    block of p positive and q negative images that begins at deficit Q counts p (Q + q/2)^2 where the straight
    line counts p (Q^2 + Q q + q^2/3): at least 3/4 of it. So 3/4 of the minimum bounds the second moments
    with ties from below, by deficits and, turned round, by placements; the better of the two is taken.
    """
    a, b = 1.0 / (n_positive - 1), 1.0 / (n_negative - 1)
    share = 0.75 if ties else 1.0
    found = 0.0
    for d in (1.0 - auc, auc):
        moments = share * _least_moments(d, a, b) - d * d * (a + b)
        found = max(found, moments)
    return math.sqrt(found)


def hanley_mcneil(auc: float, *, n_positive: int, n_negative: int) -> float:
    """Return the standard error of Hanley & McNeil 1982 with Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A)."""
    square = auc * auc
    first, second = auc / (2.0 - auc) - square, 2.0 * square / (1.0 + auc) - square
    top = auc * (1.0 - auc) + (n_positive - 1) * first + (n_negative - 1) * second
    return math.sqrt(max(0.0, top) / (n_positive * n_negative))


def auc_spread(auc: Range, *, n_positive: int, n_negative: int, method: str, ties: bool | None) -> Range:
    """Return the standard errors that a method can give for AUCs in a range.

    Parameters
    ----------
    method : "delong", "hanley-mcneil", or another one for independent images ("bootstrap"), of which the
        upper bound is known only; it is widened by a tenth for the noise of resampling
    ties : False: no image of one class has the score of one of the other
    """
    sizes = {"n_positive": n_positive, "n_negative": n_negative}
    low, high = max(auc.low, 0.0), min(auc.high, 1.0)
    if method == "hanley-mcneil":
        ends = [hanley_mcneil(value, **sizes) for value in _grid(low, high)]
        return Range(min(ends), max(ends))
    top = 0.5 if low <= 0.5 <= high else min((low, high), key=lambda value: abs(value - 0.5))
    largest = largest_std_error(top, **sizes)
    if method != "delong":
        return Range(0.0, _RESAMPLED * largest)
    least = min(smallest_std_error(value, **sizes, ties=ties is not False) for value in _grid(low, high))
    return Range(least, largest)


def spread_check(
    std_error: Printed,
    auc: Printed,
    *,
    n_positive: int,
    n_negative: int,
    method: str,
    ties: bool | None = None,
) -> Check:
    """Check that a printed standard error of an AUC is possible for the AUC and the class sizes."""

    def ask(reading: Reading) -> Check:
        allowed = auc_spread(
            auc.range(reading), n_positive=n_positive, n_negative=n_negative, method=method, ties=ties
        )
        printed = std_error.range(reading)
        evidence = ({"std_error_low": allowed.low, "std_error_high": allowed.high},)
        of = f"AUC {auc.text} of {n_positive} positive and {n_negative} negative images"
        by = f"by {method}" if method in _NAMED else "by any method for independent images"
        limits = f"{allowed.low:.4g} to {allowed.high:.4g}"
        if printed.meet(Range(allowed.low * (1 - _SLACK), allowed.high * (1 + _SLACK))).empty:
            return Check(
                code="auc-se",
                verdict="contradiction",
                sentence=f"Standard error {std_error.text} is impossible for {of}: {limits} {by}.",
                evidence=evidence,
            )
        return Check(
            code="auc-se",
            verdict="consistent",
            sentence=f"Standard error {std_error.text} is possible for {of}: {limits}.",
            evidence=evidence,
        )

    return first_possible(ask)


def _least_moments(d: float, a: float, b: float) -> float:
    """Return the minimum of a int D^2 + b int 2 x D over falling D in [0, 1] with integral d."""
    if d <= 0.0:
        return 0.0
    if d >= 1.0:
        return a + b
    slope = b / a

    def knots(c: float) -> list[float]:
        inner = {min(1.0, max(0.0, x)) for x in ((c - 1.0) / slope, c / slope)}
        return sorted(inner | {0.0, 1.0})

    def value(c: float, x: float) -> float:
        return min(1.0, max(0.0, c - slope * x))

    def area(c: float) -> float:
        xs = knots(c)
        return sum((y - x) * (value(c, x) + value(c, y)) / 2.0 for x, y in pairwise(xs))

    c = float(brentq(lambda c: area(c) - d, 0.0, 1.0 + slope, xtol=1e-15, rtol=1e-14))
    total = 0.0
    xs = knots(c)
    for x, y in pairwise(xs):
        # Simpson's rule is exact for these polynomials of degree 2.
        middle = (x + y) / 2.0
        total += (
            (y - x)
            / 6.0
            * sum(
                weight * (a * value(c, z) ** 2 + 2.0 * b * z * value(c, z))
                for weight, z in ((1, x), (4, middle), (1, y))
            )
        )
    return total


def _grid(low: float, high: float) -> list[float]:
    """Return values of a printed AUC to try; the bounds have a kink at 0.5 and are smooth elsewhere."""
    return [low + (high - low) * k / 20.0 for k in range(21)] + [0.5] * (low <= 0.5 <= high)
