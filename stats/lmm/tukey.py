"""The studentized range distribution, for Tukey's adjustment: milliseconds where scipy's takes seconds.

P(Q > q) for k means and nu degrees of freedom is the mean over s (s^2 = chi-square_nu / nu) of

    1 - W(q s),   W(w) = k int phi(z) [Phi(z) - Phi(z - w)]^(k-1) dz.

The complement is integrated directly, so that small tails keep their relative accuracy.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

FloatArray = NDArray[np.float64]

NODES_Z = 96
NODES_S = 96
SMALLEST_DF = 1.0  # below, the nodes for s no longer reach its tail
LARGEST_Q = 1e12
REACH = 9.0  # standard normal mass beyond is below 1e-18


def studentized_range_tail(q: float, k: int, df: float) -> float:
    """P(Q > q): range of k independent standard normals over an independent s with `df` degrees of freedom.

    NaN for q or df NaN and for df below 1.

    Notes
    -----
    Checked against R's ptukey (tests/golden/lmm_intervals.json).
    """
    if not (q == q and df >= SMALLEST_DF):
        return float("nan")
    if q <= 0:
        return 1.0
    if not np.isfinite(df) or df > 1e7:
        return float(_range_tail(np.array([q]), k)[0])
    s, weights = _scale_nodes(df)
    return min(1.0, float(weights @ _range_tail(q * s, k)))


def studentized_range_quantile(probability: float, k: int, df: float) -> float:
    """The q with P(Q <= q) = probability; NaN for df below 1, infinite where it passes 1e12."""
    if not df >= SMALLEST_DF:
        return float("nan")
    tail = 1.0 - probability
    high = 10.0
    while studentized_range_tail(high, k, df) > tail:
        high *= 2.0
        if high > LARGEST_Q:
            return float("inf")

    def excess(q: float) -> float:
        return studentized_range_tail(q, k, df) - tail

    return float(np.float64(brentq(excess, 1e-6, high, xtol=1e-12, rtol=1e-12)))


@lru_cache(maxsize=4)
def _legendre(n: int) -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return np.asarray(nodes), np.asarray(weights)


def _range_tail(w: FloatArray, k: int) -> FloatArray:
    """1 - W(w) for every w: the integrand k phi(z) (Phi(z)^(k-1) - [Phi(z) - Phi(z-w)]^(k-1))."""
    nodes, weights = _legendre(NODES_Z)
    # the two parts of the integrand live near z = 0 and near z = w / 2 ... w
    high = np.maximum(REACH, w + REACH)
    z = 0.5 * (high[:, None] + REACH) * (nodes + 1.0) - REACH
    share = np.exp(special.log_ndtr(z - w[:, None]) - special.log_ndtr(z))
    inner = special.ndtr(z) ** (k - 1) * -np.expm1((k - 1) * np.log1p(-np.minimum(share, 1.0 - 1e-16)))
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return np.asarray(0.5 * (high + REACH) * ((density * inner) @ weights) * k)


def _scale_nodes(df: float) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of the distribution of s = sqrt(chi-square / df), spaced evenly in log s."""
    nodes, weights = _legendre(NODES_S)
    tail = 10.0 ** -min(60.0, 10.0 + 6.0 * df)  # far tails of the range come from small s
    low, high = (0.5 * np.log(2.0 * special.gammaincinv(df / 2.0, p) / df) for p in (tail, 0.5))
    top = 0.5 * np.log(2.0 * special.gammainccinv(df / 2.0, 1e-17) / df)
    points, widths = [], []
    for a, b in ((low, high), (high, top)):
        points.append(0.5 * (b - a) * (nodes + 1.0) + a)
        widths.append(0.5 * (b - a) * weights)
    logs = np.concatenate(points)
    constant = np.log(2.0) + 0.5 * df * np.log(0.5 * df) - special.gammaln(0.5 * df)
    density = np.exp(constant + df * logs - 0.5 * df * np.exp(2.0 * logs))
    return np.exp(logs), np.concatenate(widths) * density
