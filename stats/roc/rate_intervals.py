"""Intervals of a rate read from the ROC curve at a fixed other rate; see stats/roc/operating_point.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv, ndtri

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_choice, check_conf_level
from stats.rates.proportions import wilson_limits
from stats.resampling.draws import sampling_plan
from stats.resampling.limits import percentile_limits
from stats.results import joined_notes
from stats.roc.resampled import Curves, observed_curve, resampled, sensitivity_at

Floats = NDArray[np.float64]
INTERVALS = {
    "hybrid": "MOVER of Wilson's interval and the order-statistic interval of the threshold",
    "percentile": "percentile interval of {n} {kind} bootstrap samples",
    "zhou-qin": "Zhou and Qin 2005 BTII interval, {n} {kind} bootstrap samples",
    "exact": "distribution-free interval (order statistics and Clopper-Pearson)",
}
FLAT = "all bootstrap samples agree where the rate is 0 or 1: the interval understates the uncertainty"


def rate_intervals(
    labels: NDArray[np.bool_],
    score: Floats,
    *,
    metric: str,
    fixed: Floats,
    interval: str,
    rng: np.random.Generator | None,
    n_resamples: int,
    group: Sequence[Any] | None,
    conf_level: float,
) -> tuple[Floats, Floats, Floats, Floats, str, str | None]:
    """Return estimate, standard error, both limits, shape (G,) each, method and note."""
    check_choice("interval", interval, tuple(INTERVALS))
    check_conf_level(conf_level)
    plan = sampling_plan(labels, group=group)
    if group is not None and interval != "percentile":
        raise ValueError(f"interval={interval!r} assumes independent images; with `group` use 'percentile'.")
    estimate = rate_at(observed_curve(labels, score), metric, fixed)[0]
    if interval in ("hybrid", "exact"):
        classes = _sorted_classes(labels, score, metric)
        limits = _exact_limits if interval == "exact" else _hybrid_limits
        low, high = limits(*classes, fixed, estimate, conf_level)
        return estimate, np.full(fixed.size, np.nan), low, high, INTERVALS[interval], None
    if rng is None:
        raise TypeError(f"interval={interval!r} draws bootstrap samples: give `rng`, or take 'hybrid'.")
    check_bootstrap(n_resamples, rng)
    values = resampled(
        labels,
        score[:, None],
        lambda curves: rate_at(curves, metric, fixed),
        plan=plan,
        n_resamples=n_resamples,
        rng=rng,
    )[0]
    flat = bool((np.ptp(values, axis=0) == 0.0).any())
    if interval == "zhou-qin":
        size = int((labels if metric == "sensitivity" else ~labels).sum())
        low, high = _zhou_qin_limits(values, size, conf_level)
    else:
        low, high = percentile_limits(values, conf_level)
    method = INTERVALS[interval].format(n=n_resamples, kind=plan.kind)
    note = joined_notes(plan.note, FLAT if flat else None)
    return estimate, values.std(axis=0, ddof=1), low, high, method, note


def rate_at(curves: Curves, metric: str, fixed: Floats) -> Floats:
    """Return the rate `metric` where the other one is `fixed`, shape (B, G)."""
    return sensitivity_at(curves if metric == "sensitivity" else curves.swapped(), fixed)


def _zhou_qin_limits(values: Floats, size: int, conf_level: float) -> tuple[Floats, Floats]:
    z = float(ndtri(0.5 + conf_level / 2.0))
    adjusted = (size * values + z * z / 2.0) / (size + z * z)
    centre, half = adjusted.mean(axis=0), z * adjusted.std(axis=0, ddof=1)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def _sorted_classes(labels: NDArray[np.bool_], score: Floats, metric: str) -> tuple[Floats, Floats]:
    """Sorted scores of the class whose rate is estimated, and of the class that fixes the threshold."""
    positives, negatives = np.sort(score[labels]), np.sort(score[~labels])
    if metric == "sensitivity":
        return positives, negatives
    return -negatives[::-1], -positives[::-1]


def _walls(negatives: Floats, fixed: Floats, tail: float) -> tuple[Floats, Floats]:
    """Order statistics below and above the true threshold, each wrong with chance `tail` at most."""
    n = negatives.size
    at_most = bdtr(
        np.arange(n + 1.0)[:, None], n, fixed[None, :]
    )  # P(at most j negatives up to the threshold)
    walls = np.r_[-np.inf, negatives, np.inf]  # the k-th smallest exceeds the threshold with at_most[k - 1]
    return walls[(at_most <= tail).sum(axis=0)], walls[n + 2 - (at_most >= 1.0 - tail).sum(axis=0)]


def _exact_limits(
    positives: Floats, negatives: Floats, fixed: Floats, estimate: Floats, conf_level: float
) -> tuple[Floats, Floats]:
    """Clopper-Pearson limits at walls around the threshold.

    Each of the two events on a side may fail with chance b, 1 - (1 - b)^2 = (1 - level) / 2: the classes are
    independent, and the rate falls as the threshold rises.
    """
    tail = 1.0 - float(np.sqrt(1.0 - (1.0 - conf_level) / 2.0))
    low_wall, high_wall = _walls(negatives, fixed, tail)
    m = positives.size
    surely = m - np.searchsorted(positives, high_wall, side="right")
    perhaps = m - np.searchsorted(positives, low_wall, side="left")
    return _binomial_low(surely, m, tail), 1.0 - _binomial_low(m - perhaps, m, tail)


def _hybrid_limits(
    positives: Floats, negatives: Floats, fixed: Floats, estimate: Floats, conf_level: float
) -> tuple[Floats, Floats]:
    """Wilson's limits of the estimate, joined with the rates at walls around the threshold by MOVER."""
    low_wall, high_wall = _walls(negatives, fixed, (1.0 - conf_level) / 2.0)
    m = positives.size
    at_high = np.minimum(estimate, (m - np.searchsorted(positives, high_wall, side="right")) / m)
    at_low = np.maximum(estimate, (m - np.searchsorted(positives, low_wall, side="left")) / m)
    wilson_low, wilson_high = wilson_limits(estimate, m, conf_level=conf_level)
    down, up = (
        np.hypot(estimate - wilson_low, estimate - at_high),
        np.hypot(wilson_high - estimate, at_low - estimate),
    )
    return np.maximum(estimate - down, 0.0), np.minimum(estimate + up, 1.0)


def _binomial_low(count: NDArray[np.intp], size: int, tail: float) -> Floats:
    """One-sided Clopper-Pearson lower limit of count / size with error `tail`."""
    k = np.maximum(count, 1).astype(np.float64)
    return np.where(count == 0, 0.0, betaincinv(k, size - k + 1.0, tail))
