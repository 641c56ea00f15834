"""The ML deviance with one standard deviation or correlation held at a value.

The coefficients of the term are reordered so that the parameter becomes simple: the SD of the first
coefficient is sigma theta_11, and the correlation of the first two is the direction of the second row of
Lambda. The remaining coordinates are then free, and the trust-region Newton steps of the fit serve here too:

    SD held at c:          theta_11 = c exp(-lambda); free: the other thetas and lambda = log sigma
    correlation held at r: theta_21 = r t, theta_22 = sqrt(1 - r^2) t; free: t and the others (sigma profiled)
    sigma held at c:       free: theta
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stats.lmm.crossproducts import cross_products
from stats.lmm.deviance import Deviance
from stats.lmm.fit import LmmFit
from stats.lmm.lrt import criterion_with, without_coefficient
from stats.lmm.optimise import minimise

FloatArray = NDArray[np.float64]

ZERO = 1e-7  # a standard deviation below this share of sigma counts as zero
INNERMOST = 1.0 - 1e-9  # largest correlation on the inner scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A standard deviation ("sd"), a correlation ("correlation") or the residual SD ("residual").

    `row` (and `other` for a correlation) index the coefficients of random term `term`.
    """

    kind: str
    term: int = -1
    row: int = -1
    other: int = -1
    group: str
    name: str | None

    @property
    def limits(self) -> tuple[float, float]:
        """Natural limits of the parameter."""
        return (-1.0, 1.0) if self.kind == "correlation" else (0.0, np.inf)


def held_parameters(fit: LmmFit) -> list[Parameter]:
    """Every parameter of the random part, term by term, the residual last."""
    out = []
    for i, term in enumerate(fit.random):
        for a, name in enumerate(term.coefficients):
            out.append(Parameter(kind="sd", term=i, row=a, group=term.label, name=name))
        for b in range(len(term.coefficients)):
            for a in range(b + 1, len(term.coefficients)):
                name = f"cor({term.coefficients[b]}, {term.coefficients[a]})"
                out.append(Parameter(kind="correlation", term=i, row=b, other=a, group=term.label, name=name))
    return [*out, Parameter(kind="residual", group="Residual", name=None)]


class HeldDeviance:
    """Profile of the ML deviance in one parameter of an ML fit.

    The inner scale, on which limits are searched, is log SD or Fisher's z of a correlation.
    """

    def __init__(self, fit: LmmFit, parameter: Parameter) -> None:
        self._fit, self.parameter = fit, parameter
        self._deviance, theta = _reordered(fit, parameter)
        self._first = 0 if parameter.kind == "residual" else self._deviance.thetas.starts[parameter.term]
        scale = 1.0
        if parameter.kind == "sd":  # covariates are scaled inside
            scale = float(fit.design.random[parameter.term].scale[parameter.row])
        self._unit = 1.0 / scale
        self._sigma = float(np.sqrt(fit.sigma2))
        self._best = theta
        levels = np.repeat(self._deviance.levels, np.diff(self._deviance.thetas.starts))
        self._kick = 0.3 * np.sqrt(levels / fit.n)  # a third of the standard deviation of a level's mean
        self._known: list[tuple[float, FloatArray]] = []
        self._reduced: float | None = None

    @property
    def at_zero(self) -> bool:
        """Whether a standard deviation is estimated as zero."""
        return self.parameter.kind == "sd" and abs(self._best[self._first]) < ZERO

    @property
    def undefined(self) -> bool:
        """Whether this is the correlation of a coefficient whose variance is zero."""
        if self.parameter.kind != "correlation":
            return False
        return min(abs(self._best[self._first]), float(np.hypot(*self._direction()))) < ZERO

    @property
    def estimate(self) -> float:
        """The parameter at the optimum."""
        if self.parameter.kind == "residual":
            return self._sigma
        if self.parameter.kind == "sd":
            return self._sigma * abs(float(self._best[self._first])) * self._unit
        along, across = self._direction()
        return float(along / np.hypot(along, across) * np.sign(self._best[self._first]))

    @property
    def inner_estimate(self) -> float:
        """Where the search for a limit starts; for an SD of zero where the deviance is up by about one."""
        return self.inner(self._zero_spread() * self._unit if self.at_zero else self.estimate)

    @property
    def spread(self) -> float:
        """A rough standard error on the inner scale."""
        if self.at_zero:
            return 0.5
        k = len(self._best)
        evaluation = self._deviance.evaluate(self._best)
        if evaluation is None or self.parameter.kind == "residual":
            return float(1.0 / np.sqrt(2.0 * self._fit.n))
        slope = np.zeros(k)
        if self.parameter.kind == "sd":
            slope[self._first] = 1.0 / self._best[self._first]
        else:
            along, across = self._direction()
            length = np.hypot(along, across)
            second = self._first + 1, self._first + self._deviance.thetas.sizes[self.parameter.term]
            slope[list(second)] = 1.0 / length, -along / length / max(abs(across), 1e-3 * length)
        values, vectors = np.linalg.eigh(evaluation.hessian)
        usable = values > 1e-8 * max(1.0, float(values[-1]))
        spread = float(np.sqrt(2.0 * (((slope @ vectors)[usable]) ** 2 / values[usable]).sum()))
        return max(min(spread, 1.0), 1e-3)

    def inner(self, value: float) -> float:
        """From the parameter to the inner scale."""
        if self.parameter.kind == "correlation":
            return float(np.arctanh(np.clip(value, -INNERMOST, INNERMOST)))
        return float(np.log(value)) if value > 0 else -np.inf

    def outer(self, inner: float) -> float:
        """From the inner scale to the parameter."""
        return float(np.tanh(inner)) if self.parameter.kind == "correlation" else float(np.exp(inner))

    def root(self, inner: float) -> float:
        """Signed square root of the deviance difference at a value on the inner scale."""
        return self.root_at(self.outer(inner), inner)

    def root_at(self, value: float, inner: float) -> float:
        """The same at a value of the parameter, natural limits included."""
        held = self._held(value)
        evaluation, _ = minimise(held, self._start(held, inner))
        found = evaluation.value
        if isinstance(held, _HeldCorrelation) and held.flipped(evaluation.theta):
            found = self._without()
        else:
            self._known.append((inner, evaluation.theta))
        gain = max(0.0, found - self._fit.criterion)
        return float(-np.sqrt(gain) if value < self.estimate else np.sqrt(gain))

    def _without(self) -> float:
        """Least deviance with one of the two SDs at zero: what a correlation of the wrong sign comes to."""
        if self._reduced is None:
            rows = (self.parameter.row, self.parameter.other)
            smaller = [without_coefficient(self._fit.design, self.parameter.term, row) for row in rows]
            self._reduced = min(criterion_with(self._fit, random) for random in smaller)
        return self._reduced

    def _direction(self) -> tuple[float, float]:
        size = self._deviance.thetas.sizes[self.parameter.term]
        return float(self._best[self._first + 1]), float(self._best[self._first + size])

    def _zero_spread(self) -> float:
        """The SD (inner unit) at which the deviance has risen by about one, if the optimum is zero."""
        evaluation = self._deviance.evaluate(self._best)
        curvature = 1.0 if evaluation is None else float(evaluation.hessian[self._first, self._first])
        return self._sigma * float(np.sqrt(2.0 / max(curvature, 1.0)))

    def _held(self, value: float) -> Held:
        if self.parameter.kind == "correlation":
            size = self._deviance.thetas.sizes[self.parameter.term]
            return _HeldCorrelation(self._deviance, self._first, size, value)
        is_sd = self.parameter.kind == "sd"
        return _HeldScale(self._deviance, self._first, is_sd=is_sd, value=value / self._unit)

    def _start(self, held: Held, inner: float) -> FloatArray:
        """The nearest solution known.

        Zeros on the diagonal of Lambda are stationary by symmetry, also where they have become saddles: they
        are moved off and come back if they are minima.
        """
        log_sigma = float(np.log(self._sigma))
        if self._known:
            start = min(self._known, key=lambda known: abs(known[0] - inner))[1].copy()
        else:
            start = held.free(self._best, log_sigma)
        zeros = held.diagonal & (np.abs(start) < 1e-5)
        start[zeros] = held.free(self._kick, log_sigma)[zeros]
        return start


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The deviance and its derivatives in the free coordinates `theta`."""

    theta: FloatArray
    value: float
    gradient: FloatArray
    hessian: FloatArray


class Held(Protocol):
    """The deviance with the parameter held, as a function of the free coordinates.

    `diagonal` marks the coordinates that are diagonal entries of Lambda.
    """

    diagonal: NDArray[np.bool_]

    def free(self, theta: FloatArray, log_sigma: float) -> FloatArray:
        """Free coordinates near an unrestricted point."""

    def evaluate(self, theta: FloatArray) -> Point | None:
        """Value, gradient and Hessian, or None where the system cannot be factored."""


class _HeldScale:
    """sigma or sigma theta_11 held at c: free are theta, or the other thetas and log sigma."""

    def __init__(self, deviance: Deviance, first: int, *, is_sd: bool, value: float) -> None:
        self._deviance, self._first, self._is_sd, self._value = deviance, first, is_sd, value
        everywhere = np.ones(deviance.thetas.length, dtype=bool)
        self._others = np.arange(deviance.thetas.length) != first if is_sd else everywhere
        own = deviance.thetas.diagonal[self._others]
        self.diagonal = np.append(own, False) if is_sd else own

    def free(self, theta: FloatArray, log_sigma: float) -> FloatArray:
        return np.append(theta[self._others], log_sigma) if self._is_sd else theta.copy()

    def evaluate(self, theta: FloatArray) -> Point | None:
        k = self._deviance.thetas.length
        whole = np.empty(k)
        log_sigma = float(theta[-1]) if self._is_sd else float(np.log(self._value))
        if abs(log_sigma) > 300.0:
            return None
        whole[self._others] = theta[:-1] if self._is_sd else theta
        held = self._value * float(np.exp(-log_sigma))
        if self._is_sd:
            whole[self._first] = held
        found = unprofiled(self._deviance, whole, log_sigma)
        if found is None:
            return None
        value, g, H = found
        if not self._is_sd:
            return Point(theta=theta, value=value, gradient=g[:k], hessian=H[:k, :k])
        # theta_11 = c exp(-lambda): its first derivative in lambda is -theta_11, its second theta_11
        turn = np.zeros((k + 1, k))
        turn[np.flatnonzero(self._others), np.arange(k - 1)] = 1.0
        turn[self._first, k - 1] = -held
        turn[k, k - 1] = 1.0
        hessian = turn.T @ H @ turn
        hessian[k - 1, k - 1] += held * g[self._first]
        return Point(theta=theta, value=value, gradient=turn.T @ g, hessian=hessian)


class _HeldCorrelation:
    """theta = B(r) s: theta_21 = r t, theta_22 = sqrt(1 - r^2) t, the others free; linear, exact at +-1."""

    def __init__(self, deviance: Deviance, first: int, size: int, value: float) -> None:
        k = deviance.thetas.length
        along, across = first + 1, first + size
        kept = [i for i in range(k) if i != across]
        self._deviance, self._along, self._across = deviance, along, across
        self._turn = np.eye(k)[:, kept]
        self._turn[along, kept.index(along)] = value
        self._turn[across, kept.index(along)] = np.sqrt(max(0.0, 1.0 - value * value))
        self._kept, self._length, self._own = kept, kept.index(along), kept.index(first)
        self.diagonal = deviance.thetas.diagonal[kept]

    def flipped(self, theta: FloatArray) -> bool:
        """Whether a negative t has turned the correlation round."""
        return bool(theta[self._length] * theta[self._own] < 0.0)

    def free(self, theta: FloatArray, log_sigma: float) -> FloatArray:
        start = theta[self._kept].copy()
        start[self._length] = np.hypot(theta[self._along], theta[self._across])
        return start

    def evaluate(self, theta: FloatArray) -> Point | None:
        found = self._deviance.evaluate(self._turn @ theta)
        if found is None:
            return None
        return Point(
            theta=theta,
            value=found.value,
            gradient=self._turn.T @ found.gradient,
            hessian=self._turn.T @ found.hessian @ self._turn,
        )


def unprofiled(
    deviance: Deviance, theta: FloatArray, log_sigma: float
) -> tuple[float, FloatArray, FloatArray] | None:
    """The ML deviance as a function of (theta, log sigma), with gradient and Hessian."""
    evaluation = deviance.evaluate(theta)
    if evaluation is None:
        return None
    shrink = float(np.exp(-2.0 * log_sigma))
    J = deviance.thetas.jacobian(theta)
    gradient = evaluation.traces - shrink * evaluation.forms
    inner = -evaluation.trace_pairs + 2.0 * shrink * evaluation.form_pairs
    k, n = len(theta), evaluation.dof
    log_V = evaluation.value - n * (1.0 + np.log(2.0 * np.pi * evaluation.r2 / n))
    value = log_V + evaluation.r2 * shrink + n * (np.log(2.0 * np.pi) + 2.0 * log_sigma)
    g, H = np.empty(k + 1), np.empty((k + 1, k + 1))
    g[:k] = J.T @ gradient
    g[k] = 2.0 * (n - evaluation.r2 * shrink)
    H[:k, :k] = J.T @ inner @ J + deviance.thetas.curvature(gradient)
    H[:k, k] = H[k, :k] = 2.0 * shrink * (J.T @ evaluation.forms)
    H[k, k] = 4.0 * evaluation.r2 * shrink
    return float(value), g, H


def _reordered(fit: LmmFit, parameter: Parameter) -> tuple[Deviance, FloatArray]:
    """The deviance with the parameter's coefficients first in their term, and its optimum."""
    thetas = fit.deviance.thetas
    best = thetas.canonical(fit.evaluation.theta)
    lead = [i for i in (parameter.row, parameter.other) if i >= 0]
    if lead == list(range(len(lead))):
        return fit.deviance, best
    data = fit.design.random[parameter.term]
    order = lead + [i for i in range(len(data.coefficients)) if i not in lead]
    changed = replace(
        data,
        coefficients=tuple(data.coefficients[i] for i in order),
        values=data.values[order],
        scale=data.scale[order],
    )
    random = tuple(changed if i == parameter.term else t for i, t in enumerate(fit.design.random))
    products = cross_products(replace(fit.design, random=random))
    deviance = Deviance(products, thetas, levels=fit.deviance.levels, reml=False)
    # rows of Lambda in the new order, turned to a lower triangle (exact for a singular Lambda too)
    factor = np.asarray(np.linalg.qr(thetas.matrix(best, parameter.term)[order].T, mode="r")).T
    block = slice(thetas.starts[parameter.term], thetas.starts[parameter.term + 1])
    best[block] = factor[thetas.rows[block], thetas.cols[block]]
    return deviance, thetas.canonical(best)
