"""What a statistician would say about a fit: convergence, singularity, few levels, few df, reversals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.lmm.factors import Factor
from stats.lmm.fit import LmmFit
from stats.lmm.reversals import reversals

FEW_LEVELS = 5
FEW_DF = 4.0
GRADIENT_LIMIT = 2e-3  # lme4's check.conv.grad
CURVATURE_LIMIT = 1e-6  # lme4's check.conv.hess: relative to the largest eigenvalue


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergenceCheck:
    """lme4's checks of an optimum, from exact derivatives.

    Attributes
    ----------
    scaled_gradient : largest entry of the gradient in units in which the Hessian is the identity
    smallest_eigenvalue, largest_eigenvalue : of the Hessian of the criterion in theta
    messages : one sentence per check that failed
    """

    scaled_gradient: float
    smallest_eigenvalue: float
    largest_eigenvalue: float
    messages: tuple[str, ...]


def convergence_check(fit: LmmFit) -> ConvergenceCheck:
    """Check gradient and Hessian at the end of the fit."""
    evaluation = fit.evaluation
    values, vectors = np.linalg.eigh(evaluation.hessian)
    usable = values > CURVATURE_LIMIT * max(float(values[-1]), 1e-300)
    turned = vectors.T @ evaluation.gradient
    gradient = float(np.abs(turned[usable] / np.sqrt(values[usable])).max(initial=0.0))
    messages = []
    if not fit.converged:
        messages.append(
            f"The fit did not converge ({fit.optimiser.status} after {fit.optimiser.evaluations} "
            "evaluations): do not use its numbers."
        )
    if gradient > GRADIENT_LIMIT:
        messages.append(f"The scaled gradient at the end is {gradient:.2g}, more than {GRADIENT_LIMIT}.")
    if values[0] < -CURVATURE_LIMIT * float(values[-1]):
        messages.append(f"The criterion still falls in one direction (Hessian eigenvalue {values[0]:.2g}).")
    elif not usable.all() and not fit.singular:
        messages.append("The criterion is flat in one direction: the variances are not identified.")
    return ConvergenceCheck(
        scaled_gradient=gradient,
        smallest_eigenvalue=float(values[0]),
        largest_eigenvalue=float(values[-1]),
        messages=tuple(messages),
    )


def advice(fit: LmmFit, *, df: NDArray[np.float64] | None = None) -> list[str]:
    """Notes on the fit, one sentence each, the most serious first.

    Parameters
    ----------
    df : degrees of freedom of the fixed effects, to point out tests that rest on few
    """
    notes = list(convergence_check(fit).messages)
    if fit.singular:
        notes.append(
            f"Singular fit: {'; '.join(fit.boundary)}. A simpler random part would fit the data as well."
        )
    few = [(t.label, t.levels) for t in fit.random if t.levels < FEW_LEVELS]
    if few:
        named = ", ".join(f"'{label}' ({levels})" for label, levels in dict.fromkeys(few))
        notes.append(
            f"Fewer than {FEW_LEVELS} levels: {named}. The variance of such a factor is hardly identified; "
            "consider it as a fixed effect."
        )
    if df is not None:
        low = [f"'{name}' ({value:.1f})" for name, value in zip(fit.names, df, strict=True) if value < FEW_DF]
        if low:
            notes.append(
                f"Few degrees of freedom: {', '.join(low)}. Their tests and intervals rest on few levels."
            )
    notes += [reversal.sentence() for reversal in reversals(fit)]
    if fit.design.aliased:
        notes.append(
            f"Left out because earlier columns determine them: {', '.join(fit.design.aliased)} "
            "(empty combinations of factors, or the same information twice)."
        )
    notes += [note for name in _fixed_factors(fit) if (note := _number_note(name, fit)) is not None]
    dropped = drop_note(fit)
    return [*notes, dropped] if dropped else notes


def _fixed_factors(fit: LmmFit) -> list[str]:
    names = dict.fromkeys(name for term in fit.design.formula.terms for name in term)
    return [name for name in names if isinstance(fit.design.columns[name], Factor)]


def _number_note(name: str, fit: LmmFit) -> str | None:
    """A column of numbers that one stray word turned into a factor."""
    column = fit.design.columns[name]
    assert isinstance(column, Factor)
    words = [level for level in column.levels if not _is_number(level)]
    if not words or len(words) > len(column.levels) / 2 or len(column.levels) < FEW_LEVELS:
        return None
    return (
        f"'{name}' is a factor with {len(column.levels)} levels, since it holds "
        f"{', '.join(map(repr, words[:3]))} among numbers. If it is a covariate, correct these values or "
        "leave them empty."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def drop_note(fit: LmmFit) -> str | None:
    """How many rows were dropped, None if none was."""
    if not fit.n_dropped:
        return None
    rows = "row was" if fit.n_dropped == 1 else "rows were"
    return f"{fit.n_dropped} {rows} dropped because of missing values; {fit.n} were used."
