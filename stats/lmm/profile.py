"""Profile-likelihood intervals: the values that a likelihood-ratio test does not reject.

As lme4's `confint(method = "profile")`, the ML deviance is profiled (also for a REML fit) and random effects
are on the scale of standard deviations and correlations. A limit c solves D(c) - D(optimum) = z^2, where D(c)
is the minimum of the deviance with the parameter held at c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from stats.checks import check_conf_level
from stats.lmm.crossproducts import CrossProducts
from stats.lmm.deviance import Deviance
from stats.lmm.fit import LmmFit, fit_design
from stats.lmm.held import HeldDeviance, Parameter, held_parameters
from stats.lmm.optimise import minimise

FloatArray = NDArray[np.float64]

MAX_TRIALS = 30
ROOT_TOLERANCE = 1e-7  # on the signed root of the deviance difference
EDGE = 1e-7  # distance from 0 or +-1 at which an estimate counts as at its limit
COLUMNS = ["part", "group", "term", "estimate", "conf_low", "conf_high", "note"]
NOT_FOUND = "a limit was not found: the deviance is too flat or too rough in this parameter"


def profile_intervals(fit: LmmFit, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Profile intervals of every standard deviation, correlation, the residual SD and every fixed effect.

    Returns
    -------
    DataFrame : part ("random", "residual", "fixed"), group, term, estimate (ML), conf_low, conf_high,
        note. Limits of a standard deviation may be 0, those of a correlation -1 and 1; a limit that cannot be
        found is NaN and noted

    Raises
    ------
    ValueError : level outside (0, 1)

    Notes
    -----
    Checked against R lme4 (tests/golden/lmm_intervals.json).
    """
    check_conf_level(conf_level)
    best = fit if not fit.reml else fit_design(fit.design, reml=False, start=fit.theta)
    z = float(ndtri(0.5 + conf_level / 2.0))
    rows = [_random_row(best, parameter, z) for parameter in held_parameters(best)]
    rows += [_fixed_row(best, j, z) for j in range(len(best.names))]
    return pd.DataFrame(rows, columns=COLUMNS)


def _random_row(best: LmmFit, parameter: Parameter, z: float) -> dict:
    held = HeldDeviance(best, parameter)
    row = {
        "part": "residual" if parameter.kind == "residual" else "random",
        "group": parameter.group,
        "term": parameter.name,
    }
    if held.undefined:
        note = "not defined: one of the standard deviations is estimated as zero"
        return {**row, "estimate": float("nan"), "conf_low": -1.0, "conf_high": 1.0, "note": note}
    limits = []
    for sign, end in ((-1.0, parameter.limits[0]), (1.0, parameter.limits[1])):
        if np.isfinite(end) and parameter.kind != "residual" and _reachable(held, end, z):
            limits.append(end)
        else:
            step = sign * z * held.spread
            begin, last = held.inner_estimate, held.inner(end) if np.isfinite(end) else end
            at_start = held.root(begin) if held.at_zero else 0.0
            limits.append(held.outer(_limit(held.root, begin, step, z, last, at_start=at_start)))
    return _noted({**row, "estimate": held.estimate, "conf_low": limits[0], "conf_high": limits[1]})


def _noted(row: dict) -> dict:
    missing = np.isnan(row["conf_low"]) or np.isnan(row["conf_high"])
    return {**row, "note": NOT_FOUND if missing else None}


def _reachable(held: HeldDeviance, end: float, z: float) -> bool:
    """Whether the parameter at its natural limit is still not rejected."""
    if abs(held.estimate - end) <= EDGE:
        return True
    last = held.inner(end)
    if held.parameter.kind == "correlation":
        for share in (0.0625, 0.125, 0.25, 0.5):  # step by step, each from the solution before
            if abs(held.root(held.inner_estimate + share * (last - held.inner_estimate))) > z:
                return False
    return abs(held.root_at(end, last)) <= z


def _limit(
    root: Callable[[float], float], start: float, step: float, z: float, end: float, *, at_start: float = 0.0
) -> float:
    """Solve |root(c)| = z on the side of `step`; |root| grows from `at_start` at `start`, nearly linearly.

    Inverse interpolation through the last points, kept inside the bracket; `end` is never reached.
    """
    sign = 1.0 if step > 0 else -1.0
    known = [(at_start, start)]
    low, high = (start, end) if at_start < z else (-sign * np.inf, start)
    trial = start + step if at_start < z else start - step
    for count in range(MAX_TRIALS):
        if np.isfinite(high) and sign * (trial - high) >= 0:
            trial = 0.5 * (low + high) if np.isfinite(low) else high - abs(step) * sign
        elif np.isfinite(low) and sign * (trial - low) <= 0:
            trial = 0.5 * (low + high) if np.isfinite(high) else low + sign * (abs(low - start) + abs(step))
        value = sign * root(trial)
        if abs(value - z) < ROOT_TOLERANCE:
            return trial
        if value < z:
            low = trial
        else:
            high = trial
        if abs(high - low) < 1e-10 * max(1.0, abs(trial)):
            break  # a jump between two branches of the profile
        known.append((value, trial))
        known.sort(key=lambda k: -abs(k[0] - z))
        known = known[-4:]
        nodes = list({round(k[0], 12): k for k in known}.values())
        nearest = known[-1][1]
        reach = abs(nearest - start) + abs(step)
        trial = nearest + float(np.clip(_interpolated(nodes, z) - nearest, -reach, reach))
        if count % 4 == 3 and np.isfinite(low) and np.isfinite(high):
            trial = 0.5 * (low + high)  # interpolation may creep where the profile bends
    return float("nan")


def _interpolated(nodes: list[tuple[float, float]], z: float) -> float:
    """The polynomial through (value, c) at value z."""
    total = 0.0
    for i, (value, c) in enumerate(nodes):
        weight = 1.0
        for j, (other, _) in enumerate(nodes):
            if i != j:
                weight *= (z - other) / (value - other)
        total += weight * c
    return total


def _fixed_row(best: LmmFit, j: int, z: float) -> dict:
    estimate, se = float(best.beta[j]), float(best.std_errors[j])
    held = _HeldCoefficient(best, j)
    limits = [_limit(held.root, estimate, sign * se * z, z, sign * np.inf) for sign in (-1.0, 1.0)]
    row = {"part": "fixed", "group": None, "term": best.names[j], "estimate": estimate}
    return _noted({**row, "conf_low": limits[0], "conf_high": limits[1]})


class _HeldCoefficient:
    """ML deviance with one fixed effect held: its column leaves X and its part leaves y."""

    def __init__(self, best: LmmFit, j: int) -> None:
        self._best, self._j = best, j
        products = best.deviance.products
        p = products.p
        order = [i for i in range(p) if i != j] + [j]
        turn, R = np.linalg.qr(products.R[:, order])
        self._slope = float(R[-1, -1])
        self._ols = float(products.beta_ols[j])
        self._turned = _turned(products, turn)
        self._theta = best.evaluation.theta

    def root(self, c: float) -> float:
        shift = self._slope * (c - self._ols)
        deviance = Deviance(
            _shifted(self._turned, shift),
            self._best.deviance.thetas,
            levels=self._best.deviance.levels,
            reml=False,
        )
        evaluation, _ = minimise(deviance, self._theta)
        self._theta = evaluation.theta
        gain = max(0.0, evaluation.value - self._best.criterion)
        return float(np.sign(c - self._best.beta[self._j]) * np.sqrt(gain))


def _turned(products: CrossProducts, turn: FloatArray) -> CrossProducts:
    """The same cross-products with X in another orthonormal basis, X turn."""
    q, p = products.q, products.p
    whole = np.eye(q + p + 1)
    whole[q : q + p, q : q + p] = turn
    eliminated = products.eliminated
    if eliminated is not None:
        eliminated = replace(
            eliminated, Xy=np.column_stack([eliminated.Xy[:, :p] @ turn, eliminated.Xy[:, p]])
        )
    return replace(products, dense=whole.T @ products.dense @ whole, eliminated=eliminated)


def _shifted(products: CrossProducts, shift: float) -> CrossProducts:
    """Cross-products without the last column of X, `shift` times it taken from y."""
    q, p = products.q, products.p
    last, y = q + p - 1, q + p
    keep = [*range(last), y]
    change = np.eye(y + 1)
    change[last, y] = -shift
    dense = (change.T @ products.dense @ change)[np.ix_(keep, keep)]
    eliminated = products.eliminated
    if eliminated is not None:
        own = eliminated.Xy[:, p] - shift * eliminated.Xy[:, p - 1]
        eliminated = replace(eliminated, Xy=np.column_stack([eliminated.Xy[:, : p - 1], own]))
    return replace(products, dense=dense, eliminated=eliminated, p=p - 1)
