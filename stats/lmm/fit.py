"""Fit a linear mixed model by REML or ML: `fit_lmm`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.checks import check_choice
from stats.lmm.coding import Coding
from stats.lmm.crossproducts import cross_products
from stats.lmm.design import Design, build_design
from stats.lmm.deviance import Deviance, Evaluation
from stats.lmm.formula import parse_formula
from stats.lmm.identified import check_identified, check_residual
from stats.lmm.optimise import OptimiserRecord, minimise, scoring_step
from stats.lmm.refinement import with_exact_residual
from stats.lmm.theta import ThetaMap

FloatArray = NDArray[np.float64]
Engine = Literal["newton", "statsmodels"]

SINGULAR_BELOW = 1e-4  # lme4's isSingular: smallest diagonal entry of theta
RESTART_UP_TO = 400  # dense random columns up to which a singular optimum is sought from a second start too
ZERO_BELOW = 1e-9  # Newton's steps end this close to a variance of zero
SMALL_RESIDUAL = 100.0  # theta above which the residual sum of squares is computed from the rows
EXACT_FIT = 1e-27  # residual sum of squares, as a share of that of y, that is rounding alone
SPANNED = 1e-9  # share of a random term beside the fixed effects that is rounding alone
REFINEMENTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomCovariance:
    """Estimated covariance of one random term.

    Attributes
    ----------
    label : grouping factor;  coefficients : names;  levels : number of levels
    covariance : (c, c)
    """

    label: str
    coefficients: tuple[str, ...]
    levels: int
    covariance: FloatArray

    @property
    def std_devs(self) -> FloatArray:
        """Standard deviations of the coefficients, shape (c,)."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def correlation(self) -> FloatArray:
        """(c, c); NaN where a standard deviation is zero."""
        sd = self.std_devs
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.covariance / np.multiply.outer(sd, sd))


@dataclass(frozen=True, slots=True, kw_only=True)
class LmmFit:
    """A fitted linear mixed model.

    Attributes
    ----------
    formula : as given;  reml : REML or ML;  n : rows used;  n_dropped : rows left out for missing values
    names, beta, vcov : fixed effects (p,), their estimates and covariance (p, p)
    theta : relative covariance factor as lme4 defines it;  sigma2 : residual variance
    random : covariance of every random term, in the order of the formula
    criterion : REML or ML criterion (-2 log likelihood)
    optimiser : what the optimiser did;  singular : a variance at zero or a correlation at +-1
    boundary : the terms at the boundary, in words
    design, deviance, evaluation : data, criterion and its derivatives, for inference
    """

    formula: str
    reml: bool
    n: int
    n_dropped: int
    names: tuple[str, ...]
    beta: FloatArray
    vcov: FloatArray
    theta: FloatArray
    sigma2: float
    random: tuple[RandomCovariance, ...]
    criterion: float
    optimiser: OptimiserRecord
    singular: bool
    boundary: tuple[str, ...]
    design: Design = field(repr=False)
    deviance: Deviance = field(repr=False)
    evaluation: Evaluation = field(repr=False)

    @property
    def converged(self) -> bool:
        """Whether the optimiser reached a minimum."""
        return self.optimiser.converged

    @property
    def std_errors(self) -> FloatArray:
        """Standard errors of the fixed effects (not adjusted), shape (p,)."""
        return np.sqrt(np.diagonal(self.vcov))

    @property
    def log_likelihood(self) -> float:
        """Restricted (REML) or full (ML) log likelihood."""
        return -0.5 * self.criterion


def fit_lmm(
    formula: str,
    frame: pd.DataFrame,
    *,
    reml: bool = True,
    weights: str | None = None,
    offset: str | None = None,
    coding: Coding = "treatment",
    engine: Engine = "newton",
) -> LmmFit:
    """Fit a linear mixed model as lme4's `lmer`.

    Parameters
    ----------
    formula : lme4 formula of column names, for example `"auc ~ pretrain + (1|head) + (1|task)"`
    frame : one row per observation; numbers in fixed terms are covariates, other columns factors with levels
        sorted as in R (alphabetical, numbers by value); rows with a missing value in a column of the model
        are dropped and counted in `n_dropped`
    reml : restricted (default) or full maximum likelihood
    weights : column of inverse variances up to a factor;  offset : column subtracted from the response
    coding : "treatment" (first level is the baseline) or "sum"
    engine : "newton", or "statsmodels" to take the variances from statsmodels' MixedLM as an independent
        check (random intercepts only; everything else is still computed here)

    Returns
    -------
    LmmFit

    Raises
    ------
    TypeError : `formula` is not text or `frame` is no DataFrame
    ValueError : formula with code, unknown or empty column, a factor with one level, constant response,
        infinite
        values, fewer rows than parameters, a term written twice

    Notes
    -----
    Source: Bates, Maechler, Bolker & Walker 2015 (J Stat Softw 67:1). The optimum is found by Newton steps
    with the exact Hessian of the profiled deviance, so that it does not depend on an optimiser's tolerance.
    Checked against R lme4 (tests/golden/lmm_*.json).
    """
    design = build_design(parse_formula(formula), frame, weights=weights, offset=offset, coding=coding)
    check_choice("engine", engine, get_args(Engine))
    fit = fit_design(design, reml=reml)
    if engine == "newton":
        return fit
    from stats.lmm.crosscheck_statsmodels import refit

    return refit(fit)


def fit_design(design: Design, *, reml: bool = True, start: FloatArray | None = None) -> LmmFit:
    """Fit a model whose arrays exist already; `start` is theta in lme4's sense."""
    products = cross_products(design)
    check_residual(design, products)
    check_identified(design, products)
    thetas = ThetaMap.of([len(t.coefficients) for t in design.random])
    levels = tuple(len(t.group.levels) for t in design.random)
    deviance = Deviance(products, thetas, levels=levels, reml=reml)
    scales = [t.scale for t in design.random]
    begin = (
        thetas.start_values() if start is None else thetas.rescaled(np.asarray(start, dtype=float), scales)
    )
    evaluation, record = minimise(deviance, begin, scoring=partial(scoring_step, deviance))
    fit = assemble(design, deviance, evaluation, record)
    if fit.singular and deviance.products.q <= RESTART_UP_TO:
        again = assemble(design, deviance, *minimise(deviance, thetas.start_values()))
        if again.converged and again.criterion < fit.criterion - 1e-9:
            return again
    return fit


def assemble(design: Design, deviance: Deviance, evaluation: Evaluation, record: OptimiserRecord) -> LmmFit:
    """The result of a fit from the optimum found."""
    thetas, products = deviance.thetas, deviance.products
    if np.abs(evaluation.theta).max() > SMALL_RESIDUAL:
        evaluation = with_exact_residual(design, deviance, evaluation)
    sigma2 = evaluation.r2 / evaluation.dof
    inverse_R = np.linalg.inv(products.R)
    canonical = thetas.canonical(evaluation.theta)
    canonical[np.abs(canonical) < ZERO_BELOW] = 0.0
    unscale = [1.0 / t.scale for t in design.random]
    theta = thetas.rescaled(canonical, unscale)
    random = []
    for i, term in enumerate(design.random):
        factor = thetas.matrix(theta, i)
        random.append(
            RandomCovariance(
                label=term.label,
                coefficients=term.coefficients,
                levels=len(term.group.levels),
                covariance=sigma2 * (factor @ factor.T),
            )
        )
    boundary = _boundary(thetas, canonical, random)
    return LmmFit(
        formula=design.formula.text,
        reml=deviance.reml,
        n=design.n,
        n_dropped=design.n_dropped,
        names=design.names,
        beta=products.beta_ols + inverse_R @ evaluation.beta,
        vcov=sigma2 * (inverse_R @ evaluation.Phi @ inverse_R.T),
        theta=theta,
        sigma2=sigma2,
        random=tuple(random),
        criterion=evaluation.value,
        optimiser=_in_user_units(record, thetas, unscale),
        singular=bool(boundary),
        boundary=boundary,
        design=design,
        deviance=deviance,
        evaluation=evaluation,
    )


def _boundary(thetas: ThetaMap, theta: FloatArray, random: list[RandomCovariance]) -> tuple[str, ...]:
    """Terms whose covariance matrix is singular, in words; theta is for unit-mean-square covariates."""
    found = []
    for i, term in enumerate(random):
        factor = thetas.matrix(theta, i)
        sd = np.sqrt((factor * factor).sum(axis=1))
        zero = [name for name, value in zip(term.coefficients, sd, strict=True) if value < SINGULAR_BELOW]
        for name in zero:
            found.append(f"variance of {name} in '{term.label}' is zero")
        if not zero and np.diagonal(factor).min() < SINGULAR_BELOW:
            found.append(f"correlation within '{term.label}' is at its limit")
    return tuple(found)


def _in_user_units(record: OptimiserRecord, thetas: ThetaMap, unscale: list[FloatArray]) -> OptimiserRecord:
    return replace(
        record,
        start=thetas.rescaled(record.start, unscale),
        end=thetas.rescaled(thetas.canonical(record.end), unscale),
    )
