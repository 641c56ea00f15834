"""Estimated marginal means: which linear functions of the fixed effects they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stats.lmm.coding import Column
from stats.lmm.estimability import model_rows
from stats.lmm.factors import Factor
from stats.lmm.fit import LmmFit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalMeans:
    """Estimated marginal means of one factor in one slice.

    Attributes
    ----------
    slice_level : level of the slicing factor, or None
    levels : levels of the factor;  L : (levels, p) linear functions of the fixed effects
    gaps : (levels, columns left out) not zero where a mean rests on cells without data
    offset : mean of the model's offset, which belongs to every mean
    """

    slice_level: str | None
    levels: tuple[str, ...]
    L: FloatArray
    gaps: FloatArray
    offset: float


def marginal_means(fit: LmmFit, factor: str, *, by: str | None = None) -> list[MarginalMeans]:
    """Linear functions that average the fixed effects over a reference grid.

    As in emmeans, other factors are averaged with equal weights, and so are covariates with two values; other
    covariates stand at their mean.

    Raises
    ------
    ValueError : `factor` or `by` is no factor among the fixed effects
    """
    target = _fixed_factor(fit, factor, "factor")
    if by == factor:
        raise ValueError(f"`by` and `factor` are both '{factor}'; slice by another factor.")
    slicer = None if by is None else _fixed_factor(fit, by, "by")
    rows, n = _reference_grid(fit)
    X, gaps = model_rows(fit.design, rows, n)
    own, other = _codes(rows[factor]), None if by is None else _codes(rows[by])
    offset = 0.0 if fit.design.offset is None else float(fit.design.offset.mean())
    out = []
    for s in range(1 if slicer is None else len(slicer.levels)):
        inside = np.ones(n, dtype=bool) if other is None else other == s
        chosen = [inside & (own == i) for i in range(len(target.levels))]
        out.append(
            MarginalMeans(
                slice_level=None if slicer is None else slicer.levels[s],
                levels=target.levels,
                L=np.array([X[rows_of].mean(axis=0) for rows_of in chosen]),
                gaps=np.array([gaps[rows_of].mean(axis=0) for rows_of in chosen]),
                offset=offset,
            )
        )
    return out


def _reference_grid(fit: LmmFit) -> tuple[dict[str, Column], int]:
    """Every combination of levels as columns, and their number."""
    columns = fit.design.columns
    values: dict[str, list] = {}
    for name, column in columns.items():
        if isinstance(column, Factor):
            values[name] = list(range(len(column.levels)))
        else:
            distinct = np.unique(column)
            values[name] = distinct.tolist() if distinct.size <= 2 else [float(np.mean(column))]
    cells = list(product(*values.values()))
    rows: dict[str, Column] = {}
    for i, (name, column) in enumerate(columns.items()):
        if isinstance(column, Factor):
            codes = np.array([cell[i] for cell in cells], dtype=np.intp)
            rows[name] = Factor(codes=codes, levels=column.levels)
        else:
            rows[name] = np.array([cell[i] for cell in cells], dtype=np.float64)
    return rows, len(cells)


def _codes(column: Column) -> NDArray[np.intp]:
    assert isinstance(column, Factor)
    return column.codes


def _fixed_factor(fit: LmmFit, name: str, argument: str) -> Factor:
    in_fixed = [v for v in fit.design.columns if any(v in term for term in fit.design.formula.terms)]
    factors = [v for v in in_fixed if isinstance(fit.design.columns[v], Factor)]
    if name not in factors:
        known = ", ".join(f"'{v}'" for v in factors) or "none"
        kind = "a covariate" if name in in_fixed else "not a fixed effect"
        raise ValueError(
            f"`{argument}` '{name}' is {kind} of '{fit.formula}'; its fixed factors are: {known}."
        )
    column = fit.design.columns[name]
    assert isinstance(column, Factor)
    return column
