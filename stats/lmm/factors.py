"""Columns as R sees them: numbers stay covariates, everything else becomes a factor with sorted levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.levels import factorized, level_name, sort_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A categorical column: `codes` index `levels`; -1 marks a missing value.

    `parts` holds the levels of the factors that were crossed, one tuple per level: joined names may coincide.
    """

    codes: NDArray[np.intp]
    levels: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...] = ()


def is_numeric(column: pd.Series) -> bool:
    """Whether R would treat the column as a covariate (bool is a factor, as R's logical)."""
    dtype = column.dtype
    return (
        dtype.kind in "iuf"
        if isinstance(dtype, np.dtype)
        else pd.api.types.is_numeric_dtype(dtype) and not (pd.api.types.is_bool_dtype(dtype))
    )


def numeric_values(column: pd.Series) -> NDArray[np.float64]:
    """Values as float64, missing as NaN."""
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def factor(column: pd.Series) -> Factor:
    """Factor with levels sorted as in R: text alphabetical without regard to case, numbers by value.

    A pandas categorical keeps the order of its categories. R's order depends on its locale: upper-case
    letters come first in the C locale; here, as in R's English locales, case breaks ties only.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = np.asarray(column.cat.codes, dtype=np.intp), list(column.cat.categories)
    else:
        codes, values = factorized(column)
        order = sorted(range(len(values)), key=lambda i: sort_key(values[i]))
        rank = np.empty(len(values) + 1, dtype=np.intp)
        rank[order] = np.arange(len(values))
        rank[-1] = -1  # code -1 (missing) stays -1
        codes, values = rank[codes], [values[i] for i in order]
    return Factor(codes=codes, levels=tuple(_r_name(v) for v in values))


def _r_name(value: Any) -> str:
    """A level as R prints it: TRUE and FALSE, whole numbers without a decimal point."""
    return level_name(value).upper() if isinstance(value, (bool, np.bool_)) else level_name(value)


def crossed(factors: Sequence[Factor]) -> Factor:
    """Interaction of factors: only combinations that occur, the first factor varying slowest."""
    if len(factors) == 1:
        return factors[0]
    codes = factors[0].codes
    for other in factors[1:]:
        codes = codes * len(other.levels) + other.codes
    used, dense = np.unique(codes, return_inverse=True)
    parts = []
    for code in used.tolist():
        found: list[str] = []
        for other in reversed(factors[1:]):
            code, index = divmod(code, len(other.levels))
            found.append(other.levels[index])
        parts.append((factors[0].levels[code], *reversed(found)))
    names = tuple(":".join(part) for part in parts)
    return Factor(codes=dense.astype(np.intp), levels=names, parts=tuple(parts))


def take(whole: Factor, keep: NDArray[np.bool_] | None) -> Factor:
    """Rows `keep` of a factor, without the levels that no longer occur."""
    codes = whole.codes if keep is None else whole.codes[keep]
    count = np.bincount(codes, minlength=len(whole.levels))
    if count.all():
        return Factor(codes=codes, levels=whole.levels)
    rank = np.cumsum(count > 0) - 1
    return Factor(codes=rank[codes], levels=tuple(v for v, c in zip(whole.levels, count, strict=True) if c))
