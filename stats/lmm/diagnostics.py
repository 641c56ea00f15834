"""Residual diagnostics of a fit: are the residuals as the model says, normal with one variance?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from stats.lmm.fit import LmmFit
from stats.lmm.random_effects import fitted_values, scaled_residuals

FloatArray = NDArray[np.float64]

LARGE = 3.0  # scaled residuals beyond are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualDiagnostics:
    """Descriptive measures of the scaled residuals (residual / residual SD), no tests.

    Attributes
    ----------
    skewness, excess_kurtosis : 0 for a normal distribution
    normal_correlation : correlation with normal quantiles (a straight Q-Q plot gives 1)
    spread_trend : Spearman correlation of |residual| with the fitted value; 0 for one variance
    large : row (position in the frame), fitted and scaled residual of every residual beyond 3 in size
    spread_by_level : group, level, n, std_dev of the scaled residuals per level of every grouping factor
    """

    skewness: float
    excess_kurtosis: float
    normal_correlation: float
    spread_trend: float
    large: pd.DataFrame
    spread_by_level: pd.DataFrame


def residual_frame(fit: LmmFit) -> pd.DataFrame:
    """One row per row used: row (position in the frame), fitted, residual, scaled."""
    fitted, scaled = fitted_values(fit), scaled_residuals(fit)
    observed = fit.design.y if fit.design.offset is None else fit.design.y + fit.design.offset
    return pd.DataFrame(
        {"row": fit.design.rows, "fitted": fitted, "residual": observed - fitted, "scaled": scaled}
    )


def residual_diagnostics(fit: LmmFit) -> ResidualDiagnostics:
    """Describe the residuals of a fit."""
    frame = residual_frame(fit)
    scaled = frame["scaled"].to_numpy()
    centred = scaled - scaled.mean()
    spread = np.sqrt(np.mean(centred**2))
    quantiles = special.ndtri((np.arange(1, fit.n + 1) - 0.375) / (fit.n + 0.25))
    large = frame.loc[np.abs(scaled) > LARGE, ["row", "fitted", "scaled"]].reset_index(drop=True)
    return ResidualDiagnostics(
        skewness=float(np.mean(centred**3) / spread**3),
        excess_kurtosis=float(np.mean(centred**4) / spread**4 - 3.0),
        normal_correlation=float(np.corrcoef(np.sort(scaled), quantiles)[0, 1]),
        spread_trend=float(frame["scaled"].abs().corr(frame["fitted"], method="spearman")),
        large=large,
        spread_by_level=_spread_by_level(fit, scaled),
    )


def _spread_by_level(fit: LmmFit, scaled: FloatArray) -> pd.DataFrame:
    rows = []
    for term in fit.design.random:
        codes, levels = term.group.codes, term.group.levels
        count = np.bincount(codes, minlength=len(levels))
        mean = np.bincount(codes, weights=scaled, minlength=len(levels)) / count
        square = np.bincount(codes, weights=(scaled - mean[codes]) ** 2, minlength=len(levels))
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt(square / (count - 1))
        rows += [
            {"group": term.label, "level": level, "n": int(n), "std_dev": float(s)}
            for level, n, s in zip(levels, count, spread, strict=True)
        ]
    return pd.DataFrame(rows, columns=["group", "level", "n", "std_dev"])
