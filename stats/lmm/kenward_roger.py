"""Kenward-Roger: adjusted covariance of the fixed effects, denominator df and F scaling.

V is linear in its parameters: V = tau V0 + sum_r gamma_r Z E_r Z' around the estimate (tau = sigma^2). In
these coordinates, with K = Z'V0^-1 X, Phi = (X'V0^-1 X)^-1 and S = Z'PZ,

    P_r = K'E_r K,   P_tau = X'V0^-1 X,   Q_rs - P_r Phi P_s = K'E_r S E_s K,   Q_tau,s - P_tau Phi P_s = 0,
    2 W^-1 = tr(S E_r S E_s), with tr(S E_r) and n - p for tau,

so nothing of size n is formed. The adjustment is the same in every linear parametrisation of V; pbkrtest's
uses sigma^2 I in place of tau V0. Source: Kenward & Roger 1997 (Biometrics 53:983); Halekoh & Hojsgaard 2014
(J Stat Softw 59:9).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.lmm.fit import LmmFit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class KenwardRoger:
    """The adjustment of one fit.

    Attributes
    ----------
    vcov : (p, p) adjusted covariance of the fixed effects
    W : (k + 1, k + 1) covariance of (tau, gamma) relative to sigma^2
    derivatives : (k + 1, p, p) Phi P_r Phi, times sigma^2
    """

    vcov: FloatArray
    W: FloatArray
    derivatives: FloatArray


def kenward_roger(fit: LmmFit) -> KenwardRoger:
    """Adjusted covariance and what the df need.

    Raises
    ------
    ValueError : the fit is by ML; the method is defined for REML
    """
    if not fit.reml:
        raise ValueError(
            "Kenward-Roger needs a REML fit, this one is ML; fit it by REML (without --ml) or use "
            "Satterthwaite."
        )
    evaluation, thetas, products = fit.evaluation, fit.deviance.thetas, fit.deviance.products
    k = thetas.length
    information = np.empty((k + 1, k + 1))
    information[0, 0] = evaluation.dof
    information[0, 1:] = information[1:, 0] = evaluation.traces
    information[1:, 1:] = evaluation.trace_pairs
    W = 2.0 * _inverse(information)
    projection = evaluation.projection
    gains = projection.fixed_covariances()
    P, Q = _pq(fit, projection, gains)
    adjustment = np.einsum("rs,risj->ij", W[1:, 1:], Q)
    inverse_R = np.linalg.inv(products.R)
    adjusted = evaluation.Phi + 2.0 * (adjustment + adjustment.T) / 2.0
    derivatives = np.concatenate([evaluation.Phi[None], P])
    return KenwardRoger(
        vcov=fit.sigma2 * (inverse_R @ adjusted @ inverse_R.T),
        W=W,
        derivatives=fit.sigma2 * (inverse_R @ derivatives @ inverse_R.T),
    )


def _pq(
    fit: LmmFit, projection, gains: tuple[FloatArray | None, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Phi K'E_r K Phi (k, p, p) and Phi K'E_r S E_s K Phi (k, p, k, p)."""
    p = fit.deviance.products.p
    B1, B2 = projection.spread(*gains)
    G1, G2 = gains
    pairs = B2.shape[1] // p
    simple = (G2.T @ B2).reshape(p, pairs, p)
    if B1 is not None and G1 is not None:
        simple = simple + (G1.T @ B1).reshape(p, pairs, p)
    double = projection.inner(B1, B2).reshape(pairs, p, pairs, p)
    simple = simple.transpose(1, 0, 2)
    D = fit.deviance.collector_matrix()
    P = np.tensordot(D, simple, axes=(1, 0))
    Q = np.tensordot(D, np.tensordot(D, double, axes=(1, 0)), axes=(1, 2)).transpose(1, 2, 0, 3)
    return (P + P.transpose(0, 2, 1)) / 2.0, Q


def _inverse(information: FloatArray) -> FloatArray:
    """Inverse; where two terms cannot be told apart the generalised inverse, as pbkrtest takes."""
    diagonal = np.diagonal(information)
    size = np.where(diagonal > 0.0, np.sqrt(np.maximum(diagonal, 0.0)), 1.0)  # 0: nothing is known of it
    scaled = information / np.multiply.outer(size, size)
    if np.linalg.eigvalsh(scaled)[0] > 1e-10:
        return np.linalg.inv(scaled) / np.multiply.outer(size, size)
    return np.linalg.pinv(scaled, rcond=1e-8, hermitian=True) / np.multiply.outer(size, size)


def kenward_roger_df(fit: LmmFit, L: FloatArray, *, known: KenwardRoger | None = None) -> FloatArray:
    """Denominator df of each row of L (m, p) on its own, shape (m,)."""
    adjustment = known or kenward_roger(fit)
    rows = np.atleast_2d(np.asarray(L, dtype=float))
    return np.array([_df_and_scale(fit, row[None, :], adjustment)[0] for row in rows])


def kenward_roger_f(
    fit: LmmFit, L: FloatArray, *, known: KenwardRoger | None = None
) -> tuple[float, int, float, float]:
    """Scaled F statistic, numerator df, denominator df and the scale of L beta = 0."""
    adjustment = known or kenward_roger(fit)
    rows = np.atleast_2d(np.asarray(L, dtype=float))
    q = int(np.linalg.matrix_rank(rows))
    if q < len(rows):  # an equivalent set of independent contrasts
        rows = np.linalg.svd(rows)[2][:q]
    value = rows @ fit.beta
    wald = float(value @ np.linalg.solve(rows @ adjustment.vcov @ rows.T, value))
    df, scale = _df_and_scale(fit, rows, adjustment)
    return scale * wald / q, q, df, scale


def _df_and_scale(fit: LmmFit, L: FloatArray, known: KenwardRoger) -> tuple[float, float]:
    q = len(L)
    middle = np.linalg.inv(L @ fit.vcov @ L.T)
    # tr(Theta Phi P_r Phi) and tr(Theta Phi P_r Phi Theta Phi P_s Phi), Theta = L'(L Phi L')^-1 L
    turned = middle @ (L @ known.derivatives @ L.T)
    single = np.trace(turned, axis1=1, axis2=2)
    double = np.einsum("rij,sji->rs", turned, turned)
    A1 = float(single @ known.W @ single)
    A2 = float((known.W * double).sum())
    if q == 1:  # A1 = A2: the formulas below reduce to this, but divide by zero at 4 df and by noise at 2
        return 2.0 / A2, 1.0
    B = (A1 + 6.0 * A2) / (2.0 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    denominator = 3 * q + 2 * (1 - g)
    c1, c2, c3 = g / denominator, (q - g) / denominator, (q + 2 - g) / denominator
    v0, v1, v2 = 1 + c1 * B, 1 - c2 * B, 1 - c3 * B
    v0 = 0.0 if abs(v0) < 1e-10 else v0
    if v2 == 0.0:
        return 4.0, 2.0 * (1 - A2 / q)  # the limit: rho is infinite
    rho = _ratio(1 - A2 / q, v1) ** 2 * v0 / v2 / q
    df = 4.0 + (q + 2) / (q * rho - 1)
    scale = 1.0 if abs(df - 2.0) < 1e-2 else df * (1 - A2 / q) / (df - 2)
    return float(df), float(scale)


def _ratio(x: float, y: float) -> float:
    return 1.0 if abs(x) < 1e-14 and abs(y) < 1e-14 else x / y
