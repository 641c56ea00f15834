"""Predicted random effects (BLUPs), fitted values, residuals, variance shares, ICC and Nakagawa's R2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.lmm.fit import LmmFit
from stats.lmm.refinement import scores_by_term

FloatArray = NDArray[np.float64]


def random_effect_values(fit: LmmFit) -> list[FloatArray]:
    """Predicted random effects of each term, arrays (levels, coefficients), in the order of the formula.

    b = Gamma Z'P0 y, the best linear unbiased predictor at the estimated variances.
    """
    scores = scores_by_term(fit.deviance, fit.evaluation)
    values = []
    for i, term in enumerate(fit.design.random):
        factor = fit.deviance.thetas.matrix(fit.evaluation.theta, i)
        values.append(scores[i] @ (factor @ factor.T) / term.scale)
    return values


def random_effect_std_devs(fit: LmmFit) -> list[FloatArray]:
    """Conditional standard deviations of the random effects given the fixed effects, as lme4's `condVar`.

    Arrays (levels, coefficients), terms as in the formula; covariance sigma^2 (Gamma - Gamma S0 Gamma).
    """
    projection, products = fit.evaluation.projection, fit.deviance.products
    Q, q = projection.Q, products.q
    inner = np.zeros_like(Q)
    inner[:q, :q] = Q[:q, :q] - Q[:q, q:] @ np.linalg.solve(Q[q:, q:], Q[q:, :q])
    out: dict[int, FloatArray] = {}
    sizes = fit.deviance.thetas.sizes
    if projection.rows is not None:
        term = products.eliminated_term
        factor = fit.deviance.thetas.matrix(fit.evaluation.theta, term)
        Gamma = factor @ factor.T
        S0 = projection.rows.own - projection.rows.diagonals(inner)
        out[term] = np.diagonal(Gamma - Gamma @ S0 @ Gamma, axis1=1, axis2=2)
    column = 0
    for term in products.dense_terms:
        begin, end = products.starts[column], products.starts[column + sizes[term]]
        out[term] = inner.diagonal()[begin:end].reshape(sizes[term], -1).T
        column += sizes[term]
    scales = [t.scale for t in fit.design.random]
    return [np.sqrt(fit.sigma2 * np.maximum(out[i], 0.0)) / scales[i] for i in range(len(sizes))]


def fitted_values(fit: LmmFit) -> FloatArray:
    """X beta + Z b + offset for every row used, shape (n,)."""
    mean = fit.design.X @ fit.beta
    for term, effects in zip(fit.design.random, random_effect_values(fit), strict=True):
        mean += (effects[term.group.codes] * term.values.T).sum(axis=1)
    return mean if fit.design.offset is None else mean + fit.design.offset


def scaled_residuals(fit: LmmFit) -> FloatArray:
    """Residuals divided by the residual standard deviation (weighted where there are weights), shape (n,)."""
    y = fit.design.y if fit.design.offset is None else fit.design.y + fit.design.offset
    residuals = (y - fitted_values(fit)) / np.sqrt(fit.sigma2)
    return residuals if fit.design.weights is None else residuals * np.sqrt(fit.design.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceExplained:
    """Nakagawa's R2 and the intraclass correlation.

    Attributes
    ----------
    fixed, random, residual : variances of the fixed part, the random part (mean over rows), the residual
    r2_marginal : fixed / total;  r2_conditional : (fixed + random) / total
    icc_adjusted : random / (random + residual);  icc_conditional : random / total
    """

    fixed: float
    random: float
    residual: float
    r2_marginal: float
    r2_conditional: float
    icc_adjusted: float
    icc_conditional: float


def variance_explained(fit: LmmFit) -> VarianceExplained:
    """R2 and ICC of a fit; with slopes the random variance is its mean over the rows.

    Sources: Nakagawa & Schielzeth 2013 (Methods Ecol Evol 4:133); Johnson 2014 (5:944) for slopes.
    """
    fixed = float(np.var(fit.design.X @ fit.beta, ddof=1))
    random = float(sum(_row_variances(fit)))
    total = fixed + random + fit.sigma2
    return VarianceExplained(
        fixed=fixed,
        random=random,
        residual=fit.sigma2,
        r2_marginal=fixed / total,
        r2_conditional=(fixed + random) / total,
        icc_adjusted=random / (random + fit.sigma2),
        icc_conditional=random / total,
    )


def _row_variances(fit: LmmFit) -> list[float]:
    """Mean over the rows of the variance that each random term gives to a row."""
    return [
        float(np.einsum("an,ab,bn->n", data.values, term.covariance, data.values).mean())
        for term, data in zip(fit.random, fit.design.random, strict=True)
    ]


def variance_shares(fit: LmmFit) -> pd.DataFrame:
    """Share of the unexplained variance per random term, the residual last.

    Returns
    -------
    DataFrame : group, variance (mean over the rows), share (sums to 1)
    """
    variances = [*_row_variances(fit), fit.sigma2]
    groups = [*(term.label for term in fit.random), "Residual"]
    total = sum(variances)
    return pd.DataFrame({"group": groups, "variance": variances, "share": [v / total for v in variances]})


def random_effects_frame(fit: LmmFit) -> pd.DataFrame:
    """Predicted random effects with their conditional standard deviations.

    Returns
    -------
    DataFrame : group, level, term, estimate, std_dev
    """
    frames = []
    values, spreads = random_effect_values(fit), random_effect_std_devs(fit)
    for term, data, value, spread in zip(fit.random, fit.design.random, values, spreads, strict=True):
        for i, name in enumerate(term.coefficients):
            frames.append(
                pd.DataFrame(
                    {
                        "group": term.label,
                        "level": list(data.group.levels),
                        "term": name,
                        "estimate": value[:, i],
                        "std_dev": spread[:, i],
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)
