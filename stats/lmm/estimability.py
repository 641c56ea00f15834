"""Columns left out of X, and which linear functions of the fixed effects the data still determine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stats.lmm.coding import Column, fixed_columns
from stats.lmm.design import Design

FloatArray = NDArray[np.float64]

GAP = 1e-8  # as emmeans: relative distance from the row space of X


def model_rows(design: Design, columns: Mapping[str, Column], n: int) -> tuple[FloatArray, FloatArray]:
    """Rows of the model matrix for other data: the columns that were fitted, and the gap of those left out.

    A column left out is a combination of the fitted ones in the data, x_out = B'x_in. In a row where it is
    another one, the mean cannot be estimated: its gap x_out - B'x_in is not zero.

    Returns
    -------
    (n, p) rows of X;  (n, a) gaps, one column per column left out
    """
    formula = design.formula
    X, names, _ = fixed_columns(formula.intercept, formula.terms, columns, n, design.coding)
    kept = [names.index(name) for name in design.names]
    out = [i for i in range(len(names)) if i not in set(kept)]
    rows = X[:, kept]
    if not out:
        return rows, np.zeros((n, 0))
    known, _, _ = fixed_columns(formula.intercept, formula.terms, design.columns, design.n, design.coding)
    B = np.linalg.lstsq(known[:, kept], known[:, out], rcond=None)[0]
    return rows, X[:, out] - rows @ B


def is_estimable(rows: FloatArray, gaps: FloatArray) -> NDArray[np.bool_]:
    """Whether each linear function (a row with its gap) is determined by the data, shape (m,)."""
    size = np.maximum(1.0, np.abs(rows).max(axis=1, initial=0.0))
    return np.asarray(np.abs(gaps).max(axis=1, initial=0.0) <= GAP * size)
