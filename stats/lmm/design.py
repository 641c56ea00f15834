"""From a formula and a frame to the arrays of a mixed model: y, X and the pieces of Z."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.lmm.factors import Factor, crossed, factor, is_numeric, numeric_values, take
from stats.lmm.formula import LmmFormula, RandomTerm, Term

FloatArray = NDArray[np.float64]
Coding = Literal["treatment", "sum"]
Column = FloatArray | Factor

RANK_TOLERANCE = 1e-7  # as R's qr() in lm and lmer
COLLINEAR = (
    5e-6  # smallest eigenvalue of scaled slopes: a covariate with a mean of 300 SD beside an intercept
)
LARGEST, SMALLEST = 1e100, 1e-100  # squares of numbers beyond these leave the range of float64


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
    columns, groups, extra, keep = _read_columns(formula, frame, weights, offset)
    y = _response(formula.response, columns.pop(formula.response), extra.get(offset) if offset else None)
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
        weights=_checked_weights(weights, extra),
        offset=extra.get(offset) if offset else None,
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


def fixed_columns(
    intercept: bool, terms: Sequence[Term], columns: Mapping[str, Column], n: int, coding: Coding
) -> tuple[FloatArray, list[str], NDArray[np.intp]]:
    """Model matrix by R's rules.

    A factor of a term is coded by contrasts where the rest of the term stands within an earlier term (R asks
    no more than that), else in full.
    """
    names: list[str] = ["Intercept"] if intercept else []
    blocks: list[FloatArray] = [np.ones((1, n))] if intercept else []
    assign: list[int] = [-1] if intercept else []
    earlier: list[frozenset[str]] = [frozenset()]
    full_next = not intercept  # without an intercept the first factor met is coded in full, as in R
    for index, term in enumerate(terms):
        block, labels = np.ones((1, n)), [""]
        for variable in term:
            column = columns[variable]
            rest = frozenset(term) - {variable}
            full = not any(rest <= other for other in earlier)
            if isinstance(column, Factor) and full_next:
                full, full_next = True, False
            values, parts = _coded(variable, column, full, coding)
            block = (values[:, None, :] * block[None, :, :]).reshape(-1, n)
            labels = [f"{a}:{b}" if a else b for b in parts for a in labels]
        blocks.append(block)
        earlier.append(frozenset(term))
        names += labels
        assign += [index] * len(labels)
    return np.concatenate(blocks).T, names, np.array(assign, dtype=np.intp)


def _coded(variable: str, column: Column, full: bool, coding: Coding) -> tuple[FloatArray, list[str]]:
    if not isinstance(column, Factor):
        return column[None, :], [variable]
    k = len(column.levels)
    if full:
        contrasts, labels = np.eye(k), list(column.levels)
    elif coding == "treatment":
        contrasts, labels = np.eye(k)[:, 1:], list(column.levels[1:])
    else:  # R's contr.sum: the last level is minus the sum of the others
        contrasts = np.vstack([np.eye(k - 1), -np.ones(k - 1)])
        labels = [f"S.{level}" for level in column.levels[:-1]]
    return contrasts.T[:, column.codes], [f"{variable}[{label}]" for label in labels]


def _read_columns(
    formula: LmmFormula, frame: pd.DataFrame, weights: str | None, offset: str | None
) -> tuple[dict[str, Column], dict[str, Factor], dict[str, FloatArray], NDArray[np.bool_] | None]:
    in_fixed = {formula.response, *(v for term in formula.terms for v in term)}
    in_fixed |= {v for part in formula.random for term in part.terms for v in term}
    in_group = {v for part in formula.random for v in part.group}
    columns: dict[str, Column] = {}
    groups: dict[str, Factor] = {}
    extra: dict[str, FloatArray] = {}
    keep: NDArray[np.bool_] | None = None
    for name in dict.fromkeys([*formula.variables(), *filter(None, (weights, offset))]):
        series = _column(frame, name)
        present = None
        if is_numeric(series):
            values = numeric_values(series)
            if not np.isfinite(values).all():
                present = _present(name, values)
            _check_magnitude(name, values)
            if name in in_fixed:
                columns[name] = values
            if name in (weights, offset):
                extra[name] = values
        elif name == formula.response or name in (weights, offset):
            role = "response" if name == formula.response else "weights or offset"
            shown = ", ".join(repr(str(v)) for v in series.dropna().head(3)) or "nothing"
            raise ValueError(
                f"The {role} column '{name}' must hold numbers; it holds {shown}. "
                "Name a column of numbers, or correct these values."
            )
        elif name in in_fixed:
            columns[name] = factor(series)
        if name in in_group:
            known = columns.get(name)
            groups[name] = known if isinstance(known, Factor) else factor(series)
        whole = groups.get(name, columns.get(name))
        if present is None and isinstance(whole, Factor) and (whole.codes < 0).any():
            present = whole.codes >= 0
        if present is not None:
            if not present.any():
                raise ValueError(
                    f"Column '{name}' has no value at all; fill it or take it out of the formula."
                )
            keep = present if keep is None else keep & present
    if keep is not None and not keep.any():
        raise ValueError(
            f"No row is complete in all columns of '{formula.text}'; every row misses some value."
        )
    return (
        _kept(columns, keep, check=True),
        _kept(groups, keep, check=False),
        _kept(extra, keep, check=False),
        keep,
    )


def _kept(columns: Mapping[str, Column], keep: NDArray[np.bool_] | None, *, check: bool) -> dict:
    kept: dict[str, Column] = {}
    for name, column in columns.items():
        if isinstance(column, Factor):
            kept[name] = whole = take(column, keep)
            if check:
                _check_levels(name, whole)
        else:
            kept[name] = column if keep is None else column[keep]
    return kept


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        near = ", ".join(f"'{c}'" for c in list(frame.columns)[:30])
        raise ValueError(f"Column '{name}' is not in the data; its columns are {near}.")
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise ValueError(f"Column '{name}' stands more than once in the data; keep one.")
    if len(column) == 0:
        raise ValueError("The data have no rows.")
    return column


def _present(name: str, values: FloatArray) -> NDArray[np.bool_]:
    infinite = np.isinf(values)
    if infinite.any():
        rows, count = ", ".join(str(i + 1) for i in np.flatnonzero(infinite)[:5]), int(infinite.sum())
        raise ValueError(
            f"Column '{name}' has {count} infinite value{'s' if count > 1 else ''} (row {rows}, counted from "
            "1); remove or correct them."
        )
    return ~np.isnan(values)


def _check_magnitude(name: str, values: FloatArray) -> None:
    largest = float(np.abs(values[~np.isnan(values)]).max(initial=0.0))
    if largest > LARGEST or 0.0 < largest < SMALLEST:
        raise ValueError(
            f"The largest value of column '{name}' is {largest:.3g}; a model cannot be computed with such "
            "numbers. Change the unit of the column."
        )


def _check_levels(name: str, column: Factor) -> None:
    if len(column.levels) < 2:
        raise ValueError(
            f"Factor '{name}' has one level ('{column.levels[0]}') in the {len(column.codes)} complete rows; "
            "a factor needs at least two. Take it out of the formula."
        )


def _response(name: str, column: Column, offset: FloatArray | None) -> FloatArray:
    y = np.asarray(column) if offset is None else np.asarray(column) - offset
    if len(y) and np.ptp(y) <= 1e-14 * np.abs(y).max():
        raise ValueError(
            f"The response '{name}' is constant ({y[0]:.6g} in all {len(y)} rows); nothing to explain."
        )
    return y


def _checked_weights(weights: str | None, extra: Mapping[str, FloatArray]) -> FloatArray | None:
    if weights is None:
        return None
    values = extra[weights]
    if (values <= 0).any():
        raise ValueError(
            f"Weights in '{weights}' must be positive; {int((values <= 0).sum())} are zero or negative. "
            "Drop these rows."
        )
    return values


def full_rank(X: FloatArray) -> tuple[FloatArray, list[int]]:
    """Columns of X that are no linear combination of earlier ones, as R's pivoting keeps them."""
    kept = list(range(X.shape[1]))
    norms = np.sqrt((X * X).sum(axis=0))
    while kept:
        R = np.asarray(np.linalg.qr(X[:, kept], mode="r"))
        size = min(R.shape)
        small = np.abs(np.diagonal(R)) <= RANK_TOLERANCE * norms[kept[:size]]
        if small.any():
            del kept[int(np.argmax(small))]
        elif size < len(kept):
            del kept[size]
        else:
            break
    return (X if len(kept) == X.shape[1] else X[:, kept]), kept


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
