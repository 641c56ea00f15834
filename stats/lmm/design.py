"""From a formula and a frame to the arrays of a mixed model: y, X and the pieces of Z."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.lmm.coding import Coding, Column, fixed_columns, full_rank
from stats.lmm.columns import checked_response, checked_weights, read_columns
from stats.lmm.factors import Factor, crossed
from stats.lmm.formula import LmmFormula, RandomTerm

FloatArray = NDArray[np.float64]

COLLINEAR = 5e-6  # smallest eigenvalue of scaled coefficients: a mean of 300 SD beside an intercept


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomDesign:
    """One random term as data. Z has a column per (coefficient, level): `values[c]` in the rows of the level.

    Attributes
    ----------
    label : name of the grouping factor
    coefficients : names of the coefficients that vary ("Intercept", "x", "f[b]")
    group : the grouping factor
    values : (c, n) array of the coefficients' covariates; row of ones for the intercept
    scale : (c,) root mean square of each row of `values`
    """

    label: str
    coefficients: tuple[str, ...]
    group: Factor
    values: FloatArray
    scale: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The data of one model, rows with missing values already dropped.

    Attributes
    ----------
    y : (n,) response minus offset;  X : (n, p) full column rank, names in `names`
    assign : (p,) index into `formula.terms`, -1 for the intercept
    aliased : names of columns left out because they are linear combinations of earlier ones
    random : random terms;  weights : (n,) or None;  offset : (n,) or None
    columns : the variables of the fixed terms, for predictions and marginal means
    rows : (n,) positions in the frame of the rows used
    """

    formula: LmmFormula
    coding: Coding
    y: FloatArray
    X: FloatArray
    names: tuple[str, ...]
    assign: NDArray[np.intp]
    aliased: tuple[str, ...]
    random: tuple[RandomDesign, ...]
    weights: FloatArray | None
    offset: FloatArray | None
    columns: Mapping[str, Column] = field(repr=False)
    rows: NDArray[np.intp] = field(repr=False)
    n_dropped: int

    @property
    def n(self) -> int:
        """Number of rows used."""
        return len(self.y)


def build_design(
    formula: LmmFormula,
    frame: pd.DataFrame,
    *,
    weights: str | None = None,
    offset: str | None = None,
    coding: Coding = "treatment",
) -> Design:
    """Arrays of the model.

    Parameters
    ----------
    formula : parsed formula;  frame : one row per observation
    weights, offset : column names; weights are inverse variances up to a factor, the offset is subtracted
        from y
    coding : "treatment" (R's default) or "sum"

    Raises
    ------
    TypeError : `frame` is not a DataFrame
    ValueError : unknown or empty column, infinite values, constant response, a factor with one level,
        fewer rows than parameters
    """
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"`frame` must be a pandas DataFrame, got {type(frame).__name__}.")
    if coding not in ("treatment", "sum"):
        raise ValueError(f"`coding` must be 'treatment' or 'sum', got {coding!r}.")
    columns, groups, extra, keep = read_columns(formula, frame, weights, offset)
    own_offset = extra.get(offset) if offset else None
    y = checked_response(formula.response, columns.pop(formula.response), own_offset)
    n = len(y)
    X, names, assign = fixed_columns(formula.intercept, formula.terms, columns, n, coding)
    X, kept = full_rank(X)
    _check_names(formula.text, names, kept)
    random = tuple(_random_design(part, columns, groups, n) for part in formula.random)
    n_parameters = len(kept) + 1 + sum(_n_covariances(part) for part in random)
    if n < n_parameters:
        raise ValueError(
            f"{n} complete rows are fewer than the {n_parameters} parameters of '{formula.text}' "
            f"({len(kept)} fixed effects, the rest variances); use more rows or a smaller model."
        )
    return Design(
        formula=formula,
        coding=coding,
        y=y,
        X=X,
        names=tuple(names[i] for i in kept),
        assign=assign[kept],
        aliased=tuple(name for i, name in enumerate(names) if i not in set(kept)),
        random=random,
        weights=checked_weights(weights, extra),
        offset=own_offset,
        columns=columns,
        rows=np.arange(len(frame)) if keep is None else np.flatnonzero(keep),
        n_dropped=len(frame) - n,
    )


def _check_names(text: str, names: Sequence[str], kept: Sequence[int]) -> None:
    """Raise ValueError where no column is left or two have one name."""
    if not kept:
        raise ValueError(f"Every fixed effect of '{text}' is zero in all rows; add a term that varies.")
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(
            f"Two fixed effects of '{text}' would have the name '{twice[0]}'; rename a column of the data."
        )


def _random_design(
    part: RandomTerm, columns: Mapping[str, Column], groups: Mapping[str, Factor], n: int
) -> RandomDesign:
    group = crossed([groups[v] for v in part.group])
    if part.terms:
        values, names, _ = fixed_columns(part.intercept, part.terms, columns, n, "treatment")
        values = np.ascontiguousarray(values.T)
    else:
        values, names = np.ones((1, n)), ["Intercept"]
    if len(group.levels) < 2:
        raise ValueError(f"Grouping factor '{part.label}' has one level; a random effect needs at least two.")
    effects = len(group.levels) * len(names)
    if effects >= n:
        raise ValueError(
            f"The random term of '{part.label}' has {effects} effects for {n} rows, so "
            "it cannot be told from the residual; take it out or measure more often per level."
        )
    scale = np.sqrt((values * values).mean(axis=1))
    if not scale.all():
        raise ValueError(f"A slope of '{part.label}' is zero in every row; take it out of the formula.")
    _check_collinear(part, names, values / scale[:, None])
    return RandomDesign(label=part.label, coefficients=tuple(names), group=group, values=values, scale=scale)


def _check_collinear(part: RandomTerm, names: Sequence[str], values: FloatArray) -> None:
    """Raise ValueError where coefficients that vary together cannot be told apart in double precision."""
    if len(names) > 1 and np.linalg.eigvalsh(values @ values.T / values.shape[1])[0] < COLLINEAR:
        raise ValueError(
            f"The coefficients {', '.join(names)} of '{part.label}' nearly determine each other, so their "
            "variances and correlations cannot be computed reliably. Where the mean of a covariate is large "
            "beside its spread (a year), subtract the mean first; otherwise take one of them out."
        )


def _n_covariances(part: RandomDesign) -> int:
    c = len(part.coefficients)
    return c * (c + 1) // 2
