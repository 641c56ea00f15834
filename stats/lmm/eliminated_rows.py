"""R = Z1'V1^-1 [z, X] of the eliminated term: products, traces and diagonals without the matrix itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.lmm.elimination import Elimination

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EliminatedRows:
    """R = Z1'V1^-1 [z, X] of the eliminated term, never multiplied out where it is sparse.

    Attributes
    ----------
    elimination : the cross-products;  H : (l, c, c);  own : (l, c, c) H C_l;  p : number of fixed columns
    """

    elimination: Elimination
    H: FloatArray
    own: FloatArray
    p: int

    @property
    def size(self) -> int:
        """Coefficients of the term."""
        return self.elimination.size

    def dot(self, right: FloatArray) -> FloatArray:
        """R @ right, right (m,) or (m, k)."""
        q = self.elimination.z.shape[1]
        matrix = right if right.ndim == 2 else right[:, None]
        product = self.elimination.z @ matrix[:q] + self.elimination.Xy[:, : self.p] @ matrix[q:]
        out = self.elimination.blocks(self.H, product)
        return out if right.ndim == 2 else out[:, 0]

    def scores(self, solution: FloatArray) -> FloatArray:
        """Z1'P y, shape (l * c,)."""
        y = self.elimination.blocks(self.H, self.elimination.Xy[:, self.p :])[:, 0]
        return np.asarray(y - self.dot(solution))

    def project(self, B: FloatArray) -> tuple[FloatArray, FloatArray]:
        """R'B and B'(H C)B."""
        lifted = self.elimination.blocks(self.H.transpose(0, 2, 1), B)
        V = np.concatenate([self.elimination.z.T @ lifted, self.elimination.Xy[:, : self.p].T @ lifted])
        return V, B.T @ self.elimination.blocks(self.own, B)

    def grams(self) -> FloatArray:
        """W_ab = R_a'R_b, shape (c, c, m, m)."""
        m = self.elimination.z.shape[1] + self.p
        if self.size == 1:
            return self.elimination.weighted(self.H * self.H)[None, None, :m, :m]
        rows = self._rows()
        out = np.empty((self.size, self.size, m, m))
        for a in range(self.size):
            for b in range(self.size):
                out[a, b] = rows[a].T @ rows[b]
        return out

    def _rows(self) -> list[FloatArray]:
        z = self.elimination.blocks(self.H, self.elimination.z)
        z = z if isinstance(z, np.ndarray) else z.toarray()
        X = self.elimination.blocks(self.H, self.elimination.Xy[:, : self.p])
        whole = np.concatenate([z, X], axis=1)
        return [whole[a :: self.size] for a in range(self.size)]

    def diagonals(self, Q: FloatArray) -> FloatArray:
        """Diagonals of R_a Q R_b', shape (l, c, c)."""
        elimination, q = self.elimination, self.elimination.z.shape[1]
        if self.size == 1 and elimination.pairs is not None:
            X = elimination.Xy[:, : self.p]
            inner = elimination.pairs.quadratic(Q[:q, :q])
            inner += (2.0 * (elimination.z @ Q[:q, q:]) * X).sum(axis=1) + ((X @ Q[q:, q:]) * X).sum(axis=1)
            return np.asarray((self.H[:, 0, 0] ** 2 * inner)[:, None, None])
        rows = self._rows()
        out = np.empty_like(self.own)
        for a in range(self.size):
            right = rows[a] @ Q
            for b in range(self.size):
                out[:, a, b] = np.einsum("lm,lm->l", right, rows[b])
        return out

    def traces(self, Q: FloatArray, products: FloatArray) -> tuple[FloatArray, FloatArray]:
        """tr S[a, b] and <S[d, a], S[c, b]> (rows (a, b), columns (c, d)); `products[a, b]` is W_ab Q."""
        size, own = self.size, self.own
        e = self.diagonals(Q)
        first = (own - e).sum(axis=0)
        # <S[d,a], S[c,b]> = sum(own_da own_cb - own_da e_cb - e_da own_cb) + tr(Q W_dc Q W_ba)
        pairs = np.einsum("lda,lcb->abcd", own, own - e) - np.einsum("lda,lcb->abcd", e, own)
        for a, b, c, d in np.ndindex(size, size, size, size):
            pairs[a, b, c, d] += np.vdot(products[d, c], products[b, a].T)
        return first.ravel(), pairs.reshape(size * size, size * size)
