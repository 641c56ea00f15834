"""Tails and quantiles of t, F and chi-square for real degrees of freedom (by `scipy.special`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

FloatArray = NDArray[np.float64]


def t_two_sided(statistic: ArrayLike, df: ArrayLike) -> FloatArray:
    """P(|T| >= |statistic|), accurate far into the tail; df may be infinite (normal) and is never rounded.

    NaN where df is not positive.
    """
    t, nu = np.broadcast_arrays(np.asarray(statistic, dtype=float), np.asarray(df, dtype=float))
    with np.errstate(invalid="ignore", over="ignore"):
        tail = special.betainc(nu / 2.0, 0.5, nu / (nu + t * t))
    tail = np.where(nu > 0, tail, np.nan)
    return np.asarray(np.where(np.isinf(nu), 2.0 * special.ndtr(-np.abs(t)), tail))


def t_quantile(probability: float, df: ArrayLike) -> FloatArray:
    """Quantile of Student's t; df may be infinite."""
    nu = np.asarray(df, dtype=float)
    normal = special.ndtri(probability)
    return np.asarray(
        np.where(np.isinf(nu), normal, special.stdtrit(np.where(np.isinf(nu), 1.0, nu), probability))
    )


def f_tail(statistic: ArrayLike, df1: ArrayLike, df2: ArrayLike) -> FloatArray:
    """P(F >= statistic); df2 may be infinite."""
    F, d1, d2 = (np.asarray(x, dtype=float) for x in (statistic, df1, df2))
    finite = np.where(np.isinf(d2), 1.0, d2)
    return np.asarray(np.where(np.isinf(d2), special.chdtrc(d1, d1 * F), special.fdtrc(d1, finite, F)))


def chi2_tail(statistic: ArrayLike, df: ArrayLike) -> FloatArray:
    """P(chi-square >= statistic)."""
    return np.asarray(special.chdtrc(df, statistic))
