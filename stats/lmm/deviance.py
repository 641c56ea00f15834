"""The profiled deviance of a linear mixed model with exact first and second derivatives.

With V = sigma^2 V0, V0 = I + Z Gamma Z', Gamma = Lambda Lambda' (Bates et al. 2015),
P0 = V0^-1 - V0^-1 X (X'V0^-1 X)^-1 X'V0^-1 and r^2 = y'P0 y, the REML criterion is

    d = log|V0| + log|X'V0^-1 X| + (n - p) (1 + log(2 pi r^2 / (n - p))).

V0 is linear in gamma (the entries of Gamma): dV0/dgamma_r = Z E_r Z'. With S = Z'P0 Z and s = Z'P0 y,

    d log|.| = tr(S E_r),      d^2 log|.| = -tr(S E_r S E_s),
    d r^2    = -s'E_r s,       d^2 r^2    = 2 s'E_r S E_s s,

and the chain rule through gamma(theta) gives gradient and Hessian in theta, exact at the boundary too. For ML
the first two use S0 = Z'V0^-1 Z in place of S and n in place of n - p. No n-vector is touched after the
cross-products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dtrtrs

from stats.lmm.crossproducts import CrossProducts
from stats.lmm.eliminated_rows import EliminatedRows
from stats.lmm.projection import Projection
from stats.lmm.theta import ThetaMap

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Criterion and derivatives at one theta.

    Attributes
    ----------
    theta : (k,);  value : the criterion;  gradient : (k,), hessian : (k, k), both in theta and profiled over
        sigma
    traces, forms : (k,) tr(S E_r) and s'E_r s;  trace_pairs, form_pairs : (k, k) tr(S E_r S E_s), s'E_r S E_s
        s
    r2 : penalised residual sum of squares;  dof : n - p for REML, n for ML
    beta : (p,) coefficients in the orthonormal basis, relative to least squares;  Phi : (p, p) (X'V0^-1 X)^-1
        in it
    projection : the operator S = Z'P0 Z at this theta
    """

    theta: FloatArray
    value: float
    gradient: FloatArray
    hessian: FloatArray
    traces: FloatArray
    forms: FloatArray
    trace_pairs: FloatArray
    form_pairs: FloatArray
    r2: float
    dof: int
    beta: FloatArray
    Phi: FloatArray
    projection: Projection


class Deviance:
    """The profiled criterion of one model as a function of theta."""

    __slots__ = ("_collector", "_constant", "_sizes", "levels", "products", "reml", "thetas")

    def __init__(
        self, products: CrossProducts, thetas: ThetaMap, *, levels: tuple[int, ...], reml: bool
    ) -> None:
        if products.n <= (products.p if reml else 0):
            raise ValueError(
                f"{products.n} rows leave no degree of freedom beside {products.p} fixed effects; "
                "use more rows or a smaller model."
            )
        self.products = products
        self.thetas = thetas
        self.levels = levels
        self.reml = reml
        diagonal = np.abs(np.diagonal(products.R))
        self._constant = (2.0 * float(np.log(diagonal).sum()) if reml else 0.0) - products.log_weights
        first = [products.eliminated_term] if products.eliminated is not None else []
        order = (*first, *products.dense_terms)
        self._sizes = tuple(thetas.sizes[i] for i in order)
        self._collector = _collector(thetas, order)

    @property
    def dof(self) -> int:
        """n - p for REML, n for ML."""
        return self.products.n - (self.products.p if self.reml else 0)

    def value(self, theta: FloatArray) -> float:
        """The criterion alone; infinite where the system cannot be factored."""
        solved = self._factor(theta)
        return np.inf if solved is None else solved[0]

    def _factor(self, theta: FloatArray) -> tuple | None:
        """Cholesky factor of the bordered system, the criterion and what was needed for it."""
        products = self.products
        q, p = products.q, products.p
        m = q + p
        log_first, rows, C = 0.0, None, products.dense
        if products.eliminated is not None:
            Lambda = self.thetas.matrix(theta, products.eliminated_term)
            Gamma = Lambda @ Lambda.T
            own = products.eliminated.own
            if len(Gamma) == 1:
                H = 1.0 / (1.0 + own * Gamma[0, 0])
                log_first = -float(np.log(H).sum())
            else:
                system = own @ Gamma
                system += np.eye(len(Gamma))
                H = np.linalg.inv(system)
                log_first = float(np.linalg.slogdet(system)[1].sum())
            middle = Gamma @ H
            C = C - products.eliminated.weighted((middle + middle.transpose(0, 2, 1)) / 2)
            rows = EliminatedRows(elimination=products.eliminated, H=H, own=H @ own, p=p)
        scale = self._dense_lambda(theta)
        M = C[:m, :m].copy()
        rhs = C[:m, m].copy()
        if scale.ndim == 1:
            M *= scale[:, None]
            M *= scale
            rhs *= scale
        else:
            M = scale.T @ M @ scale
            rhs = scale.T @ rhs
        M.flat[: q * (m + 1) : m + 1] += 1.0
        factor, failed = dpotrf(M, lower=1)
        if failed:
            return None
        logs = np.log(factor.diagonal())
        half, failed = dtrtrs(factor, rhs, lower=1)
        r2 = float(C[m, m] - half @ half)
        if failed or r2 <= 0.0:
            return None
        log_V = log_first + 2.0 * float(logs[:q].sum())
        log_F = 2.0 * float(logs[q:].sum()) if self.reml else 0.0
        dof = self.dof
        value = log_V + log_F + self._constant + dof * (1.0 + np.log(2.0 * np.pi * r2 / dof))
        return float(value), r2, C, scale, factor, rhs, rows

    def _dense_lambda(self, theta: FloatArray) -> FloatArray:
        """blockdiag(Lambda of the dense terms, I); its diagonal if every dense term is scalar."""
        products = self.products
        terms, starts, q = products.dense_terms, products.starts, products.q
        m = q + products.p
        if all(self.thetas.sizes[i] == 1 for i in terms):
            out = np.ones(m)
            widths = starts[1:] - starts[:-1]
            out[:q] = np.repeat(theta[[self.thetas.starts[i] for i in terms]], widths) if terms else 0.0
            return out
        matrix = np.zeros((m, m))
        matrix.flat[q * (m + 1) :: m + 1] = 1.0
        column = 0
        for i in terms:
            Lambda = self.thetas.matrix(theta, i)
            size = len(Lambda)
            width = int(starts[column + 1] - starts[column])
            block = slice(int(starts[column]), int(starts[column]) + size * width)
            matrix[block, block] = np.kron(Lambda, np.eye(width))
            column += size
        return matrix

    def collect(self, single: FloatArray, double: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sum ordered pairs of coefficients (a, b), in the projection's order, to the entries of gamma."""
        D = self._collector
        if D.ndim == 1:
            return single[D], double[D[:, None], D]
        return D @ single, D @ double @ D.T

    def collector_matrix(self) -> FloatArray:
        """The sums of `collect` as a matrix (entries of gamma, ordered pairs)."""
        D = self._collector
        return np.eye(len(D))[D] if D.ndim == 1 else D

    def evaluate(self, theta: FloatArray) -> Evaluation | None:
        """Criterion, gradient, Hessian and pieces for inference; None if the system cannot be factored."""
        solved = self._factor(theta)
        if solved is None:
            return None
        value, r2, C, scale, factor, rhs, rows = solved
        q = self.products.q
        Mi, _ = dpotri(factor, lower=1)  # the upper triangle of the factor is zero and stays so
        Mi = Mi + Mi.T
        Mi.flat[:: len(Mi) + 1] *= 0.5
        starts, sizes, dof = self.products.starts, self._sizes, self.dof
        projection = Projection.of(C, scale, Mi, rhs=rhs, rows=rows, starts=starts, sizes=sizes)
        traced = projection
        if not self.reml:
            inner = np.zeros_like(Mi)
            inner[:q, :q] = Mi[:q, :q] - Mi[:q, q:] @ np.linalg.solve(Mi[q:, q:], Mi[q:, :q])
            traced = Projection.of(C, scale, inner, rhs=rhs, rows=rows, starts=starts, sizes=sizes)
        traces, trace_pairs = self.collect(*traced.traces())
        forms, form_pairs = self.collect(*projection.forms())
        ratio = dof / r2
        g = traces - ratio * forms
        H = -trace_pairs + 2.0 * ratio * form_pairs - (ratio / r2) * np.multiply.outer(forms, forms)
        J = self.thetas.jacobian(theta)
        return Evaluation(
            theta=theta,
            value=value,
            gradient=J.T @ g,
            hessian=J.T @ H @ J + self.thetas.curvature(g),
            traces=traces,
            forms=forms,
            trace_pairs=trace_pairs,
            form_pairs=form_pairs,
            r2=r2,
            dof=dof,
            beta=projection.solution[q:],
            Phi=Mi[q:, q:],
            projection=projection,
        )


def _collector(thetas: ThetaMap, order: tuple[int, ...]) -> NDArray:
    """From ordered pairs (a, b) of the terms in `order` to gamma in the formula's order.

    A (length, pairs) matrix of zeros and ones, or an index array if every term has one coefficient.
    """
    if thetas.scalar:
        return np.argsort(np.array(order))
    offsets = np.cumsum([0, *(thetas.sizes[i] ** 2 for i in order)])
    out = np.zeros((thetas.length, int(offsets[-1])))
    for offset, term in zip(offsets, order, strict=False):
        size = thetas.sizes[term]
        for entry in range(thetas.starts[term], thetas.starts[term + 1]):
            a, b = int(thetas.rows[entry]), int(thetas.cols[entry])
            out[entry, offset + a * size + b] = out[entry, offset + b * size + a] = 1.0
    return out
