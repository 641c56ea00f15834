"""The same variance components through statsmodels: an independent check of our optimum."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.lmm.fit import LmmFit, assemble
from stats.lmm.optimise import OptimiserRecord

FloatArray = NDArray[np.float64]

LARGEST_Z = 20_000_000  # entries of the dense matrix that statsmodels needs
CRITERION_AGREES = 1e-3  # absolute: statsmodels stops about 1e-5 above the optimum
ESTIMATES_AGREE = 1e-3  # of a standard error


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossCheck:
    """Our fit beside statsmodels'.

    Attributes
    ----------
    criterion, criterion_statsmodels : REML or ML criterion of both, evaluated by each engine itself
    table : part, term, estimate, estimate_statsmodels, difference (in standard errors for fixed effects,
        relative to the total variance for variances)
    agrees : criterion within 1e-3 and fixed effects within 1e-3 standard errors
    note : one sentence
    """

    criterion: float
    criterion_statsmodels: float
    table: pd.DataFrame
    agrees: bool
    note: str


def refit(fit: LmmFit) -> LmmFit:
    """The same model at statsmodels' variances (`fit_lmm(..., engine="statsmodels")`)."""
    return fit_statsmodels(fit)[0]


def fit_statsmodels(fit: LmmFit) -> tuple[LmmFit, FloatArray, float]:
    """Refit by statsmodels' MixedLM: the fit at its variances, its fixed effects, its own criterion.

    Everything but the variance components is then computed by our formulas (statsmodels' standard errors are
    not (X'V^-1 X)^-1 and it has no degrees of freedom).

    Raises
    ------
    ValueError : random slopes, weights, or a design too large for its dense algebra
    """
    design = fit.design
    if any(len(t.coefficients) > 1 or t.coefficients != ("Intercept",) for t in design.random):
        raise ValueError("The statsmodels check covers random intercepts only; this model has random slopes.")
    if design.weights is not None:
        raise ValueError("The statsmodels check does not cover weights; its MixedLM has none.")
    q = sum(len(t.group.levels) for t in design.random)
    if design.n * q > LARGEST_Z:
        raise ValueError(
            f"The statsmodels check needs a dense matrix of {design.n} x {q} numbers; "
            f"it is run up to {LARGEST_Z} entries."
        )
    beta, gamma, criterion = _mixedlm(fit)
    theta = np.sqrt(np.maximum(gamma, 0.0))
    evaluation = fit.deviance.evaluate(theta)
    if evaluation is None:
        raise ValueError("The criterion cannot be evaluated at the variances that statsmodels gives.")
    record = OptimiserRecord(
        start=fit.optimiser.start,
        end=theta,
        start_value=fit.optimiser.start_value,
        end_value=evaluation.value,
        evaluations=1,
        gradient_norm=float(np.abs(evaluation.gradient).max()),
        smallest_curvature=float(np.linalg.eigvalsh(evaluation.hessian)[0]),
        tolerance=float("nan"),
        predicted_decrease=float("nan"),
        status="converged by statsmodels",
    )
    return assemble(design, fit.deviance, evaluation, record), beta, criterion


def _mixedlm(fit: LmmFit) -> tuple[FloatArray, FloatArray, float]:
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    design = fit.design
    scale = float(np.std(design.y))  # statsmodels calls variances below 0.01 a boundary: give it unit scale
    names = [f"{i}:{t.label}" for i, t in enumerate(design.random)]
    columns = [[list(t.group.levels)] for t in design.random]
    matrices = [[np.eye(len(t.group.levels))[t.group.codes]] for t in design.random]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # its boundary and convergence warnings: our criterion judges the result
        model = MixedLM(
            design.y / scale,
            design.X,
            groups=np.ones(design.n),
            exog_vc=VCSpec(names, columns, matrices),
        )
        result = model.fit(reml=fit.reml)
    dof = design.n - (design.X.shape[1] if fit.reml else 0)
    criterion = -2.0 * float(result.llf) + 2.0 * dof * np.log(scale)
    order = [sorted(names).index(name) for name in names]  # statsmodels sorts its components by name
    gamma = np.asarray(result.vcomp)[order] / float(result.scale)
    return np.asarray(result.fe_params) * scale, gamma, float(criterion)


def crosscheck(fit: LmmFit) -> CrossCheck:
    """Compare a fit with statsmodels' for the same model.

    Raises
    ------
    ValueError : random slopes, weights, or a design too large
    """
    other, beta, criterion = fit_statsmodels(fit)
    total = sum(float(t.covariance[0, 0]) for t in fit.random) + fit.sigma2
    rows = [
        ("fixed", name, ours, theirs, abs(ours - theirs) / se)
        for name, ours, theirs, se in zip(fit.names, fit.beta, beta, fit.std_errors, strict=True)
    ]
    for ours, theirs in zip(fit.random, other.random, strict=True):
        a, b = float(ours.covariance[0, 0]), float(theirs.covariance[0, 0])
        rows.append(("random", ours.label, a, b, abs(a - b) / total))
    rows.append(("residual", "Residual", fit.sigma2, other.sigma2, abs(fit.sigma2 - other.sigma2) / total))
    table = pd.DataFrame(rows, columns=["part", "term", "estimate", "estimate_statsmodels", "difference"])
    worst = float(table.loc[table["part"] == "fixed", "difference"].max())
    gap = criterion - fit.criterion
    agrees = abs(gap) <= CRITERION_AGREES and worst <= ESTIMATES_AGREE
    verdict = "agrees" if agrees else "disagrees"
    note = (
        f"statsmodels {verdict}: its criterion is {abs(gap):.2g} {'above' if gap >= 0 else 'below'} ours "
        "(lower fits better), "
        f"its fixed effects differ by at most {worst:.2g} standard errors."
    )
    return CrossCheck(
        criterion=fit.criterion, criterion_statsmodels=criterion, table=table, agrees=agrees, note=note
    )
