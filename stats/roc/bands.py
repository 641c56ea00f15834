"""Uncertainty of a whole ROC curve: intervals point by point, and bands that hold the whole curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kstwo

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_choice, check_conf_level, checked_labels, checked_scores
from stats.resampling.draws import SamplingPlan, sampling_plan, weight_blocks
from stats.resampling.limits import order_statistics
from stats.resampling.paired_bootstrap import SAME
from stats.results import joined_notes
from stats.roc.rate_intervals import rate_intervals
from stats.roc.resampled import Curves, observed_curve, ranked_scores, sensitivity_at, weighted_curves

Floats = NDArray[np.float64]
BANDS = ("ks", "fixed-width")
POINTWISE_GRID = np.arange(1, 20) / 20.0
FLAT = "every bootstrap curve is the curve itself: the band has no width and understates the uncertainty"
BAND_GRID = np.arange(101) / 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RocBand:
    """Limits of one rate over a grid of the other one.

    Attributes
    ----------
    metric : "sensitivity" or "specificity", the rate with limits
    fixed : float array, shape (G,)   values of the other rate
    estimate, conf_low, conf_high : float array, shape (G,)
    simultaneous : whether the limits hold together at `conf_level`, or each alone
    """

    metric: str
    fixed: Floats
    estimate: Floats
    conf_low: Floats
    conf_high: Floats
    simultaneous: bool
    conf_level: float
    n_positive: int
    n_negative: int
    n_groups: int | None
    method: str
    note: str | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row per grid value: specificity, sensitivity, conf_low, conf_high."""
        other = "specificity" if self.metric == "sensitivity" else "sensitivity"
        columns = {other: self.fixed, self.metric: self.estimate}
        return pd.DataFrame(
            {
                "specificity": columns["specificity"],
                "sensitivity": columns["sensitivity"],
                "conf_low": self.conf_low,
                "conf_high": self.conf_high,
            }
        )


def roc_ci(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    specificity: ArrayLike | None = None,
    sensitivity: ArrayLike | None = None,
    interval: str = "hybrid",
    rng: np.random.Generator | None = None,
    n_resamples: int = 2000,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> RocBand:
    """Return the interval of the sensitivity at each of many specificities, or the other way round.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive
    specificity, sensitivity : float array, shape (G,)   values held fixed, one of the two; default
        specificities 0.05 to 0.95
    interval, group : as `operating_point_ci`, which tells when each holds
    n_resamples : bootstrap samples ("percentile" and "zhou-qin")

    Raises
    ------
    ValueError : both rates fixed; a value outside 0 to 1 or at its ends; and as `operating_point_ci`

    Notes
    -----
    Each interval holds at `conf_level` by itself: the whole curve lies between all of them less often (see
    `roc_band`). "percentile" equals pROC `ci.se` and `ci.sp` within Monte Carlo error
    (tests/golden/roc.json).
    """
    if specificity is not None and sensitivity is not None:
        raise ValueError("Fix one rate: give either `specificity` or `sensitivity`.")
    metric = "sensitivity" if sensitivity is None else "specificity"
    given = specificity if sensitivity is None else sensitivity
    fixed = _checked_grid(POINTWISE_GRID if given is None else given, metric, ends=False)
    labels = checked_labels(y_true, min_per_class=2)
    scores = checked_scores(score, n=labels.size, names=["score"])
    estimate, _, low, high, method, note = rate_intervals(
        labels,
        scores[:, 0],
        metric=metric,
        fixed=fixed,
        interval=interval,
        rng=rng,
        n_resamples=n_resamples,
        group=group,
        conf_level=conf_level,
    )
    return RocBand(
        metric=metric,
        fixed=fixed,
        estimate=estimate,
        conf_low=low,
        conf_high=high,
        simultaneous=False,
        conf_level=conf_level,
        n_positive=int(labels.sum()),
        n_negative=int((~labels).sum()),
        n_groups=sampling_plan(labels, group=group).n_groups,
        method=method,
        note=note,
    )


def roc_band(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    band: str = "ks",
    specificity: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    n_resamples: int = 2000,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> RocBand:
    """Return a band that holds the whole ROC curve at `conf_level`.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive
    band : one of BANDS
        "ks"           Kolmogorov's exact bands of both score distributions, joined: never below its level,
                       wide, independent images only
        "fixed-width"  the curve moved up and down a fixed way along the slope -sqrt(n / m); the way is the
                       bootstrap quantile of the largest distance; narrower, close to its level
    specificity : float array, shape (G,)   where the band is read, 0 to 1; default 0 to 1 by 0.01
    n_resamples, rng, group : of the bootstrap ("fixed-width")

    Raises
    ------
    ValueError : as `operating_point_ci`; "ks" with groups
    TypeError : "fixed-width" without a random generator

    Notes
    -----
    "ks": with chance `conf_level` both empirical distributions lie within d_m and d_n of the true ones, each
    with chance sqrt(conf_level); every true point is then within (d_n, d_m) of the empirical point at its
    threshold (Campbell 1994, Stat Med 13:499, joint rectangles). "fixed-width": Campbell 1994; the best of
    three bands in Macskassy, Provost and Rosset 2005 (ICML). Measured coverage at level 0.95 (binormal
    scores, AUC 0.7 to 0.99, 20 to 250 images per class): "ks" 1.00; "fixed-width" 0.92 to 0.98, but 0.70 at
    AUC 0.99 with 20 images per class, where bootstrap curves hardly differ.
    """
    check_choice("band", band, BANDS)
    check_conf_level(conf_level)
    grid = _checked_grid(BAND_GRID if specificity is None else specificity, "sensitivity", ends=True)
    labels = checked_labels(y_true, min_per_class=2)
    scores = checked_scores(score, n=labels.size, names=["score"])
    plan = sampling_plan(labels, group=group)
    curve = observed_curve(labels, scores[:, 0])
    note = None
    if band == "ks":
        if group is not None:
            raise ValueError("band='ks' assumes independent images; with `group` use 'fixed-width'.")
        low, high = _ks_limits(curve, 1.0 - grid, conf_level)
        method = "Kolmogorov bands of both classes, joined (Campbell 1994)"
    else:
        if rng is None:
            raise TypeError("band='fixed-width' draws bootstrap samples: give `rng`, or take 'ks'.")
        check_bootstrap(n_resamples, rng)
        distances = _largest_distances(
            labels, scores[:, 0], curve, plan=plan, n_resamples=n_resamples, rng=rng
        )
        reach = float(order_statistics(distances, np.array([conf_level]))[0])
        low, high = _moved_limits(curve, 1.0 - grid, reach)
        method = f"fixed-width band (Campbell 1994), {n_resamples} {plan.kind} bootstrap samples"
        note = joined_notes(plan.note, FLAT if distances.max() < SAME else None)
    return RocBand(
        metric="sensitivity",
        fixed=grid,
        estimate=sensitivity_at(curve, grid)[0],
        conf_low=low,
        conf_high=high,
        simultaneous=True,
        conf_level=conf_level,
        n_positive=int(labels.sum()),
        n_negative=int((~labels).sum()),
        n_groups=plan.n_groups,
        method=method,
        note=note,
    )


def _ks_limits(curve: Curves, fpr: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Limits of the sensitivity at each false positive rate from rectangles around all points."""
    x, y = _rates(curve)
    n, m = curve.false_positive[0, -1], curve.true_positive[0, -1]
    tail = 1.0 - np.sqrt(conf_level)
    wide, tall = float(kstwo.isf(tail, int(n))), float(kstwo.isf(tail, int(m)))
    last = (
        np.searchsorted(x, fpr + wide + 1e-12, side="right") - 1
    )  # the highest point that may be this far left
    first = np.minimum(np.searchsorted(x, fpr - wide - 1e-12, side="left"), x.size - 1)
    return np.clip(y[first] - tall, 0.0, 1.0), np.clip(y[last] + tall, 0.0, 1.0)


def _moved_limits(curve: Curves, fpr: Floats, distance: float) -> tuple[Floats, Floats]:
    """Limits of the sensitivity where the curve moves by `distance` in false positive rate, up and down."""
    x, y = _rates(curve)
    b = _slope(curve)
    highest = _top(x, y, np.minimum(fpr + distance, 1.0)) + b * distance
    # the foot of a jump is the top of the curve turned by half a circle
    foot = 1.0 - _top(1.0 - x[::-1], 1.0 - y[::-1], 1.0 - np.maximum(fpr - distance, 0.0))
    lowest = foot - b * distance
    high = np.where(fpr + distance >= 1.0, 1.0, np.clip(highest, 0.0, 1.0))
    return np.where(fpr - distance <= 0.0, 0.0, np.clip(lowest, 0.0, 1.0)), high


def _largest_distances(
    labels: NDArray[np.bool_],
    score: Floats,
    curve: Curves,
    *,
    plan: SamplingPlan,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Largest distance of each bootstrap curve from the curve along slope -b, in false positive rate, (B,).

    Along such a line s = y + b x is constant; s rises along every curve, so that each line meets it once,
    and x as a function of s is piecewise linear: the largest distance lies at a corner of one of the two.
    """
    x, y = _rates(curve)
    b = _slope(curve)
    s, ranked, found = y + b * x, ranked_scores(labels, score), []
    for weights in weight_blocks(plan, n_resamples=n_resamples, rng=rng):
        drawn = weighted_curves(ranked, weights)
        xs = drawn.false_positive / drawn.false_positive[:, -1:]
        ss = drawn.true_positive / drawn.true_positive[:, -1:] + b * xs
        at_theirs = np.abs(xs - np.interp(ss.ravel(), s, x).reshape(ss.shape)).max(axis=1)
        shift = (2.0 + 2.0 * b) * np.arange(len(ss))[:, None]  # rows laid end to end
        ours = np.interp((s + shift).ravel(), (ss + shift).ravel(), xs.ravel()).reshape(len(ss), -1)
        found.append(np.maximum(at_theirs, np.abs(ours - x).max(axis=1)))
    return np.concatenate(found)


def _rates(curve: Curves) -> tuple[Floats, Floats]:
    """False and true positive rate of the points of one curve."""
    fp, tp = curve.false_positive[0], curve.true_positive[0]
    return fp / fp[-1], tp / tp[-1]


def _slope(curve: Curves) -> float:
    """Ratio of the standard deviations of the two rates, sqrt(n / m)."""
    return float(np.sqrt(curve.false_positive[0, -1] / curve.true_positive[0, -1]))


def _top(x: Floats, y: Floats, at: Floats) -> Floats:
    """Height of a rising curve at x = `at`; the top of a jump."""
    left = np.searchsorted(x, at, side="right") - 1
    right = np.minimum(left + 1, x.size - 1)
    span = x[right] - x[left]
    return y[left] + (y[right] - y[left]) * np.where(
        span > 0, (at - x[left]) / np.where(span > 0, span, 1.0), 0.0
    )


def _checked_grid(values: ArrayLike, metric: str, *, ends: bool) -> Floats:
    grid = np.atleast_1d(np.asarray(values, dtype=np.float64))
    name = "specificity" if metric == "sensitivity" else "sensitivity"
    inside = (grid >= 0.0) & (grid <= 1.0) if ends else (grid > 0.0) & (grid < 1.0)
    if grid.ndim != 1 or grid.size == 0 or not inside.all():
        raise ValueError(f"`{name}` must be values {'from 0 to 1' if ends else 'strictly between 0 and 1'}.")
    return grid
