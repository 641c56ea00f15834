"""The penalised least-squares solution refined from the rows, where cross-products lose digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stats.lmm.design import Design, RandomDesign
from stats.lmm.deviance import Deviance, Evaluation
from stats.lmm.projection import Projection

FloatArray = NDArray[np.float64]

REFINEMENTS = 6


def with_exact_residual(design: Design, deviance: Deviance, evaluation: Evaluation) -> Evaluation:
    """r^2 from the rows: cross-products lose digits when the residual variance is tiny.

    Iterative refinement of the penalised least-squares solution;
    r^2 is the minimum of |residuals|^2 + b'Gamma^-1 b.
    """
    projection, products = evaluation.projection, deviance.products
    root = np.ones(design.n) if design.weights is None else np.sqrt(design.weights)
    X = np.linalg.solve(products.R.T, (design.X * root[:, None]).T).T
    factors = [deviance.thetas.matrix(evaluation.theta, i) for i in range(len(design.random))]
    Gammas = [factor @ factor.T for factor in factors]
    precisions = [np.linalg.pinv(Gamma, hermitian=True) for Gamma in Gammas]
    start = scores_by_term(deviance, evaluation)
    effects = [s @ Gamma for s, Gamma in zip(start, Gammas, strict=True)]
    fixed = products.R @ products.beta_ols + evaluation.beta
    best, beta = np.inf, fixed
    for _ in range(REFINEMENTS):
        residual = design.y * root - X @ fixed
        for term, b in zip(design.random, effects, strict=True):
            residual -= ((b / term.scale)[term.group.codes] * term.values.T).sum(axis=1) * root
        penalties = [b @ K for b, K in zip(effects, precisions, strict=True)]
        r2 = float(residual @ residual) + sum(
            float((b * k).sum()) for b, k in zip(effects, penalties, strict=True)
        )
        if r2 >= best * (1.0 - 1e-13):
            break
        best, beta = r2, fixed
        slack = [_by_level(t, residual * root) - k for t, k in zip(design.random, penalties, strict=True)]
        changes, change = _solve(deviance, projection, slack, X.T @ residual, Gammas)
        effects = [b + c for b, c in zip(effects, changes, strict=True)]
        fixed = fixed + change
    value = evaluation.value + evaluation.dof * float(np.log(best / evaluation.r2))
    return replace(evaluation, r2=best, value=value, beta=beta - products.R @ products.beta_ols)


def _by_level(term: RandomDesign, rows: FloatArray) -> FloatArray:
    """Z'rows of one term, (levels, coefficients), covariates in scaled units."""
    size = len(term.group.levels)
    sums = [np.bincount(term.group.codes, weights=v * rows, minlength=size) for v in term.values]
    return np.stack(sums, axis=1) / term.scale


def _solve(
    deviance: Deviance,
    projection: Projection,
    slack: list[FloatArray],
    fixed_slack: FloatArray,
    Gammas: list[FloatArray],
) -> tuple[list[FloatArray], FloatArray]:
    """Solution of the normal equations for the right-hand side (slack, fixed_slack)."""
    products, rows = deviance.products, projection.rows
    right = np.concatenate([*(slack[i].T.ravel() for i in products.dense_terms), fixed_slack])
    first = products.eliminated_term
    if rows is not None:
        lifted = rows.elimination.blocks(Gammas[first] @ rows.H, slack[first].reshape(-1, 1))
        z, Xy = rows.elimination.z, rows.elimination.Xy[:, : products.p]
        right = right - np.concatenate([z.T @ lifted, Xy.T @ lifted])[:, 0]
    solution = projection.Q @ right
    out: dict[int, FloatArray] = {}
    if rows is not None:
        own = rows.elimination.blocks(rows.H, slack[first].reshape(-1, 1))[:, 0] - rows.dot(solution)
        out[first] = own.reshape(slack[first].shape) @ Gammas[first]
    column = 0
    for i in products.dense_terms:
        end = column + slack[i].size
        out[i] = solution[column:end].reshape(slack[i].shape[1], -1).T
        column = end
    return [out[i] for i in range(len(slack))], solution[products.q :]


def scores_by_term(deviance: Deviance, evaluation: Evaluation) -> list[FloatArray]:
    """Z'P0 y for each term, arrays (levels, coefficients), covariates in scaled units."""
    first, dense = evaluation.projection.scores()
    products, sizes = deviance.products, deviance.thetas.sizes
    out: dict[int, FloatArray] = {}
    if first is not None:
        out[products.eliminated_term] = first.reshape(-1, sizes[products.eliminated_term])
    column = 0
    for term in products.dense_terms:
        begin, end = products.starts[column], products.starts[column + sizes[term]]
        out[term] = dense[begin:end].reshape(sizes[term], -1).T
        column += sizes[term]
    return [out[i] for i in range(len(sizes))]
