"""Likelihood-ratio tests: two nested models, and each random term against its removal (ranova)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.lmm.coding import fixed_columns
from stats.lmm.design import Design, RandomDesign
from stats.lmm.distributions import chi2_tail
from stats.lmm.fit import LmmFit, fit_design
from stats.lmm.formula import RandomTerm

FloatArray = NDArray[np.float64]

ROUNDING = 1e-11  # share of the criterion below which a difference is rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatioTest:
    """Twice the difference of the log likelihoods of nested models.

    `note` says when the reference distribution is conservative (a variance on its boundary).
    """

    statistic: float
    df: int
    p_value: float
    criterion_small: float
    criterion_large: float
    note: str | None


def n_parameters(fit: LmmFit) -> int:
    """Fixed effects, variances and covariances, and the residual variance."""
    return len(fit.names) + fit.deviance.thetas.length + 1


def likelihood_ratio_test(smaller: LmmFit, larger: LmmFit) -> LikelihoodRatioTest:
    """Test the smaller model within the larger.

    Raises
    ------
    ValueError : other rows, response or weights; REML fits with other fixed effects; models not nested by
        counting; the smaller one fits better
    """
    if smaller.n != larger.n or not np.array_equal(smaller.design.y, larger.design.y):
        raise ValueError(
            "A likelihood-ratio test needs both models on the same rows and response; "
            f"these use {smaller.n} and {larger.n} rows. Drop the incomplete rows first."
        )
    if not np.array_equal(_weights(smaller), _weights(larger)):
        raise ValueError("The models have different weights, so their likelihoods cannot be compared.")
    if smaller.reml != larger.reml:
        raise ValueError("One model is fitted by REML, the other by ML; fit both in the same way.")
    if smaller.reml and smaller.names != larger.names:
        raise ValueError(
            "REML criteria of models with different fixed effects cannot be compared; "
            "fit both with reml=False."
        )
    df = n_parameters(larger) - n_parameters(smaller)
    if df <= 0:
        raise ValueError(
            f"The larger model has {n_parameters(larger)} parameters, the smaller {n_parameters(smaller)}; "
            "give the smaller model first."
        )
    statistic = smaller.criterion - larger.criterion
    if statistic < -1e-6 * max(1.0, abs(larger.criterion)):
        raise ValueError("The smaller model fits better than the larger, so they are not nested.")
    random_differs = smaller.deviance.thetas.length != larger.deviance.thetas.length
    note = "the chi-square reference is conservative: a variance of zero lies on the boundary"
    return LikelihoodRatioTest(
        statistic=max(0.0, statistic),
        df=df,
        p_value=float(chi2_tail(max(0.0, statistic), df)),
        criterion_small=smaller.criterion,
        criterion_large=larger.criterion,
        note=note if random_differs else None,
    )


def _weights(fit: LmmFit) -> FloatArray:
    return np.ones(fit.n) if fit.design.weights is None else fit.design.weights


def ranova(fit: LmmFit) -> pd.DataFrame:
    """Test every random term by leaving it out, or slope by slope where a term has several, as lmerTest.

    A slope that another slope of its term contains (x in x:f) is not left out alone. A term (0 + f | g) of a
    factor is reduced to (1 | g); a term (0 + x | g) of a covariate is left out (lmerTest takes (1 | g) there
    too, though it is no smaller model).

    Returns
    -------
    DataFrame : term, criterion (of the reduced model), n_parameters, statistic, df, p_value,
        p_value_boundary (half of it, for a single variance, whose null value lies on the boundary)
    """
    rows = []
    for label, random in reductions(fit.design):
        criterion = criterion_with(fit, random)
        count = sum(len(t.coefficients) * (len(t.coefficients) + 1) // 2 for t in random)
        df = fit.deviance.thetas.length - count
        statistic = criterion - fit.criterion
        if statistic < ROUNDING * max(1.0, abs(fit.criterion)):
            statistic = 0.0  # a variance of zero: both fits are the same
        p = float(chi2_tail(statistic, df))
        rows.append(
            {
                "term": label,
                "criterion": criterion,
                "n_parameters": len(fit.names) + count + 1,
                "statistic": statistic,
                "df": df,
                "p_value": p,
                "p_value_boundary": p / 2.0 if df == 1 else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def reductions(design: Design) -> Iterator[tuple[str, tuple[RandomDesign, ...]]]:
    """Every way to leave out one random coefficient, with its name in the formula's language."""
    for i, (part, data) in enumerate(zip(design.formula.random, design.random, strict=True)):
        others = design.random[:i], design.random[i + 1 :]
        by_factor = not part.intercept and len(data.coefficients) > 1  # full coding holds the intercept
        if len(part.terms) + part.intercept == 1 and not by_factor:
            yield f"({_left(part)} | {part.label})", (*others[0], *others[1])
            continue
        for dropped in part.terms:
            if any(set(dropped) < set(other) for other in part.terms):
                continue
            terms = tuple(t for t in part.terms if t != dropped)
            kept = replace(part, terms=terms, intercept=part.intercept or not terms)
            smaller = _random_part(design, kept, data)
            yield f"{':'.join(dropped)} in ({_left(part)} | {part.label})", (*others[0], smaller, *others[1])


def _left(part: RandomTerm) -> str:
    slopes = [":".join(term) for term in part.terms]
    return " + ".join(
        (["1"] if part.intercept and not slopes else []) + ([] if part.intercept else ["0"]) + slopes
    )


def _random_part(design: Design, part: RandomTerm, data: RandomDesign) -> RandomDesign:
    if part.terms:
        values, names, _ = fixed_columns(part.intercept, part.terms, design.columns, design.n, "treatment")
        rows = np.ascontiguousarray(values.T)
    else:
        rows, names = np.ones((1, design.n)), ["Intercept"]
    scale = np.sqrt((rows * rows).mean(axis=1))
    return RandomDesign(
        label=part.label, coefficients=tuple(names), group=data.group, values=rows, scale=scale
    )


def without_coefficient(design: Design, term: int, row: int) -> tuple[RandomDesign, ...]:
    """The random terms with coefficient `row` of term `term` left out."""
    data = design.random[term]
    kept = [i for i in range(len(data.coefficients)) if i != row]
    smaller = replace(
        data,
        coefficients=tuple(data.coefficients[i] for i in kept),
        values=data.values[kept],
        scale=data.scale[kept],
    )
    middle = (smaller,) if kept else ()
    return (*design.random[:term], *middle, *design.random[term + 1 :])


def criterion_with(fit: LmmFit, random: tuple[RandomDesign, ...]) -> float:
    """The criterion of the same model with other random terms, or with none."""
    design = replace(fit.design, random=random)
    if random:
        return fit_design(design, reml=fit.reml).criterion
    root = np.ones(design.n) if design.weights is None else np.sqrt(design.weights)
    Q, R = np.linalg.qr(design.X * root[:, None])
    y = design.y * root
    residual = y - Q @ (Q.T @ y)
    dof = design.n - (Q.shape[1] if fit.reml else 0)
    log_det = 2.0 * float(np.log(np.abs(np.diagonal(R))).sum()) if fit.reml else 0.0
    spread = float(residual @ residual)
    return log_det + dof * (1.0 + float(np.log(2.0 * np.pi * spread / dof))) - 2.0 * float(np.log(root).sum())
