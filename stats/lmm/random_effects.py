"""Predicted random effects (BLUPs), fitted values, residuals, variance shares, ICC and Nakagawa's R2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.lmm.fit import LmmFit

FloatArray = NDArray[np.float64]


def random_effect_values(fit: LmmFit) -> list[FloatArray]:
    """Predicted random effects of each term, arrays (levels, coefficients), in the order of the formula.

    b = Gamma Z'P0 y, the best linear unbiased predictor at the estimated variances.
    """
    scores = _scores_by_term(fit)
    values = []
    for i, term in enumerate(fit.design.random):
        factor = fit.deviance.thetas.matrix(fit.evaluation.theta, i)
        values.append(scores[i] @ (factor @ factor.T) / term.scale)
    return values


def _scores_by_term(fit: LmmFit) -> list[FloatArray]:
    """Z'P0 y for each term, arrays (levels, coefficients), covariates in scaled units."""
    first, dense = fit.evaluation.projection.scores()
    products, sizes = fit.deviance.products, fit.deviance.thetas.sizes
    out: dict[int, FloatArray] = {}
    if first is not None:
        out[products.eliminated_term] = first.reshape(-1, sizes[products.eliminated_term])
    column = 0
    for term in products.dense_terms:
        begin, end = products.starts[column], products.starts[column + sizes[term]]
        out[term] = dense[begin:end].reshape(sizes[term], -1).T
        column += sizes[term]
    return [out[i] for i in range(len(sizes))]


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
