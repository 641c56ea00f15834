"""Cross-products of the model matrices: after these, the cost of a fit no longer depends on the rows.

Columns are grouped: the largest random term may be *eliminated* (its own cross-product is block diagonal, one
small block per level, so it is inverted in closed form); all other random columns "z", the fixed columns "X"
(in an orthonormal basis) and y form one dense matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.lmm.design import Design, RandomDesign
from stats.lmm.elimination import Elimination, build_elimination

FloatArray = NDArray[np.float64]

ELIMINATE_FROM = (
    64  # random columns of the largest term from which the closed form is faster than dense algebra
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossProducts:
    """All that the deviance needs from the data.

    Attributes
    ----------
    dense : (q + p + 1, q + p + 1) cross-product of [z, X, y]; rows are weighted
    eliminated : the eliminated term's blocks, or None
    eliminated_term : its index among the random terms, or -1
    dense_terms : indices of the other random terms, in order
    starts : for each coefficient of the dense terms, the first of its columns; q last
    q, p, n : dense random columns, fixed columns, rows
    R : (p, p) triangular factor, X = Q R;  beta_ols : (p,) ordinary least-squares coefficients, already
        subtracted from y
    log_weights : sum of the log weights
    """

    dense: FloatArray
    eliminated: Elimination | None
    eliminated_term: int
    dense_terms: tuple[int, ...]
    starts: NDArray[np.intp]
    q: int
    p: int
    n: int
    R: FloatArray
    beta_ols: FloatArray
    log_weights: float


def cross_products(design: Design) -> CrossProducts:
    """Cross-products of a design, with the coefficients' covariates scaled to unit mean square."""
    root = None if design.weights is None else np.sqrt(design.weights)
    X = design.X if root is None else design.X * root[:, None]
    y = design.y if root is None else design.y * root
    Q, R = np.linalg.qr(X)
    projected = Q.T @ y
    residual = y - Q @ projected
    residual -= Q @ (Q.T @ residual)  # twice is enough for full orthogonality
    Xy = np.column_stack([Q, residual])

    columns = [len(t.group.levels) * len(t.coefficients) for t in design.random]
    largest = int(np.argmax(columns))
    chosen = largest if columns[largest] >= ELIMINATE_FROM else -1
    rest = [i for i in range(len(columns)) if i != chosen]
    terms = [design.random[i] for i in rest]
    scaled = [_scaled_values(t, root) for t in terms]
    sizes = [len(t.group.levels) for t in terms for _ in t.coefficients]
    starts = np.cumsum([0, *sizes])
    q, p = int(starts[-1]), X.shape[1]
    dense = _dense_products(terms, scaled, starts, Xy)
    eliminated = None
    if chosen >= 0:
        first = design.random[chosen]
        eliminated = build_elimination(first, _scaled_values(first, root), terms, scaled, starts, Xy)
    return CrossProducts(
        dense=dense,
        eliminated=eliminated,
        eliminated_term=chosen,
        dense_terms=tuple(rest),
        starts=starts,
        q=q,
        p=p,
        n=design.n,
        R=R,
        beta_ols=np.linalg.solve(R, projected),
        log_weights=0.0 if design.weights is None else float(np.log(design.weights).sum()),
    )


def _scaled_values(term: RandomDesign, root: FloatArray | None) -> FloatArray:
    values = term.values / term.scale[:, None]
    return values if root is None else values * root


def _dense_products(
    terms: list[RandomDesign], scaled: list[FloatArray], starts: NDArray[np.intp], Xy: FloatArray
) -> FloatArray:
    n, m = Xy.shape
    q = int(starts[-1])
    if n * (q + m) <= 200_000:  # small: one dense product is quickest
        full = np.zeros((n, q + m))
        full[:, q:] = Xy
        every_row, column = np.arange(n), 0
        for term, values in zip(terms, scaled, strict=True):
            for covariate in values:
                full[every_row, starts[column] + term.group.codes] = covariate
                column += 1
        return np.asarray(full.T @ full)
    out = np.empty((q + m, q + m))
    out[q:, q:] = Xy.T @ Xy
    coefficients = [
        (t.group.codes, v, len(t.group.levels)) for t, vs in zip(terms, scaled, strict=True) for v in vs
    ]
    for i, (codes, values, size) in enumerate(coefficients):
        rows = slice(starts[i], starts[i + 1])
        for k in range(m):
            out[rows, q + k] = np.bincount(codes, weights=values * Xy[:, k], minlength=size)
        for j, (other, factors, width) in enumerate(coefficients[: i + 1]):
            cols = slice(starts[j], starts[j + 1])
            counts = np.bincount(codes * width + other, weights=values * factors, minlength=size * width)
            out[rows, cols] = counts.reshape(size, width)
            out[cols, rows] = out[rows, cols].T
        out[q:, rows] = out[rows, q:].T
    return out
