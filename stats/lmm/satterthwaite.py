"""Satterthwaite degrees of freedom as in lmerTest, from exact derivatives.

With phi = (theta, sigma), A = 2 H^-1 the asymptotic covariance of phi (H the Hessian of the deviance) and
g_k = L (dV_beta / dphi_k) L', the degrees of freedom of L beta are 2 (L V_beta L')^2 / (g'A g).
Source: Kuznetsova, Brockhoff & Christensen 2017 (J Stat Softw 82:13).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.lmm.fit import LmmFit

FloatArray = NDArray[np.float64]

EIGENVALUE_FLOOR = 1e-8  # lmerTest: directions of H below it are dropped (generalised inverse)
EQUAL_DF = 1e-8  # lmerTest: denominators closer than this are averaged


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceUncertainty:
    """What Satterthwaite's method needs beyond the fit.

    Attributes
    ----------
    covariance : (k + 1, k + 1) asymptotic covariance A of phi = (theta, sigma / sigma_hat)
    derivatives : (k + 1, p, p) of the covariance of the fixed effects in phi
    dropped : directions of H without curvature, left out of A
    """

    covariance: FloatArray
    derivatives: FloatArray
    dropped: int


def variance_uncertainty(fit: LmmFit) -> VarianceUncertainty:
    """Covariance of the variance parameters and derivatives of the fixed effects' covariance, both exact.

    sigma is taken relative to its estimate, so that the result does not depend on the unit of the response;
    where no eigenvalue is dropped this equals lmerTest's choice.
    """
    evaluation, thetas = fit.evaluation, fit.deviance.thetas
    k = thetas.length
    scaled_forms = evaluation.forms / fit.sigma2
    gradient = evaluation.traces - scaled_forms
    inner = -evaluation.trace_pairs + 2.0 * evaluation.form_pairs / fit.sigma2
    scales = [t.scale for t in fit.design.random]
    to_user = thetas.rescaled(np.ones(k), scales)  # d theta(internal) / d theta(user)
    J = thetas.jacobian(evaluation.theta)
    H = np.empty((k + 1, k + 1))
    H[:k, :k] = (J.T @ inner @ J + thetas.curvature(gradient)) * np.multiply.outer(to_user, to_user)
    H[:k, k] = H[k, :k] = 2.0 * (J.T @ scaled_forms) * to_user
    H[k, k] = 4.0 * evaluation.dof
    values, vectors = np.linalg.eigh(H)
    kept = values > EIGENVALUE_FLOOR
    basis = vectors[:, kept]
    by_theta = np.tensordot(J * to_user, phi_derivatives(fit), axes=(0, 0))
    return VarianceUncertainty(
        covariance=2.0 * (basis / values[kept]) @ basis.T,
        derivatives=np.concatenate([fit.sigma2 * by_theta, 2.0 * fit.vcov[None]]),
        dropped=int((~kept).sum()),
    )


def phi_derivatives(fit: LmmFit) -> FloatArray:
    """Derivative of (X'V0^-1 X)^-1 in each relative variance gamma_r, shape (k, p, p)."""
    inverse_R = np.linalg.inv(fit.deviance.products.R)
    gains = [g @ inverse_R.T for g in gains_by_coefficient(fit)]  # Z'V0^-1 X (X'V0^-1 X)^-1 per coefficient
    thetas = fit.deviance.thetas
    out = np.empty((thetas.length, len(fit.names), len(fit.names)))
    first = 0
    for term, size in enumerate(thetas.sizes):
        for entry in range(thetas.starts[term], thetas.starts[term + 1]):
            a, b = gains[first + thetas.rows[entry]], gains[first + thetas.cols[entry]]
            product = a.T @ b
            out[entry] = product if a is b else product + product.T
        first += size
    return out


def gains_by_coefficient(fit: LmmFit) -> list[FloatArray]:
    """Z'V0^-1 X (X'V0^-1 X)^-1 (X in its orthonormal basis), one (levels, p) array per coefficient."""
    projection, products = fit.evaluation.projection, fit.deviance.products
    first, dense = projection.fixed_covariances()
    sizes = fit.deviance.thetas.sizes
    out: list[FloatArray] = []
    position = {}
    column = 0
    for term in products.dense_terms:
        position[term] = column
        column += sizes[term]
    for term, size in enumerate(sizes):
        for a in range(size):
            if term == products.eliminated_term:
                assert first is not None
                out.append(first[a::size])
            else:
                start, stop = products.starts[position[term] + a], products.starts[position[term] + a + 1]
                out.append(dense[start:stop])
    return out


def satterthwaite_df(
    fit: LmmFit, L: FloatArray, *, uncertainty: VarianceUncertainty | None = None
) -> FloatArray:
    """Degrees of freedom of each row of L (m, p), shape (m,)."""
    known = uncertainty or variance_uncertainty(fit)
    rows = np.atleast_2d(np.asarray(L, dtype=float))
    variance = np.einsum("mi,ij,mj->m", rows, fit.vcov, rows)
    g = np.einsum("mi,kij,mj->mk", rows, known.derivatives, rows)
    spread = np.einsum("mk,kl,ml->m", g, known.covariance, g)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(spread > 0, 2.0 * variance**2 / spread, np.inf))


def satterthwaite_f(
    fit: LmmFit, L: FloatArray, *, uncertainty: VarianceUncertainty | None = None
) -> tuple[float, int, float]:
    """F statistic, numerator and denominator df of L beta = 0 as lmerTest's `contestMD`.

    The contrasts are turned to the eigenvectors of L V_beta L'; each gets its own df nu_m, combined so that
    the expectation of F is right: ddf = 2E / (E - q), E = sum nu_m / (nu_m - 2), and 2 if any nu_m <= 2. It
    depends on the basis of L, in lmerTest too.
    """
    known = uncertainty or variance_uncertainty(fit)
    rows = np.atleast_2d(np.asarray(L, dtype=float))
    if len(rows) == 1:
        estimate = float(rows[0] @ fit.beta)
        return (
            estimate**2 / float(rows[0] @ fit.vcov @ rows[0]),
            1,
            float(satterthwaite_df(fit, rows, uncertainty=known)[0]),
        )
    values, vectors = np.linalg.eigh(rows @ fit.vcov @ rows.T)
    kept = values > np.sqrt(np.finfo(float).eps) * values[-1]
    turned = vectors[:, kept].T @ rows
    q = len(turned)
    F = float(((turned @ fit.beta) ** 2 / values[kept]).sum() / q)
    nu = satterthwaite_df(fit, turned, uncertainty=known)
    return F, q, _combined_df(nu[::-1])


def _combined_df(nu: FloatArray) -> float:
    if len(nu) == 1:
        return float(nu[0])
    if (np.abs(np.diff(nu)) < EQUAL_DF).all():
        return float(nu.mean())
    if (nu <= 2).any():
        return 2.0
    E = float((nu / (nu - 2.0)).sum())
    return 2.0 * E / (E - len(nu))
