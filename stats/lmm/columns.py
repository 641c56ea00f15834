"""The columns of a frame that a model needs, read and checked: numbers, factors, complete rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.lmm.coding import Column
from stats.lmm.factors import Factor, factor, is_numeric, numeric_values, take
from stats.lmm.formula import LmmFormula

FloatArray = NDArray[np.float64]

LARGEST, SMALLEST = 1e100, 1e-100  # squares of numbers beyond these leave the range of float64


def read_columns(
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


def checked_response(name: str, column: Column, offset: FloatArray | None) -> FloatArray:
    y = np.asarray(column) if offset is None else np.asarray(column) - offset
    if len(y) and np.ptp(y) <= 1e-14 * np.abs(y).max():
        raise ValueError(
            f"The response '{name}' is constant ({y[0]:.6g} in all {len(y)} rows); nothing to explain."
        )
    return y


def checked_weights(weights: str | None, extra: Mapping[str, FloatArray]) -> FloatArray | None:
    if weights is None:
        return None
    values = extra[weights]
    if (values <= 0).any():
        raise ValueError(
            f"Weights in '{weights}' must be positive; {int((values <= 0).sum())} are zero or negative. "
            "Drop these rows."
        )
    return values
