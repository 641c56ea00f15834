"""Maximum likelihood of logit P(positive) = intercept + slope * x, safe for any log-odds x."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from stats.calibration.probabilities import Codes, FloatArray, group_sums
from stats.results import NAN

NEWTON_STEPS = 200


def fit_in_the_large(
    x: FloatArray, y: FloatArray, codes: Codes | None, n_groups: int | None
) -> tuple[float, float, str | None]:
    """Return the intercept with slope 1, its standard error, and why it is NaN where it is.

    The root of sum(y - expit(a + x)), bracketed by the extreme log-odds, hence safe for any of them.
    """
    rate = float(y.mean()) if y.size else NAN
    if not 0.0 < rate < 1.0:
        return NAN, NAN, "images with probabilities between 0 and 1 have one class only: no coefficients"
    centre = float(np.log(rate) - np.log1p(-rate))
    low, high = centre - float(x.max()) - 1e-9, centre - float(x.min()) + 1e-9
    found = float(brentq(lambda a: float((y - expit(a + x)).sum()), low, high, xtol=1e-14, rtol=1e-14))
    fitted = expit(found + x)
    information = float((fitted * (1.0 - fitted)).sum())
    if information == 0.0:
        return (
            found,
            NAN,
            "fitted probabilities are 0 or 1 in float64: calibration-in-the-large has no interval",
        )
    if codes is None or n_groups is None:
        return found, float(information**-0.5), None
    sums = group_sums((y - fitted)[:, None], codes, n_groups)
    return found, float(np.sqrt((sums**2).sum() * n_groups / (n_groups - 1)) / information), None


def intercept_and_slope(
    x: FloatArray, y: FloatArray, codes: Codes | None, n_groups: int | None, *, certain: bool
) -> tuple[FloatArray, FloatArray, str | None]:
    """Return intercept and slope, their covariance, and why they are NaN where they are."""
    none = np.full(2, NAN), np.full((2, 2), NAN)
    positive, negative = x[y == 1.0], x[y == 0.0]
    if positive.size == 0 or negative.size == 0:
        return *none, None
    if x.min() == x.max():
        return *none, "all probabilities are equal: no slope"
    if positive.min() >= negative.max() or negative.min() >= positive.max():
        return *none, "the classes do not overlap in `prob` (separation): the slope is infinite, no estimate"
    centre, scale = float(x.mean()), float(x.std(ddof=0))
    z = np.column_stack([np.ones(x.size), (x - centre) / scale])
    try:
        beta = _newton(z, y)
        fitted = expit(z @ beta)
        bread = np.linalg.inv(z.T @ (z * (fitted * (1.0 - fitted))[:, None]))
    except np.linalg.LinAlgError:
        return *none, "the classes hardly overlap in `prob` (near separation): no estimate in float64"
    if certain and beta[1] <= 0.0:
        return (
            *none,
            "the other images have a slope of 0 or less, which contradicts those of 0 or 1: no slope",
        )
    covariance = bread
    if codes is not None and n_groups is not None:
        sums = group_sums(z * (y - fitted)[:, None], codes, n_groups)
        covariance = bread @ (sums.T @ sums) @ bread * (n_groups / (n_groups - 1))
    back = np.array([[1.0, -centre / scale], [0.0, 1.0 / scale]])
    note = "slope below 0: larger probabilities go with the negative class" if beta[1] < 0.0 else None
    return back @ beta, back @ covariance @ back.T, note


def _newton(z: FloatArray, y: FloatArray) -> FloatArray:
    """Maximum of the logistic likelihood; steps are halved until it grows, since it is concave."""
    beta = np.zeros(z.shape[1])
    value = log_likelihood(z @ beta, y)
    for _ in range(NEWTON_STEPS):
        fitted = expit(z @ beta)
        step = np.linalg.solve(z.T @ (z * (fitted * (1.0 - fitted))[:, None]), z.T @ (y - fitted))
        size = 1.0
        while log_likelihood(z @ (beta + size * step), y) < value - 1e-12 * abs(value) and size > 1e-10:
            size /= 2.0
        beta = beta + size * step
        value = log_likelihood(z @ beta, y)
        if np.abs(size * step).max() <= 1e-13 * max(1.0, float(np.abs(beta).max())):
            return beta
    raise np.linalg.LinAlgError("Newton's steps did not become small")


def log_likelihood(eta: FloatArray, y: FloatArray) -> float:
    """Return the logistic log-likelihood of labels y at log-odds eta."""
    return float((y * eta - np.logaddexp(0.0, eta)).sum())
