"""Minimise the profiled deviance: Newton steps with the exact Hessian inside a trust region.

The criterion is an even function of every column of Lambda, so theta needs no bounds: a variance of zero is
an ordinary stationary point at which the Hessian is exact too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stats.lmm.deviance import Deviance, Evaluation

FloatArray = NDArray[np.float64]

TOLERANCE = (
    1e-15  # predicted decrease of the criterion at which iteration stops, relative to max(1, |criterion|)
)
NOISE = 3e-12  # smaller shares of the criterion are lost in rounding; steps are judged by the gradient too
MAX_EVALUATIONS = 200
SCORING_STEPS = 8
FAR = 20.0  # a scoring step that multiplies a theta by more is repeated before Newton's steps begin
LARGEST_THETA = 1e7  # beyond this the residual variance is zero to working precision


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserRecord:
    """What the optimiser did.

    Attributes
    ----------
    start, end : theta as lme4 defines it;  start_value, end_value : the criterion there
    evaluations : criterion with gradient and Hessian
    gradient_norm : largest absolute entry of the gradient at the end
    smallest_curvature : smallest eigenvalue of the Hessian at the end
    tolerance : on the predicted decrease;  predicted_decrease : at the end
    status : "converged", "converged by statsmodels", "evaluation limit", "no further decrease" or
        "zero residual variance"
    """

    start: FloatArray
    end: FloatArray
    start_value: float
    end_value: float
    evaluations: int
    gradient_norm: float
    smallest_curvature: float
    tolerance: float
    predicted_decrease: float
    status: str

    @property
    def converged(self) -> bool:
        """Whether a minimum was reached."""
        return self.status.startswith("converged")


class Point(Protocol):
    """A criterion with its derivatives at `theta`."""

    @property
    def theta(self) -> FloatArray: ...
    @property
    def value(self) -> float: ...
    @property
    def gradient(self) -> FloatArray: ...
    @property
    def hessian(self) -> FloatArray: ...


P = TypeVar("P", bound=Point)
P_co = TypeVar("P_co", bound=Point, covariant=True)


class Criterion(Protocol[P_co]):
    """What can be minimised."""

    def evaluate(self, theta: FloatArray) -> P_co | None: ...


def minimise(
    deviance: Criterion[P], start: FloatArray, *, scoring: Callable[[P], FloatArray] | None = None
) -> tuple[P, OptimiserRecord]:
    """Local minimum of the criterion from `start`, after steps that `scoring` proposes (see `scoring_step`).

    Raises
    ------
    ValueError : the criterion cannot be evaluated at the start
    """
    current = deviance.evaluate(start)
    if current is None:
        raise ValueError(
            "The mixed model cannot be evaluated: the response is explained without any residual; "
            "simplify the model or check the data."
        )
    first, begin = current.value, start
    evaluations = 1
    for _ in range(SCORING_STEPS):
        if scoring is None:
            break
        moved = deviance.evaluate(scoring(current))
        evaluations += 1
        if moved is None or moved.value >= current.value:
            break
        near = (np.abs(moved.theta) < FAR * np.maximum(np.abs(current.theta), 1e-3)).all()
        current = moved
        if near:
            break
    radius = max(1.0, float(np.linalg.norm(start)))
    status = "evaluation limit"
    curvatures, predicted = np.zeros(1), np.inf
    while evaluations < MAX_EVALUATIONS:
        curvatures, vectors = np.linalg.eigh(current.hessian)
        step, predicted, clipped = _step(current.gradient, curvatures, vectors, radius)
        unit = max(1.0, abs(current.value))
        if predicted <= TOLERANCE * unit:
            status = "converged"
            break
        if np.abs(current.theta).max() > LARGEST_THETA:
            status = "zero residual variance"
            break
        trial = deviance.evaluate(current.theta + step)
        evaluations += 1
        size = float(np.linalg.norm(step))
        if predicted <= NOISE * unit and not clipped:
            flatter = trial is not None and np.abs(trial.gradient).max() < np.abs(current.gradient).max()
            if trial is None or not (flatter or trial.value < current.value):
                status = "converged"  # at rounding level: no better point can be told apart
                break
            current = trial
            continue
        ratio = -np.inf if trial is None else (current.value - trial.value) / predicted
        if trial is not None and ratio > 1e-4:
            current = trial
        radius = _next_radius(radius, ratio, size, clipped)
        if radius < 1e-12:
            status = "no further decrease"
            break
    record = OptimiserRecord(
        start=begin,
        end=current.theta,
        start_value=first,
        end_value=current.value,
        evaluations=evaluations,
        gradient_norm=float(np.abs(current.gradient).max()),
        smallest_curvature=float(curvatures[0]),
        tolerance=TOLERANCE,
        predicted_decrease=float(predicted),
        status=status,
    )
    return current, record


def scoring_step(deviance: Deviance, at: Evaluation) -> FloatArray:
    """theta after one step of Fisher scoring for the variances: unbiased quadratic estimates (MINQUE).

    V = tau V0 + sum delta_r Z E_r Z' is linear in (tau, delta): the step is a linear system in traces that
    the derivatives already hold. Estimates outside the parameter space are pulled just inside it.
    """
    thetas = deviance.thetas
    k = thetas.length
    system = np.empty((k + 1, k + 1))
    system[0, 0], system[0, 1:], system[1:, 0], system[1:, 1:] = at.dof, at.traces, at.traces, at.trace_pairs
    estimate = np.linalg.lstsq(system, np.concatenate([[at.r2], at.forms]), rcond=1e-10)[0]
    tau = max(estimate[0], 1e-3 * at.r2 / at.dof)
    floors = (
        0.1 * np.array(deviance.levels) / deviance.products.n
    )  # a tenth of the variance of a level's mean
    if thetas.scalar:
        return np.sqrt(np.maximum(at.theta**2 + estimate[1:] / tau, floors))
    out = np.empty(k)
    for term, size in enumerate(thetas.sizes):
        block = slice(thetas.starts[term], thetas.starts[term + 1])
        factor = thetas.matrix(at.theta, term)
        change = np.zeros((size, size))
        change[thetas.rows[block], thetas.cols[block]] = estimate[1:][block] / tau
        Gamma = factor @ factor.T + change + np.tril(change, -1).T
        values, vectors = np.linalg.eigh(Gamma)
        values = np.maximum(values, floors[term])
        root = np.linalg.cholesky((vectors * values) @ vectors.T)
        out[block] = root[thetas.rows[block], thetas.cols[block]]
    return out


def _next_radius(radius: float, ratio: float, size: float, clipped: bool) -> float:
    if ratio < 0.25:
        return size / 4.0
    if ratio > 0.75 and clipped:
        return 3.0 * radius
    return radius


def _step(
    gradient: FloatArray, curvatures: FloatArray, vectors: FloatArray, radius: float
) -> tuple[FloatArray, float, bool]:
    """Minimiser of the quadratic model within the radius, predicted decrease, whether the radius binds."""
    g = vectors.T @ gradient
    floor = 1e-12 * max(float(np.abs(curvatures).max()), 1e-300)
    if curvatures[0] > -floor:
        # flat directions (a rotation of Lambda that leaves Gamma as it is) get no step
        usable = curvatures > floor
        s = np.where(usable, -g / np.where(usable, curvatures, 1.0), 0.0)
        if np.linalg.norm(s) <= radius:
            return vectors @ s, float(-0.5 * (g @ s)), False
    s = _on_boundary(g, curvatures, radius)
    predicted = -float(g @ s + 0.5 * (curvatures * s) @ s)
    return vectors @ s, predicted, True


def _on_boundary(g: FloatArray, curvatures: FloatArray, radius: float) -> FloatArray:
    """Step of length `radius`: (curvature + mu) s = -g with mu found by bisection on the log scale."""
    lowest = max(0.0, -float(curvatures[0]))
    scale = max(float(np.abs(curvatures).max()), float(np.linalg.norm(g)) / radius, 1e-300)

    def step(extra: float) -> FloatArray:
        return -g / (curvatures + lowest + extra)

    low, high = 1e-14 * scale, 2.0 * scale
    if (
        np.linalg.norm(step(low)) < radius
    ):  # hard case: gradient orthogonal to the direction of negative curvature
        s = step(low)
        s[0] += np.sqrt(max(radius**2 - float(s @ s), 0.0)) * (1.0 if g[0] <= 0 else -1.0)
        return s
    for _ in range(60):
        middle = np.sqrt(low * high)
        if np.linalg.norm(step(middle)) > radius:
            low = middle
        else:
            high = middle
        if high < 1.01 * low:
            break
    return step(high)
