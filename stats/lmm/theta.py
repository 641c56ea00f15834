"""The relative covariance factor: theta, Lambda and the relative variances gamma.

theta holds, term by term and column by column as in lme4, the lower triangle of the relative Cholesky factor
Lambda_i; gamma holds the same triangle of Gamma_i = Lambda_i Lambda_i', in which V is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThetaMap:
    """Index book-keeping for terms with `sizes[i]` coefficients each.

    Attributes
    ----------
    sizes : number of coefficients per term
    starts : offset of each term in theta (and in gamma), with the total length last
    rows, cols : within-term indices of every entry of theta
    scalar : whether every term has one coefficient, so that gamma = theta squared
    """

    sizes: tuple[int, ...]
    starts: tuple[int, ...]
    rows: NDArray[np.intp]
    cols: NDArray[np.intp]
    scalar: bool

    @classmethod
    def of(cls, sizes: Sequence[int]) -> ThetaMap:
        """Map for terms with these numbers of coefficients."""
        pairs = [(r, c) for size in sizes for c in range(size) for r in range(c, size)]
        starts = np.cumsum([0, *(s * (s + 1) // 2 for s in sizes)])
        return cls(
            sizes=tuple(sizes),
            starts=tuple(int(s) for s in starts),
            rows=np.array([p[0] for p in pairs], dtype=np.intp),
            cols=np.array([p[1] for p in pairs], dtype=np.intp),
            scalar=len(pairs) == len(sizes),
        )

    @property
    def length(self) -> int:
        """Number of entries of theta."""
        return self.starts[-1]

    @property
    def diagonal(self) -> NDArray[np.bool_]:
        """Which entries of theta are diagonal (bounded below by 0 in lme4)."""
        return np.asarray(self.rows == self.cols)

    def start_values(self) -> FloatArray:
        """lme4's start: the identity."""
        return np.where(self.diagonal, 1.0, 0.0)

    def matrix(self, theta: FloatArray, term: int) -> FloatArray:
        """Lambda_i, shape (c, c), lower triangular."""
        block = slice(self.starts[term], self.starts[term + 1])
        out = np.zeros((self.sizes[term], self.sizes[term]))
        out[self.rows[block], self.cols[block]] = theta[block]
        return out

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """d gamma / d theta, shape (length, length)."""
        if self.scalar:
            return np.diag(2.0 * theta)
        out = np.zeros((self.length, self.length))
        for term in range(len(self.sizes)):
            block = slice(self.starts[term], self.starts[term + 1])
            a, b = self.rows[block][:, None], self.cols[block][:, None]
            x, y = self.rows[block][None, :], self.cols[block][None, :]
            factor = self.matrix(theta, term)
            out[block, block] = (a == x) * factor[b, y] + (b == x) * factor[a, y]
        return out

    def curvature(self, gradient: FloatArray) -> FloatArray:
        """Sum over gamma of gradient times second derivative of gamma in theta, shape (length, length)."""
        if self.scalar:
            return np.diag(2.0 * gradient)
        out = np.zeros((self.length, self.length))
        for term in range(len(self.sizes)):
            block = slice(self.starts[term], self.starts[term + 1])
            rows, cols = self.rows[block], self.cols[block]
            full = np.zeros((self.sizes[term], self.sizes[term]))
            np.add.at(full, (rows, cols), gradient[block])
            np.add.at(full, (cols, rows), gradient[block])
            out[block, block] = (cols[:, None] == cols[None, :]) * full[rows[:, None], rows[None, :]]
        return out

    def canonical(self, theta: FloatArray) -> FloatArray:
        """The theta of lme4 with the same covariances: diagonal not negative.

        Flipping the sign of a column of Lambda_i changes nothing in the model.
        """
        out = theta.copy()
        for term, size in enumerate(self.sizes):
            first = self.starts[term]
            for column in range(size):
                block = slice(first, first + size - column)
                if out[first] < 0:
                    out[block] = -out[block]
                first += size - column
        return out + 0.0  # no negative zeros

    def rescaled(self, theta: FloatArray, scales: Sequence[FloatArray]) -> FloatArray:
        """theta for coefficients multiplied by `scales[i]` (rows of Lambda_i)."""
        factors = np.concatenate([np.asarray(s)[self.rows[self._block(i)]] for i, s in enumerate(scales)])
        return theta * factors

    def _block(self, term: int) -> slice:
        return slice(self.starts[term], self.starts[term + 1])
