"""Levels of a factor in R's order: text alphabetical without regard to case, numbers by value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """`codes` (n,) index `names`; -1 marks a missing value."""

    codes: NDArray[np.intp]
    names: tuple[str, ...]


def levels(column: pd.Series) -> Levels:
    """Return the sorted levels of a column and each row's level; the same order as the mixed models use.

    A pandas categorical keeps the order of its categories that occur.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        values = list(column.cat.categories)
        return Levels(
            codes=np.asarray(column.cat.codes, dtype=np.intp), names=tuple(level_name(v) for v in values)
        )
    codes, uniques = factorized(column)
    values = uniques
    order = sorted(range(len(values)), key=lambda i: sort_key(values[i]))
    rank = np.full(len(values) + 1, -1, dtype=np.intp)  # the last entry serves code -1, missing
    rank[order] = np.arange(len(values))
    return Levels(codes=rank[codes], names=tuple(level_name(values[i]) for i in order))


def factorized(column: pd.Series) -> tuple[NDArray[np.intp], list[Any]]:
    """Return codes (-1 missing) and distinct values in order of appearance.

    Raises
    ------
    ValueError : values that cannot be compared, such as lists
    """
    try:
        codes, uniques = pd.factorize(column.array)
    except TypeError:
        kind = type(column.dropna().iloc[0]).__name__
        raise ValueError(
            f"`{column.name}` holds values of type {kind}; a factor needs text, numbers or true and false."
        ) from None
    return np.asarray(codes, dtype=np.intp), list(uniques)


def level_names(column: pd.Series) -> pd.Series:
    """Return a column as level names, None where it is missing."""
    named = [None if pd.isna(value) else level_name(value) for value in column.tolist()]
    return pd.Series(named, index=column.index, dtype=object)


def level_name(value: Any) -> str:
    """Return a level as text; whole numbers without a decimal point, as in R."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.15g}"
    return str(value)


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers (true and false are levels, not numbers)."""
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def sort_key(value: Any) -> tuple[Any, ...]:
    """Key that sorts levels: numbers by value, then text without regard to case, which breaks ties only."""
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return (0, float(value), "", "")
    text = str(value)
    return (1, 0.0, text.casefold(), text.swapcase())
