"""t and F tests of linear functions of the fixed effects, by the chosen degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stats.lmm.distributions import f_tail, t_quantile, t_two_sided
from stats.lmm.fit import LmmFit
from stats.lmm.kenward_roger import kenward_roger, kenward_roger_df, kenward_roger_f
from stats.lmm.satterthwaite import satterthwaite_df, satterthwaite_f

FloatArray = NDArray[np.float64]
DfMethod = Literal["satterthwaite", "kenward-roger", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TTests:
    """t tests of m linear functions of the fixed effects; every array has shape (m,).

    `vcov` (p, p) is the covariance used (adjusted for Kenward-Roger). With df_method "none", df is infinite,
    the p-values are NaN (as lme4, which gives none) and the intervals are normal.
    """

    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    conf_level: float
    df_method: str
    vcov: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FTest:
    """F test of several linear functions at once; Kenward-Roger's `scale` is already in `statistic`."""

    statistic: float
    df1: int
    df2: float
    p_value: float
    scale: float
    df_method: str


def check_df_method(df: str) -> str:
    """The method, or a ValueError that lists the methods."""
    if df not in get_args(DfMethod):
        allowed = ", ".join(f"'{m}'" for m in get_args(DfMethod))
        raise ValueError(f"`df` must be one of {allowed}, got {df!r}.")
    return df


def check_level(conf_level: float) -> float:
    """The level, or a ValueError."""
    if not 0.0 < conf_level < 1.0:
        raise ValueError(f"`conf_level` must lie between 0 and 1, got {conf_level!r}.")
    return float(conf_level)


def t_tests(fit: LmmFit, L: FloatArray, *, df: str = "satterthwaite", conf_level: float = 0.95) -> TTests:
    """t test and interval of every row of L.

    Parameters
    ----------
    L : (m, p) linear functions of the fixed effects
    df : "satterthwaite", "kenward-roger" (adjusted standard errors) or "none"

    Raises
    ------
    ValueError : unknown method, level outside (0, 1), Kenward-Roger on an ML fit, wrong width of L
    """
    rows = _checked_rows(fit, L)
    check_df_method(df)
    check_level(conf_level)
    vcov = fit.vcov
    if df == "kenward-roger":
        adjustment = kenward_roger(fit)
        vcov = adjustment.vcov
        degrees = kenward_roger_df(fit, rows, known=adjustment)
    elif df == "satterthwaite":
        degrees = satterthwaite_df(fit, rows)
    else:
        degrees = np.full(len(rows), np.inf)
    estimate = rows @ fit.beta
    std_error = np.sqrt(np.einsum("mi,ij,mj->m", rows, vcov, rows))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / std_error
    half = t_quantile(0.5 + conf_level / 2.0, degrees) * std_error
    return TTests(
        estimate=estimate,
        std_error=std_error,
        df=degrees,
        statistic=statistic,
        p_value=np.full(len(rows), np.nan) if df == "none" else t_two_sided(statistic, degrees),
        conf_low=estimate - half,
        conf_high=estimate + half,
        conf_level=conf_level,
        df_method=df,
        vcov=vcov,
    )


def fixed_effects(fit: LmmFit, *, df: str = "satterthwaite", conf_level: float = 0.95) -> TTests:
    """t test and interval of every fixed effect."""
    return t_tests(fit, np.eye(len(fit.names)), df=df, conf_level=conf_level)


def f_test(fit: LmmFit, L: FloatArray, *, df: str = "satterthwaite") -> FTest:
    """F test of L beta = 0, L (m, p).

    Raises
    ------
    ValueError : unknown method, Kenward-Roger on an ML fit, wrong width of L
    """
    rows = _checked_rows(fit, L)
    check_df_method(df)
    scale = 1.0
    if df == "kenward-roger":
        F, df1, df2, scale = kenward_roger_f(fit, rows)
    else:
        F, df1, df2 = satterthwaite_f(fit, rows)
    if df == "none":
        df2 = float("inf")
    p_value = float("nan") if df == "none" else float(f_tail(F, df1, df2))
    return FTest(statistic=F, df1=df1, df2=df2, p_value=p_value, scale=scale, df_method=df)


def _checked_rows(fit: LmmFit, L: FloatArray) -> FloatArray:
    rows = np.atleast_2d(np.asarray(L, dtype=np.float64))
    if rows.shape[1] != len(fit.names) or not np.isfinite(rows).all():
        raise ValueError(
            f"`L` must be finite with one column per fixed effect ({', '.join(fit.names)}), "
            f"got shape {rows.shape}."
        )
    if not rows.any():
        raise ValueError("`L` holds zeros only, so there is nothing to test; give at least one contrast.")
    return rows
