"""What a grid of cells can tell apart: the rank of its factors, and arms that differ in more than one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.levels import level_names

UNUSED = "not used"  # level of cells whose other settings switch a factor off


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignRank:
    """Main effects of a grid.

    Attributes
    ----------
    rank, columns : of the matrix of the intercept and all factors; equal where every effect can be estimated
    aliased : factors of which some contrast is a sum of other factors' effects
    """

    rank: int
    columns: int
    aliased: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imbalance:
    """How unequally the levels of `other` are spread over the arms of `contrast`.

    Attributes
    ----------
    cramers_v : 0 = every arm has the same shares of levels, 1 = one factor tells the other
    counts : cells per arm (rows) and level (columns)
    """

    contrast: str
    other: str
    cramers_v: float
    counts: pd.DataFrame


def design_rank(cells: pd.DataFrame, factors: Sequence[str]) -> DesignRank:
    """Return the rank of the main effects of some factors over the cells.

    Parameters
    ----------
    cells : one row per cell; a missing level is a level of its own, `UNUSED`
    factors : columns of `cells`; those with one level are left out

    Notes
    -----
    A factor is aliased if its columns, after those of all others, add less to the rank than it has levels
    less one. A level "not used" that other factors determine is no alias between levels in use: such rows
    add no column. Checked against R's qr (tests/golden/grids.json).
    """
    coded = {name: _dummies(cells[name]) for name in factors}
    coded = {name: block for name, block in coded.items() if block.shape[1] > 0}
    ones = np.ones((len(cells), 1))
    whole = np.hstack([ones, *coded.values()])
    rank = _rank(whole)
    aliased = []
    for name, block in coded.items():
        rest = np.hstack([ones, *(other for key, other in coded.items() if key != name)])
        if rank - _rank(rest) < block.shape[1]:
            aliased.append(name)
    return DesignRank(rank=rank, columns=whole.shape[1], aliased=tuple(aliased))


def imbalances(cells: pd.DataFrame, contrast: str, others: Sequence[str]) -> list[Imbalance]:
    """Return the other factors whose levels the arms of a contrast hold in unequal shares, the worst first.

    Cells that do not use the contrast are left out. Cramér's V = sqrt(chi2 / (n min(r - 1, c - 1))).
    """
    used = cells[cells[contrast].notna()]
    found = []
    for other in others:
        if other == contrast:
            continue
        counts = pd.crosstab(_named(used[contrast]), _named(used[other]))
        v = _cramers_v(counts.to_numpy(dtype=np.float64))
        if v > 1e-9:
            found.append(Imbalance(contrast=contrast, other=other, cramers_v=v, counts=counts))
    return sorted(found, key=lambda item: -item.cramers_v)


def _named(column: pd.Series) -> pd.Series:
    return level_names(column).fillna(UNUSED)


def _dummies(column: pd.Series) -> NDArray[np.float64]:
    """Columns of the levels in use, less one: cells that do not use the factor stand at its mean level."""
    named = level_names(column)
    names = sorted(named.dropna().unique())
    if len(names) < 2:
        return np.zeros((len(column), 0))
    used = named.notna().to_numpy()
    table = np.column_stack([(named == name).to_numpy(dtype=np.float64) for name in names[1:]])
    table[~used] = 1.0 / len(names)
    return table


def _rank(matrix: NDArray[np.float64]) -> int:
    return int(np.linalg.matrix_rank(matrix - np.r_[0.0, matrix[:, 1:].mean(axis=0)]))


def _cramers_v(counts: NDArray[np.float64]) -> float:
    r, c = counts.shape
    if min(r, c) < 2:
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    chi2 = float((np.square(counts - expected) / expected).sum())
    return float(np.sqrt(chi2 / (counts.sum() * (min(r, c) - 1))))
