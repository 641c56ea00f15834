"""The operator S = Z'PZ of a mixed model and the traces and quadratic forms that derivatives need.

P = V1^-1 - V1^-1 A Q A' V1^-1 with A = [z, X], V1 the part of V0 that was eliminated (identity if none) and
Q = Lambda (Lambda' C Lambda + I)^-1 Lambda' bordered by X. With C = A'V1^-1 A and R = Z1'V1^-1 A,

    S_zz = C_zA U,   S_1z = R U,   S_11 = H C_l - R Q R',   U = I_z - Q C_Az,

so that the (large) block S_11 never exists: its traces come from W_ab = R_a'R_b and the diagonals of R Q R'.

Quantities for a term with c coefficients are kept for all c^2 ordered pairs (a, b); the caller sums (a, b)
and (b, a).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

from stats.lmm.eliminated_rows import EliminatedRows

FloatArray = NDArray[np.float64]

SHRINKAGE = 1e-3  # theta^2 C above which I - M^-1 loses at most three digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """S at one theta.

    Attributes
    ----------
    starts : first column of each dense coefficient, q last;  sizes : coefficients per term, eliminated term
        first
    C : (m + 1, m + 1) cross-products under V1 of [z, X, y], m = q + p
    Q : (m, m);  U : (m, q);  Szz : (q, q)
    inverse : inverse of Lambda, (q,) if it is diagonal or (q, q); None where Lambda is small or singular
    strong : (q,) where Lambda is diagonal and in part small: 1 / theta^2 of the columns that are not, else 0
    solution : (m,) predicted effects b of z (scaled units) and the coefficients of X
    rows : the eliminated term's R, or None
    """

    starts: NDArray[np.intp]
    sizes: tuple[int, ...]
    C: FloatArray
    Q: FloatArray
    U: FloatArray
    Szz: FloatArray
    inverse: FloatArray | None
    strong: FloatArray | None
    solution: FloatArray
    rows: EliminatedRows | None

    @classmethod
    def of(
        cls,
        C: FloatArray,
        scale: FloatArray,
        Mi: FloatArray,
        *,
        rhs: FloatArray,
        rows: EliminatedRows | None,
        starts: NDArray[np.intp],
        sizes: tuple[int, ...],
    ) -> Projection:
        """From the inverse Mi of the bordered system; `scale` is blockdiag(Lambda, I) or its diagonal.

        `rhs` is (m,), the scaled right-hand side of the system.
        """
        q = int(starts[-1])
        if scale.ndim == 1:
            Q = Mi * scale[:, None]
            Q *= scale
            solution = scale * (Mi @ rhs)
        else:
            Q = scale @ Mi @ scale.T
            solution = scale @ (Mi @ rhs)
        U, Szz, inverse, strong = _dense_blocks(C, Q, Mi, scale, q)
        return cls(
            starts=starts,
            sizes=sizes,
            C=C,
            Q=Q,
            U=U,
            Szz=Szz,
            inverse=inverse,
            strong=strong,
            solution=solution,
            rows=rows,
        )

    def scores(self) -> tuple[FloatArray | None, FloatArray]:
        """s = Z'P y: for the eliminated term (l * c,) and for z (q,)."""
        q, m = self.U.shape[1], len(self.Q)
        if self.inverse is None:
            dense = self.C[:q, m] - self.C[:q, :m] @ self.solution
            if self.strong is not None:
                dense = np.where(self.strong > 0.0, self.strong * self.solution[:q], dense)
        elif self.inverse.ndim == 1:
            dense = self.inverse * self.inverse * self.solution[:q]
        else:
            dense = self.inverse.T @ (self.inverse @ self.solution[:q])
        return (None if self.rows is None else self.rows.scores(self.solution)), dense

    def fixed_covariances(self) -> tuple[FloatArray | None, FloatArray]:
        """Z'V0^-1 X (X'V0^-1 X)^-1 in the orthonormal basis of X: eliminated (l * c, p) and z (q, p)."""
        q, m = self.U.shape[1], len(self.Q)
        dense = self.C[:q, :m] @ self.Q[:, q:]
        return (None if self.rows is None else self.rows.dot(self.Q[:, q:])), dense

    def traces(self) -> tuple[FloatArray, FloatArray]:
        """tr S[a, b] and <S[d, a], S[c, b]> for all ordered pairs of coefficients within terms."""
        first, pairs = self._dense_traces()
        if self.rows is None:
            return first, pairs
        c2 = self.rows.size**2
        k = c2 + len(first)
        out1, out2 = np.empty(k), np.empty((k, k))
        out1[c2:], out2[c2:, c2:] = first, pairs
        grams = self.rows.grams()
        products = grams @ self.Q
        out1[:c2], out2[:c2, :c2] = self.rows.traces(self.Q, products)
        cross = self._cross_traces(grams, products)
        out2[:c2, c2:] = cross
        out2[c2:, :c2] = cross.T
        return out1, out2

    def _dense_sizes(self) -> tuple[int, ...]:
        return self.sizes if self.rows is None else self.sizes[1:]

    def _dense_traces(self) -> tuple[FloatArray, FloatArray]:
        sizes, starts = self._dense_sizes(), self.starts
        if not sizes:
            return np.zeros(0), np.zeros((0, 0))
        if len(starts) == len(sizes) + 1:
            begin = starts[:-1]
            squares = np.add.reduceat(np.add.reduceat(self.Szz * self.Szz, begin, axis=0), begin, axis=1)
            return np.add.reduceat(self.Szz.diagonal(), begin), squares
        spans = _spans(sizes, starts)
        first = [
            np.trace(self.Szz[block, block].reshape(c, w, c, w), axis1=1, axis2=3).ravel()
            for block, c, w in spans
        ]
        total = sum(c * c for c in sizes)
        pairs = np.empty((total, total))
        row = 0
        for block_i, ci, wi in spans:
            col = 0
            for block_j, cj, wj in spans:
                S = (
                    self.Szz[block_j, block_i]
                    .reshape(cj, wj, ci, wi)
                    .transpose(0, 2, 1, 3)
                    .reshape(cj * ci, -1)
                )
                gram = (S @ S.T).reshape(cj, ci, cj, ci)  # [d, a, c, b]
                pairs[row : row + ci * ci, col : col + cj * cj] = gram.transpose(1, 3, 2, 0).reshape(
                    ci * ci, cj * cj
                )
                col += cj * cj
            row += ci * ci
        return np.concatenate(first), pairs

    def _cross_traces(self, grams: FloatArray, products: FloatArray) -> FloatArray:
        """Eliminated term against the dense ones: <R_d U_a, R_c U_b>, rows (c, d), columns (a, b)."""
        size, q = len(grams), self.U.shape[1]
        spans = _spans(self._dense_sizes(), self.starts)
        out = np.empty((size * size, sum(k * k for _, k, _ in spans)))
        for c, d in np.ndindex(size, size):
            if self.inverse is not None and self.inverse.ndim == 1:
                WU = products[d, c][:, :q] * (self.inverse * self.inverse)  # U = Q Gamma^-1
            else:
                WU = grams[d, c] @ self.U
            col = 0
            for block, k, width in spans:
                U, V = self.U[:, block].reshape(-1, k, width), WU[:, block].reshape(-1, k, width)
                out[c * size + d, col : col + k * k] = np.einsum("maw,mbw->ab", U, V).ravel()
                col += k * k
        return out

    def inner(self, first: FloatArray | None, dense: FloatArray) -> FloatArray:
        """B'SB for B with a block of rows for the eliminated term and one for z."""
        out = dense.T @ (self.Szz @ dense)
        if self.rows is not None and first is not None:
            V, own = self.rows.project(first)
            out = out + own - V.T @ (self.Q @ V)
            mixed = (V.T @ self.U) @ dense
            out += mixed + mixed.T
        return out

    def spread(self, first: FloatArray | None, dense: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        """Columns with coefficient b of the vectors placed at coefficient a, for all pairs (a, b) in a term.

        `first` (l * c, k) and `dense` (q, k) hold k vectors; the columns come in the order (pair, vector).
        """
        k = dense.shape[1]
        sizes = self._dense_sizes()
        lead = 0 if self.rows is None else self.rows.size**2
        total = lead + sum(c * c for c in sizes)
        out = np.zeros((len(dense), total, k))
        column, coefficient = lead, 0
        for c in sizes:
            for a in range(c):
                for b in range(c):
                    to = slice(self.starts[coefficient + a], self.starts[coefficient + a + 1])
                    of = slice(self.starts[coefficient + b], self.starts[coefficient + b + 1])
                    out[to, column] = dense[of]
                    column += 1
            coefficient += c
        if self.rows is None or first is None:
            return None, out.reshape(len(dense), total * k)
        size = self.rows.size
        lifted = np.zeros((len(first) // size, size, total, k))
        vectors = first.reshape(-1, size, k)
        for a in range(size):
            for b in range(size):
                lifted[:, a, a * size + b] = vectors[:, b]
        return lifted.reshape(len(first), total * k), out.reshape(len(dense), total * k)

    def forms(self) -> tuple[FloatArray, FloatArray]:
        """s_a's_b and s_b'S[a, c]s_d for all ordered pairs of coefficients within terms."""
        first, dense = self.scores()
        if self.rows is None and len(self.starts) == len(self.sizes) + 1:
            begin = self.starts[:-1]
            weighted = self.Szz * dense[:, None]
            weighted *= dense
            pairs = np.add.reduceat(np.add.reduceat(weighted, begin, axis=0), begin, axis=1)
            return np.add.reduceat(dense * dense, begin), pairs
        B1, B2 = self.spread(None if first is None else first[:, None], dense[:, None])
        simple = []
        if first is not None and self.rows is not None:
            by_level = first.reshape(-1, self.rows.size)
            simple.append((by_level.T @ by_level).ravel())
        for block, c, width in _spans(self._dense_sizes(), self.starts):
            part = dense[block].reshape(c, width)
            simple.append((part @ part.T).ravel())
        return np.concatenate(simple), self.inner(B1, B2)


def _dense_blocks(
    C: FloatArray, Q: FloatArray, Mi: FloatArray, scale: FloatArray, q: int
) -> tuple[FloatArray, FloatArray, FloatArray | None, FloatArray | None]:
    """U (m, q), S_zz (q, q), the inverse of Lambda if it was used, 1 / theta^2 where it was used in part.

    Where theta^2 C is large, U = Lambda Mi Lambda^-1 and S_zz = Lambda^-T (I - Mi) Lambda^-1 keep their
    digits while C U cancels; where it is small it is the other way round.
    """
    m = len(Q)
    strong = np.square(scale[:q] if scale.ndim == 1 else scale.diagonal()[:q]) * C.diagonal()[:q] > SHRINKAGE
    if not strong.all():
        U = -Q @ C[:m, :q]
        U.flat[: q * q : q + 1] += 1.0
        Szz = C[:q, :m] @ U
        weights = None
        if scale.ndim == 1 and strong.any():
            weights = np.zeros(q)
            weights[strong] = 1.0 / np.square(scale[:q][strong])
            inner = np.ix_(strong, strong)
            kept = scale[:q][strong]
            U[:, strong] = Q[:, :q][:, strong] / (kept * kept)
            Szz[inner] = (np.eye(len(kept)) - Mi[:q, :q][inner]) / np.multiply.outer(kept, kept)
        return U, Szz, None, weights
    Szz = -Mi[:q, :q]
    Szz.flat[:: q + 1] += 1.0
    if scale.ndim == 1:
        inverse = 1.0 / scale[:q]
        Szz *= inverse[:, None]
        Szz *= inverse
        return Q[:, :q] * (inverse * inverse), Szz, inverse, None
    inverse = dtrtri(scale[:q, :q], lower=1)[0]
    return Q[:, :q] @ inverse.T @ inverse, inverse.T @ Szz @ inverse, inverse, None


def _spans(sizes: tuple[int, ...], starts: NDArray[np.intp]) -> list[tuple[slice, int, int]]:
    """Columns, number of coefficients and levels of each dense term."""
    out, column = [], 0
    for c in sizes:
        width = int(starts[column + 1] - starts[column])
        out.append((slice(int(starts[column]), int(starts[column]) + c * width), c, width))
        column += c
    return out
