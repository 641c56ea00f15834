"""Nearest neighbours among unit vectors, looked for in few of many cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Cells that are searched for a query. Sets with no more cells than this are searched completely.
PROBES = 12
_QUERIES = 4096  # that are compared with a cell at once
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Unit vectors sorted into the cells of about sqrt(n) of them (an inverted file, Jegou et al. 2011).

    A query is compared with the vectors of its PROBES nearest cells, about PROBES * sqrt(n) of n. Close
    neighbours lie in the same cell or in one beside it.

    Attributes
    ----------
    points : float32 (n, d), each of length 1
    pivots : float32 (c, d), the vectors at the middle of the cells
    order : int (n,), rows of `points` sorted by cell
    starts : int (c + 1,), where the cells begin in `order`
    """

    points: np.ndarray
    pivots: np.ndarray
    order: np.ndarray
    starts: np.ndarray


def make_cells(points: np.ndarray) -> Cells:
    """Sort unit vectors (n, d) into cells."""
    points = points.astype(np.float32)
    n = len(points)
    n_cells = int(np.ceil(np.sqrt(n)))
    chosen: np.ndarray = np.random.default_rng(_SEED).choice(n, size=n_cells, replace=False)
    pivots = points[np.sort(chosen)] if n else points
    cell = np.concatenate([_nearest_cells(pivots, part, 1)[:, 0] for part in _parts(points)] or [np.zeros(0)])
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], np.arange(n_cells + 1))
    return Cells(points=points, pivots=pivots, order=order, starts=starts)


def nearest(
    cells: Cells, queries: np.ndarray, *, k: int, min_correlation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Up to k neighbours of each query with at least that correlation, apart from the row of its own number.

    Parameters
    ----------
    queries : float (n, d), each of length 1; query i belongs to point i

    Returns
    -------
    query, point, correlation : arrays of equal length, sorted by query and falling correlation
    """
    queries = queries.astype(np.float32)
    found = [np.zeros((3, 0))]
    for start in range(0, len(queries), _QUERIES):
        part = np.arange(start, min(start + _QUERIES, len(queries)))
        probed = _nearest_cells(cells.pivots, queries[part], PROBES)
        hits = [
            _in_cell(cells, cell, queries, part[(probed == cell).any(axis=1)], k, min_correlation)
            for cell in range(len(cells.pivots))
        ]
        found.append(_first(np.concatenate(hits, axis=1), k))
    query, point, correlation = np.concatenate(found, axis=1)
    return query.astype(np.int64), point.astype(np.int64), correlation


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _QUERIES] for start in range(0, len(rows), _QUERIES)]


def _nearest_cells(pivots: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    count = min(count, len(pivots))
    return np.argpartition(-(queries @ pivots.T), count - 1, axis=1)[:, :count]


def _in_cell(
    cells: Cells, cell: int, queries: np.ndarray, rows: np.ndarray, k: int, min_correlation: float
) -> np.ndarray:
    """The best k of one cell for some queries: (3, hits) of query, point, correlation."""
    members = cells.order[cells.starts[cell] : cells.starts[cell + 1]]
    correlation = queries[rows] @ cells.points[members].T
    correlation[rows[:, None] == members] = -np.inf
    if len(members) > k:
        best = np.argpartition(-correlation, k - 1, axis=1)[:, :k]
        correlation = np.take_along_axis(correlation, best, axis=1)
        members = members[best]
    close = correlation >= min_correlation
    rows, members = (np.broadcast_to(part, close.shape) for part in (rows[:, None], members))
    return np.stack([rows[close], members[close], correlation[close]])


def _first(hits: np.ndarray, k: int) -> np.ndarray:
    """Of each query the k hits with the largest correlation."""
    hits = hits[:, np.lexsort((hits[1], -hits[2], hits[0]))]
    begins = np.searchsorted(hits[0], hits[0])
    return hits[:, np.arange(hits.shape[1]) - begins < k]
