"""Closed-form elimination of the largest random term.

With V1 = I + Z1 (I x Gamma) Z1', block diagonal over the levels of the term, and C_l = Z1_l' Z1_l:

    H_l = (I + C_l Gamma)^-1,   Z1' V1^-1 = H Z1',   V1^-1 = I - Z1 (Gamma H) Z1',   log|V1| = -sum log|H_l|.

So [z, X, y]' V1^-1 [z, X, y] needs only C_l and C1 = Z1' [z, X, y], sparse when the factors cross
sparsely. Everything here costs the non-zeros of C1, or the non-zeros times the width of z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.lmm.design import RandomDesign

FloatArray = NDArray[np.float64]

DENSE_SHARE = 0.1  # share of non-zeros in C1 above which dense products win
PAIRS_LIMIT = 30_000_000  # pairs of non-zeros kept in memory for the sparse products (about 12 bytes each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elimination:
    """The eliminated term's cross-products.

    Attributes
    ----------
    own : (l, c, c) C_l for each level
    z : (l * c, q) cross-product with the dense random columns; row l * c + a is coefficient a of level l.
        A numpy array, or a scipy CSR matrix when sparse
    Xy : (l * c, p + 1) cross-product with X and y
    pairs : for a sparse `z` with c = 1, the products of its non-zeros by row (see `_pairs`), else None
    """

    own: FloatArray
    z: Any
    Xy: FloatArray
    pairs: Any

    @property
    def levels(self) -> int:
        """Number of levels of the term."""
        return len(self.own)

    @property
    def size(self) -> int:
        """Number of coefficients of the term."""
        return self.own.shape[1]

    def weighted(self, middle: FloatArray) -> FloatArray:
        """[z, X, y]' Z1 D Z1' [z, X, y] for symmetric blocks `middle` (l, c, c); shape (q + p + 1,) * 2."""
        q = self.z.shape[1]
        out = np.empty((q + self.Xy.shape[1],) * 2)
        right = self.blocks(middle, self.Xy)
        out[q:, q:] = self.Xy.T @ right
        out[:q, q:] = self.z.T @ right
        out[q:, :q] = out[:q, q:].T
        out[:q, :q] = self._weighted_z(middle)
        return out

    def _weighted_z(self, middle: FloatArray) -> FloatArray:
        if isinstance(self.z, np.ndarray):
            return np.asarray(self.z.T @ self.blocks(middle, self.z))
        if self.pairs is not None:
            return self.pairs.weighted(middle[:, 0, 0])
        return np.asarray((self.z.T @ self.blocks(middle, self.z)).toarray())

    def blocks(self, middle: FloatArray, right: Any) -> Any:
        """Block-diagonal matrix `middle` (l, c, c) times `right` (l * c, k), dense or sparse."""
        if isinstance(right, np.ndarray):
            if self.size == 1:
                return middle[:, 0] * right
            return np.matmul(middle, right.reshape(self.levels, self.size, -1)).reshape(right.shape)
        from scipy import sparse

        count = np.arange(self.levels + 1)
        return sparse.bsr_matrix((middle, count[:-1], count)).tocsr() @ right


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Products of the non-zeros in each row of a sparse z (l x q): z' diag(h) z without a sparse product.

    Attributes
    ----------
    products : CSR matrix (distinct pairs, l); entry (pair (i, j), row) = z[row, i] * z[row, j]
    transposed : its transpose in CSR form
    rows, cols : i and j of each distinct pair, i >= j
    q : number of columns of z
    """

    products: Any
    transposed: Any
    rows: NDArray[np.intp]
    cols: NDArray[np.intp]
    q: int

    def weighted(self, h: FloatArray) -> FloatArray:
        """z' diag(h) z, dense (q, q)."""
        data = self.products @ h
        out = np.zeros((self.q, self.q))
        out[self.rows, self.cols] = data
        out[self.cols, self.rows] = data
        return out

    def quadratic(self, middle: FloatArray) -> FloatArray:
        """Diagonal of z A z' for a symmetric A (q, q)."""
        data = middle[self.rows, self.cols] * np.where(self.rows == self.cols, 1.0, 2.0)
        return np.asarray(self.transposed @ data)


def build_elimination(
    first: RandomDesign,
    values: FloatArray,
    terms: list[RandomDesign],
    scaled: list[FloatArray],
    starts: NDArray[np.intp],
    Xy: FloatArray,
) -> Elimination:
    """Cross-products of the term `first` (covariates `values`, (c, n)) with itself, the others and [X, y]."""
    codes, levels, size = first.group.codes, len(first.group.levels), len(values)
    own = np.empty((levels, size, size))
    for a in range(size):
        for b in range(a + 1):
            own[:, a, b] = own[:, b, a] = np.bincount(codes, weights=values[a] * values[b], minlength=levels)
    with_Xy = np.empty((levels, size, Xy.shape[1]))
    for a in range(size):
        for k in range(Xy.shape[1]):
            with_Xy[:, a, k] = np.bincount(codes, weights=values[a] * Xy[:, k], minlength=levels)
    z = _with_z(first, values, terms, scaled, starts)
    pairs = None
    if not isinstance(z, np.ndarray) and size == 1:
        counts = np.diff(z.indptr)
        if int((counts * (counts + 1) // 2).sum()) <= PAIRS_LIMIT:
            pairs = _pairs(z)
    return Elimination(own=own, z=z, Xy=with_Xy.reshape(levels * size, -1), pairs=pairs)


def _with_z(
    first: RandomDesign,
    values: FloatArray,
    terms: list[RandomDesign],
    scaled: list[FloatArray],
    starts: NDArray[np.intp],
) -> Any:
    levels, size, q = len(first.group.levels), len(values), int(starts[-1])
    n = len(first.group.codes)
    columns = [(t.group.codes, v) for t, vs in zip(terms, scaled, strict=True) for v in vs]
    if q == 0:
        return np.zeros((levels * size, 0))
    if levels * size * q <= 4_000_000 and n * len(columns) > DENSE_SHARE * levels * q / 4:
        out = np.zeros((levels, size, q))
        for a in range(size):
            for i, (codes, other) in enumerate(columns):
                width = int(starts[i + 1] - starts[i])
                index = first.group.codes * width + codes
                sums = np.bincount(index, weights=values[a] * other, minlength=levels * width)
                out[:, a, starts[i] : starts[i + 1]] = sums.reshape(levels, width)
        dense = out.reshape(levels * size, q)
        if np.count_nonzero(dense) > DENSE_SHARE * dense.size:
            return dense
        from scipy import sparse

        return sparse.csr_matrix(dense)
    from scipy import sparse

    rows = np.concatenate([first.group.codes * size + a for a in range(size) for _ in columns])
    cols = np.concatenate([starts[i] + codes for _ in range(size) for i, (codes, _) in enumerate(columns)])
    data = np.concatenate([values[a] * other for a in range(size) for _, other in columns])
    z = sparse.coo_matrix((data, (rows, cols)), shape=(levels * size, q)).tocsr()
    z.sum_duplicates()
    return z.toarray() if z.nnz > DENSE_SHARE * levels * size * q else z


def _pairs(z: Any) -> Pairs:
    """All products z[row, i] * z[row, j], i >= j, collected by (i, j)."""
    from scipy import sparse

    q = z.shape[1]
    counts = np.diff(z.indptr).astype(np.int64)
    # entry e of row r pairs with the entries of r up to itself
    position = np.arange(z.nnz) - np.repeat(z.indptr[:-1].astype(np.int64), counts)
    repeats = position + 1
    left = np.repeat(np.arange(z.nnz), repeats)
    ends = np.cumsum(repeats)
    right = (
        np.arange(ends[-1])
        - np.repeat(ends - repeats, repeats)
        + np.repeat(np.arange(z.nnz) - position, repeats)
    )
    row_of = np.repeat(np.arange(z.shape[0]), counts)[left]
    key = z.indices[left].astype(np.int64) * q + z.indices[right]
    used = np.zeros(q * q, dtype=bool)
    used[key] = True
    distinct = np.flatnonzero(used)
    number = np.empty(q * q, dtype=np.int32)
    number[distinct] = np.arange(len(distinct), dtype=np.int32)
    ends_by_row = np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=z.shape[0]))])
    transposed = sparse.csr_matrix(
        (z.data[left] * z.data[right], number[key], ends_by_row), shape=(z.shape[0], len(distinct))
    )
    return Pairs(
        products=transposed.T.tocsr(),
        transposed=transposed,
        rows=(distinct // q).astype(np.intp),
        cols=(distinct % q).astype(np.intp),
        q=q,
    )
