"""Factors to columns of the model matrix by R's rules, and which of them carry information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stats.lmm.factors import Factor
from stats.lmm.formula import Term

FloatArray = NDArray[np.float64]
Coding = Literal["treatment", "sum"]
Column = FloatArray | Factor

RANK_TOLERANCE = 1e-7  # as R's qr() in lm and lmer


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
