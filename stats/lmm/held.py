"""The ML deviance with one standard deviation or correlation held at a value.

In v = (theta, lambda), lambda = log sigma, D = log|V0| + r^2 exp(-2 lambda) + n (log 2 pi + 2 lambda) is
smooth; it is minimised under the constraint h(v) = c by Newton steps on the Lagrange conditions, from the
nearest solution known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf

from stats.lmm.fit import LmmFit
from stats.lmm.theta import ThetaMap

FloatArray = NDArray[np.float64]

MAX_STEPS = 60
CLOSE = 1e-10  # on the predicted decrease of the deviance and on the constraint


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
                out.append(Parameter(kind="correlation", term=i, row=a, other=b, group=term.label, name=name))
    return [*out, Parameter(kind="residual", group="Residual", name=None)]


class HeldDeviance:
    """Profile of the ML deviance in one parameter of an ML fit."""

    def __init__(self, fit: LmmFit, parameter: Parameter) -> None:
        self._fit, self.parameter = fit, parameter
        self._thetas: ThetaMap = fit.deviance.thetas
        scales = [t.scale for t in fit.design.random]
        # covariates are scaled inside: the SD of a coefficient is the inner one divided by its scale
        self._unit = 1.0 if parameter.kind != "sd" else 1.0 / float(scales[parameter.term][parameter.row])
        self._best = np.append(fit.evaluation.theta, 0.5 * np.log(fit.sigma2))
        self._known: list[tuple[float, FloatArray]] = []
        if not self.at_zero:
            self._known.append((self._constraint(self._best)[0], self._best))

    @property
    def estimate(self) -> float:
        """The parameter at the optimum."""
        return 0.0 if self.at_zero else self.outer(self._constraint(self._best)[0])

    @property
    def inner_estimate(self) -> float:
        """Where the search for a limit starts: log SD or correlation; a little above an SD of zero."""
        if self.at_zero:
            return float(np.log(self._zero_spread()))
        return self._constraint(self._best)[0]

    def inner_limit(self, end: float) -> float:
        """A natural limit on the inner scale."""
        if self.parameter.kind == "correlation":
            return end
        return -np.inf if end == 0.0 else np.inf

    @property
    def spread(self) -> float:
        """A rough standard error on the inner scale, from the curvature of the deviance."""
        if self.at_zero:
            return 0.5
        _, _, H = self._deviance(self._best)
        _, a, _ = self._constraint(self._best)
        values, vectors = np.linalg.eigh(H)
        usable = values > 1e-8 * max(1.0, float(values[-1]))
        spread = float(np.sqrt(2.0 * (((a @ vectors)[usable]) ** 2 / values[usable]).sum()))
        return max(min(spread, 1.0), 1e-3)

    def root(self, inner: float) -> float:
        """Signed square root of the deviance difference at a value on the inner scale."""
        v, value = self._minimum(inner)
        self._known.append((inner, v))
        gain = max(0.0, value - self._fit.criterion)
        below = not self.at_zero and inner < self._known[0][0]
        return float(-np.sqrt(gain) if below else np.sqrt(gain))

    def outer(self, inner: float) -> float:
        """From the inner scale (log SD, correlation) to the parameter."""
        return inner if self.parameter.kind == "correlation" else float(np.exp(inner)) * self._unit

    def _zero_spread(self) -> float:
        """The SD at which the deviance has risen by about one, if the optimum is zero: D is H theta^2 / 2."""
        _, _, H = self._deviance(self._best)
        curvature = max(float(H[self._diagonal, self._diagonal]), 1.0)
        return float(np.sqrt(self._fit.sigma2 * 2.0 / curvature))

    @property
    def _diagonal(self) -> int:
        """Position in theta of the diagonal entry of the parameter's row."""
        term, row = self.parameter.term, self.parameter.row
        first, size = self._thetas.starts[term], self._thetas.sizes[term]
        return first + sum(size - i for i in range(row))

    @property
    def at_zero(self) -> bool:
        """Whether a standard deviation is estimated as zero."""
        if self.parameter.kind != "sd":
            return False
        return float(np.linalg.norm(self._row(self._best))) < 1e-7

    def _row(self, v: FloatArray) -> FloatArray:
        return self._thetas.matrix(v[:-1], self.parameter.term)[self.parameter.row]

    def _start(self, target: float) -> FloatArray:
        """The nearest solution known; from a variance of zero the own entry of theta is set to the target."""
        if self._known:
            return min(self._known, key=lambda known: abs(known[0] - target))[1].copy()
        v = self._best.copy()
        v[self._diagonal] = np.exp(target - v[-1])
        return v

    def _deviance(self, v: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        evaluation = self._fit.deviance.evaluate(v[:-1])
        if evaluation is None:
            return np.inf, np.zeros(len(v)), np.eye(len(v))
        shrink = float(np.exp(-2.0 * v[-1]))
        J = self._thetas.jacobian(v[:-1])
        gradient = evaluation.traces - shrink * evaluation.forms
        inner = -evaluation.trace_pairs + 2.0 * shrink * evaluation.form_pairs
        k, n = len(v) - 1, evaluation.dof
        log_V = evaluation.value - n * (1.0 + np.log(2.0 * np.pi * evaluation.r2 / n))
        value = log_V + evaluation.r2 * shrink + n * (np.log(2.0 * np.pi) + 2.0 * v[-1])
        g, H = np.empty(k + 1), np.empty((k + 1, k + 1))
        g[:k] = J.T @ gradient
        g[k] = 2.0 * (n - evaluation.r2 * shrink)
        H[:k, :k] = J.T @ inner @ J + self._thetas.curvature(gradient)
        H[:k, k] = H[k, :k] = 2.0 * shrink * (J.T @ evaluation.forms)
        H[k, k] = 4.0 * evaluation.r2 * shrink
        return float(value), g, H

    def _constraint(self, v: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """h, its gradient and its Hessian: log SD (inner units) or the correlation."""
        k, parameter = len(v) - 1, self.parameter
        a, H = np.zeros(k + 1), np.zeros((k + 1, k + 1))
        if parameter.kind == "residual":
            a[k] = 1.0
            return float(v[k]), a, H
        block = slice(self._thetas.starts[parameter.term], self._thetas.starts[parameter.term + 1])
        rows, theta = self._thetas.rows[block], v[:k][block]
        if parameter.kind == "sd":
            in_row = rows == parameter.row
            square = float((theta[in_row] ** 2).sum())
            part = np.where(in_row, theta, 0.0) / square
            a[:k][block] = part
            H[block, block] = np.diag(in_row / square) - 2.0 * np.multiply.outer(part, part)
            a[k] = 1.0
            return 0.5 * float(np.log(square)) + float(v[k]), a, H
        return self._correlation(v, block)

    def _correlation(self, v: FloatArray, block: slice) -> tuple[float, FloatArray, FloatArray]:
        """rho = x'y / (|x| |y|) of two rows of Lambda, derivatives by the quotient rule."""
        k, parameter = len(v) - 1, self.parameter
        size = self._thetas.sizes[parameter.term]
        Lambda = self._thetas.matrix(v[:k], parameter.term)
        x, y = Lambda[parameter.row], Lambda[parameter.other]
        nx, ny = float(np.linalg.norm(x)), float(np.linalg.norm(y))
        u, w = x / nx, y / ny
        rho = float(u @ w)
        eye = np.eye(size)
        gx, gy = (w - rho * u) / nx, (u - rho * w) / ny
        Hxx = -(np.outer(gx, u) + np.outer(u, gx)) / nx - rho * (eye - np.outer(u, u)) / nx**2
        Hyy = -(np.outer(gy, w) + np.outer(w, gy)) / ny - rho * (eye - np.outer(w, w)) / ny**2
        Hxy = (eye - np.outer(w, w) - np.outer(u, u) + rho * np.outer(u, w)) / (nx * ny)
        entries = list(zip(self._thetas.rows[block], self._thetas.cols[block], strict=True))
        a, H = np.zeros(k + 1), np.zeros((k + 1, k + 1))
        first = block.start
        for i, (row, col) in enumerate(entries):
            if row not in (parameter.row, parameter.other):
                continue
            a[first + i] = gx[col] if row == parameter.row else gy[col]
            for j, (row2, col2) in enumerate(entries):
                if row2 not in (parameter.row, parameter.other):
                    continue
                if row == row2:
                    H[first + i, first + j] = (Hxx if row == parameter.row else Hyy)[col, col2]
                elif row == parameter.row:
                    H[first + i, first + j] = Hxy[col, col2]
                else:
                    H[first + i, first + j] = Hxy[col2, col]
        return rho, a, H

    def _solved(self, system: FloatArray, right: FloatArray) -> FloatArray:
        """Solution of the Lagrange system; of least norm for correlations, which become singular near +-1."""
        if self.parameter.kind != "correlation":
            try:
                return np.asarray(np.linalg.solve(system, right))
            except np.linalg.LinAlgError:
                pass
        return np.asarray(np.linalg.lstsq(system, right, rcond=1e-13)[0])

    def _minimum(self, target: float) -> tuple[FloatArray, float]:
        v, multiplier = self._start(target), 0.0
        value, g, H = self._deviance(v)
        for _ in range(MAX_STEPS):
            h, a, curve = self._constraint(v)
            k = len(v)
            system = np.zeros((k + 1, k + 1))
            system[:k, :k] = _positive(H + multiplier * curve, a)
            system[:k, k] = system[k, :k] = a
            solved = self._solved(system, np.append(-g, target - h))
            step, multiplier = solved[:k], float(solved[k])
            decrease = 0.5 * abs(float(step @ (g + multiplier * a))) + abs(target - h)
            length = min(1.0, 1.0 / max(1e-300, float(np.abs(step).max())))
            merit = value + abs(multiplier) * 2.0 * abs(h - target)
            for _ in range(30):
                trial = v + length * step
                new, g_new, H_new = self._deviance(trial)
                violated = abs(self._constraint(trial)[0] - target)
                if new + abs(multiplier) * 2.0 * violated <= merit + 1e-9 * max(1.0, abs(merit)):
                    break
                length *= 0.5
            v, value, g, H = trial, new, g_new, H_new
            if decrease < CLOSE and length == 1.0:
                break
        return v, value


def _positive(H: FloatArray, a: FloatArray) -> FloatArray:
    """H made positive definite on the tangent of the constraint, so that the step goes downhill."""
    size = float(np.linalg.norm(a))
    if size == 0.0 or not dpotrf(H, lower=1)[1]:
        return H
    basis = np.linalg.qr(np.column_stack([a / size, np.eye(len(a))]))[0][:, 1:]
    values, vectors = np.linalg.eigh(basis.T @ H @ basis)
    floor = 1e-8 * max(1.0, float(np.abs(values).max()))
    if values[0] > floor:
        return H
    lift = np.where(values > floor, 0.0, np.maximum(np.abs(values), floor) - values)
    tangent = basis @ vectors
    return H + (tangent * lift) @ tangent.T
