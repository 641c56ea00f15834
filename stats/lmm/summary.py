"""A fit as plain data: the `--json` report and the frames of the result tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from stats.lmm.checks import advice
from stats.lmm.contest import fixed_effects
from stats.lmm.fit import LmmFit, RandomCovariance
from stats.lmm.random_effects import scaled_residuals

QUARTILES = ("min", "q1", "median", "q3", "max")


def lmm_summary(fit: LmmFit, *, df: str = "satterthwaite", conf_level: float = 0.95) -> dict[str, Any]:
    """Report of a fit, unrounded, ready for JSON (numbers that do not exist are None).

    Parameters
    ----------
    df : "satterthwaite", "kenward-roger" or "none" (then df and p-values are None, the intervals normal)

    Returns
    -------
    dict with formula, n, n_dropped (rows with missing values), reml, criterion, converged, singular,
    df_method, fixed, random, residual_variance, groups, scaled_residuals, warnings. `correlation` of a random
    coefficient is that with the first of its term.

    Raises
    ------
    ValueError : unknown method, level outside (0, 1), Kenward-Roger on an ML fit
    """
    tests = fixed_effects(fit, df=df, conf_level=conf_level)
    fixed = [
        {
            "term": name,
            "estimate": _number(tests.estimate[i]),
            "std_error": _number(tests.std_error[i]),
            "df": _number(tests.df[i]),
            "statistic": _number(tests.statistic[i]),
            "p_value": _number(tests.p_value[i]),
            "conf_low": _number(tests.conf_low[i]),
            "conf_high": _number(tests.conf_high[i]),
        }
        for i, name in enumerate(fit.names)
    ]
    return {
        "formula": fit.formula,
        "n": fit.n,
        "n_dropped": fit.n_dropped,
        "reml": fit.reml,
        "criterion": fit.criterion,
        "converged": fit.converged,
        "singular": fit.singular,
        "df_method": df,
        "fixed": fixed,
        "random": [row for term in fit.random for row in _random_rows(term)],
        "residual_variance": fit.sigma2,
        "groups": {term.label: term.levels for term in fit.random},
        "scaled_residuals": dict(zip(QUARTILES, _quartiles(fit), strict=True)),
        "warnings": advice(fit, df=None if df == "none" else tests.df),
    }


def mixed_tables(
    fit: LmmFit, df: str = "satterthwaite", *, model: int = 1, conf_level: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of the result tables mixed_fixed, mixed_random and mixed_models.

    Parameters
    ----------
    df : method of the degrees of freedom;  model : number of the model in the plan
    """
    report = lmm_summary(fit, df=df, conf_level=conf_level)
    head = {"model": model, "formula": fit.formula}
    fixed = pd.DataFrame([{**head, "n": fit.n, "df_method": df, **row} for row in report["fixed"]])
    numbers = ["estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high"]
    residual = {
        "group": "Residual",
        "term": None,
        "variance": fit.sigma2,
        "std_dev": float(np.sqrt(fit.sigma2)),
        "correlation": None,
        "levels": None,
    }
    random = pd.DataFrame([{**head, **row} for row in [*report["random"], residual]])
    models = pd.DataFrame(
        [
            {
                **head,
                "n": fit.n,
                "reml": fit.reml,
                "criterion": fit.criterion,
                "converged": fit.converged,
                "singular": fit.singular,
                "df_method": df,
                **{f"scaled_{name}": value for name, value in report["scaled_residuals"].items()},
                "note": " ".join(report["warnings"]) or None,
            }
        ]
    )
    fixed = fixed.astype(dict.fromkeys(numbers, np.float64))
    random = random.astype({"variance": float, "std_dev": float, "correlation": float, "levels": "Int64"})
    return fixed, random, models


def _random_rows(term: RandomCovariance) -> list[dict[str, Any]]:
    correlation = term.correlation
    return [
        {
            "group": term.label,
            "term": name,
            "variance": float(term.covariance[i, i]),
            "std_dev": float(term.std_devs[i]),
            "correlation": _number(correlation[i, 0]) if i else None,
            "levels": term.levels,
        }
        for i, name in enumerate(term.coefficients)
    ]


def _quartiles(fit: LmmFit) -> list[float]:
    return [float(q) for q in np.quantile(scaled_residuals(fit), [0.0, 0.25, 0.5, 0.75, 1.0])]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
