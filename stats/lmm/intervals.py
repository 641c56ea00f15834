"""Wald and parametric-bootstrap intervals; profile intervals stand in `profile.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.checks import check_conf_level
from stats.lmm.contest import fixed_effects
from stats.lmm.crossproducts import CrossProducts
from stats.lmm.design import Design
from stats.lmm.deviance import Deviance
from stats.lmm.fit import LmmFit, assemble
from stats.lmm.optimise import minimise, scoring_step
from stats.resampling.limits import percentile_limits

FloatArray = NDArray[np.float64]


def wald_intervals(fit: LmmFit, *, df: str = "none", conf_level: float = 0.95) -> pd.DataFrame:
    """Estimate plus and minus a quantile times the standard error, for the fixed effects.

    Parameters
    ----------
    df : "none" (normal, as lme4's `confint(method = "Wald")`), "satterthwaite" or "kenward-roger"

    Returns
    -------
    DataFrame : term, estimate, std_error, df, conf_low, conf_high
    """
    tests = fixed_effects(fit, df=df, conf_level=conf_level)
    return pd.DataFrame(
        {
            "term": fit.names,
            "estimate": tests.estimate,
            "std_error": tests.std_error,
            "df": tests.df,
            "conf_low": tests.conf_low,
            "conf_high": tests.conf_high,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Parametric bootstrap of a fit.

    Attributes
    ----------
    names : of the statistics: fixed effects, then `sd(term|group)`, `cor(a, b|group)` and `sigma`
    estimate : (m,);  replicates : (n_resamples, m)
    n_failed : replicates that did not converge, left as NaN;  n_singular : replicates with a singular fit
    """

    names: tuple[str, ...]
    estimate: FloatArray
    replicates: FloatArray
    n_failed: int
    n_singular: int

    def intervals(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Percentile intervals, ranks as lme4's: term, estimate, std_error, conf_low, conf_high."""
        check_conf_level(conf_level)
        low, high = percentile_limits(self.replicates, conf_level)
        return pd.DataFrame(
            {
                "term": self.names,
                "estimate": self.estimate,
                "std_error": np.nanstd(self.replicates, axis=0, ddof=1),
                "conf_low": low,
                "conf_high": high,
            }
        )


def bootstrap(fit: LmmFit, *, n_resamples: int = 1000, rng: np.random.Generator) -> Bootstrap:
    """Simulate responses from the fitted model and fit it again.

    Parameters
    ----------
    n_resamples : number of simulated responses;  rng : numpy generator

    Raises
    ------
    ValueError : fewer than 2 resamples
    TypeError : `rng` is not a numpy Generator
    """
    if n_resamples < 2:
        raise ValueError(f"`n_resamples` is {n_resamples}; a bootstrap needs at least 2, 1000 are usual.")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"`rng` must be a numpy Generator (np.random.default_rng(seed)), got {type(rng).__name__}."
        )
    names, estimate = statistics(fit)
    refit = refitter(fit)
    replicates = np.full((n_resamples, len(names)), np.nan)
    failed = singular = 0
    for i in range(n_resamples):
        again = refit(simulate(fit, rng))
        singular += again.singular
        if again.converged:
            replicates[i] = statistics(again)[1]
        else:
            failed += 1
    return Bootstrap(
        names=names, estimate=estimate, replicates=replicates, n_failed=failed, n_singular=singular
    )


def statistics(fit: LmmFit) -> tuple[tuple[str, ...], FloatArray]:
    """Names and values of fixed effects, standard deviations, correlations and sigma."""
    names, values = list(fit.names), list(fit.beta)
    for term in fit.random:
        correlation = term.correlation
        for i, name in enumerate(term.coefficients):
            names.append(f"sd({name}|{term.label})")
            values.append(term.std_devs[i])
        for i in range(len(term.coefficients)):
            for j in range(i):
                names.append(f"cor({term.coefficients[j]}, {term.coefficients[i]}|{term.label})")
                values.append(correlation[i, j])
    return (*names, "sigma"), np.array([*values, np.sqrt(fit.sigma2)])


def simulate(fit: LmmFit, rng: np.random.Generator) -> FloatArray:
    """One response (n,) from the fitted model, without the offset."""
    y = fit.design.X @ fit.beta
    for i, term in enumerate(fit.design.random):
        factor = fit.deviance.thetas.matrix(fit.theta, i) * np.sqrt(fit.sigma2)
        effects = rng.standard_normal((len(term.group.levels), len(factor))) @ factor.T
        y += (effects[term.group.codes] * term.values.T).sum(axis=1)
    noise = rng.standard_normal(fit.n) * np.sqrt(fit.sigma2)
    return y + (noise if fit.design.weights is None else noise / np.sqrt(fit.design.weights))


def refitter(fit: LmmFit) -> Callable[[FloatArray], LmmFit]:
    """A function that fits the same model to another response (n,), reusing everything but y."""
    products, design = fit.deviance.products, fit.design
    root = np.ones(design.n) if design.weights is None else np.sqrt(design.weights)
    Q = np.linalg.solve(products.R.T, (design.X * root[:, None]).T).T

    def refit(y: FloatArray) -> LmmFit:
        weighted = y * root
        projected = Q.T @ weighted
        residual = weighted - Q @ projected
        again = Q.T @ residual
        residual -= Q @ again
        beta = np.asarray(np.linalg.solve(products.R, projected + again), dtype=np.float64)
        changed = _with_response(products, design, residual * root, residual, beta)
        deviance = Deviance(changed, fit.deviance.thetas, levels=fit.deviance.levels, reml=fit.reml)
        start = fit.deviance.thetas.start_values()
        evaluation, record = minimise(deviance, start, scoring=partial(scoring_step, deviance))
        return assemble(replace(design, y=y), deviance, evaluation, record)

    return refit


def _with_response(
    products: CrossProducts, design: Design, rows: FloatArray, residual: FloatArray, beta: FloatArray
) -> CrossProducts:
    """Cross-products with another response; `rows` is the residual times the root of the weights."""
    y = products.q + products.p
    dense = products.dense.copy()
    column = 0
    for i in products.dense_terms:
        term = design.random[i]
        for values, scale in zip(term.values, term.scale, strict=True):
            size = len(term.group.levels)
            sums = np.bincount(term.group.codes, weights=values * rows, minlength=size) / scale
            dense[products.starts[column] : products.starts[column + 1], y] = sums
            column += 1
    dense[products.q : y, y] = 0.0  # the residual is orthogonal to X
    dense[y, :y] = dense[:y, y]
    dense[y, y] = residual @ residual
    eliminated = products.eliminated
    if eliminated is not None:
        term = design.random[products.eliminated_term]
        size = len(term.group.levels)
        own = [np.bincount(term.group.codes, weights=v * rows, minlength=size) for v in term.values]
        column_y = (np.stack(own, axis=1) / term.scale).ravel()
        eliminated = replace(eliminated, Xy=np.column_stack([eliminated.Xy[:, : products.p], column_y]))
    return replace(products, dense=dense, eliminated=eliminated, beta_ols=beta)
