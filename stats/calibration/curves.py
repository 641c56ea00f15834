"""Smooth calibration curves: lowess with a bootstrap band, and the curve of the logistic recalibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, ndtri, stdtrit

from stats.calibration.calibration import CalibrationResult
from stats.calibration.probabilities import (
    Codes,
    FloatArray,
    check_bootstrap,
    checked_groups,
    checked_probabilities,
    few_groups_note,
)
from stats.checks import check_conf_level, checked_labels, checked_sample
from stats.resampling.limits import percentile_limits
from stats.results import NAN, joined_notes

MIN_DISTINCT = 10  # distinct probabilities below which a smooth curve is not drawn
GRID_POINTS = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCurve:
    """Observed rate as a function of the probability, arrays of length T, with a pointwise band.

    `mean_error` is the integrated calibration index, the mean over images of |curve - probability|;
    `max_error` the largest such gap (both NaN for the logistic curve). Nothing is clipped to [0, 1].
    """

    prob: FloatArray
    observed: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    conf_level: float
    mean_error: float
    max_error: float
    n: int
    n_groups: int | None
    method: str
    note: str | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row per point of the curve."""
        names = ("prob", "observed", "conf_low", "conf_high")
        return pd.DataFrame({name: getattr(self, name) for name in names})


def smooth_calibration_curve(
    y_true: ArrayLike,
    prob: ArrayLike,
    *,
    at: ArrayLike | None = None,
    frac: float = 2.0 / 3.0,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 500,
    rng: np.random.Generator,
) -> CalibrationCurve:
    """Return the lowess curve of the labels on the probabilities, with a pointwise bootstrap band.

    Parameters
    ----------
    y_true : int array, shape (n,)    1 = positive class
    prob : float array, shape (n,)    probability of the positive class
    at : float array, shape (T,)      where to evaluate; default 101 points over the range of `prob`
    frac : share of the images in every local fit, as `f` of R's `lowess`
    group : patient of every image; given, patients are drawn in the bootstrap

    Raises
    ------
    ValueError : one class only; a probability outside [0, 1]; a point outside the range of `prob`; `frac`
        outside (0, 1]; fewer than 99 resamples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    Local lines with tricube weights, no robustness steps (which would erase the rarer class): R's
    `lowess(prob, y, iter = 0, delta = 0)`. Below 10 distinct probabilities the curve is NaN, said in a note.
    Sources: Cleveland 1979 (J Am Stat Assoc 74:829); Austin and Steyerberg 2014 (Stat Med 33:517) and 2019
    (Stat Med 38:4051), integrated calibration index. Checked against R (tests/golden/calibration.json).
    """
    check_conf_level(conf_level)
    check_bootstrap(n_resamples, rng)
    if not 0.0 < frac <= 1.0:
        raise ValueError(f"`frac` is {frac}; it must lie above 0 and at most at 1, 2/3 is usual.")
    labels = checked_labels(y_true)
    p = checked_probabilities(prob, n=labels.size, names=["prob"])[:, 0]
    codes, n_groups = checked_groups(group, labels.size)
    points = np.linspace(p.min(), p.max(), GRID_POINTS) if at is None else checked_sample("at", at)
    if points.min() < p.min() or points.max() > p.max():
        raise ValueError(
            f"`at` has points outside the probabilities ({p.min():g} to {p.max():g}); "
            "lowess does not extrapolate."
        )
    y = labels.astype(np.float64)
    distinct = np.unique(p)
    curve = low = high = np.full(points.size, NAN)
    mean_error = max_error = NAN
    note: str | None = f"{distinct.size} distinct probabilities: too few for a smooth curve"
    if distinct.size >= MIN_DISTINCT:
        curve = _lowess(y, p, points, frac)
        gap = np.abs(_lowess(y, p, distinct, frac) - distinct)[np.searchsorted(distinct, p)]
        mean_error, max_error = float(gap.mean()), float(gap.max())
        low, high, note = _band(y, p, points, frac, codes, n_groups, n_resamples, rng, conf_level)
    return CalibrationCurve(
        prob=points,
        observed=curve,
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        mean_error=mean_error,
        max_error=max_error,
        n=labels.size,
        n_groups=n_groups,
        method=f"lowess, frac {frac:.3g}, no robustness steps; pointwise percentile band of {n_resamples} "
        f"bootstrap samples of {'images' if codes is None else 'groups'}",
        note=joined_notes(note, few_groups_note(n_groups)),
    )


def logistic_calibration_curve(fit: CalibrationResult, *, at: ArrayLike | None = None) -> CalibrationCurve:
    """Return the curve expit(intercept + slope * logit(p)) of a logistic calibration with its Wald band.

    Parameters
    ----------
    fit : of `calibration`
    at : float array, shape (T,)   inside (0, 1); default 0.01 to 0.99

    Raises
    ------
    ValueError : a point outside (0, 1)

    Notes
    -----
    The band is computed on the log-odds from the covariance of intercept and slope. Where these are NaN, so
    is the curve.
    """
    points = np.arange(1, 100) / 100 if at is None else checked_sample("at", at)
    if points.min() <= 0.0 or points.max() >= 1.0:
        raise ValueError("`at` has points outside (0, 1); their log-odds are infinite.")
    design = np.column_stack([np.ones(points.size), np.log(points) - np.log1p(-points)])
    centre = design @ np.array([fit.intercept.estimate, fit.slope.estimate])
    level = 0.5 + fit.conf_level / 2.0
    quantile = float(ndtri(level) if fit.n_groups is None else stdtrit(fit.n_groups - 1.0, level))
    half = quantile * np.sqrt(np.einsum("ti,ij,tj->t", design, fit.covariance, design))
    return CalibrationCurve(
        prob=points,
        observed=expit(centre),
        conf_low=expit(centre - half),
        conf_high=expit(centre + half),
        conf_level=fit.conf_level,
        mean_error=NAN,
        max_error=NAN,
        n=fit.n,
        n_groups=fit.n_groups,
        method=f"{fit.method}; pointwise Wald band on the log-odds",
        note=fit.note,
    )


def _band(
    y: FloatArray,
    p: FloatArray,
    points: FloatArray,
    frac: float,
    codes: Codes | None,
    n_groups: int | None,
    n_resamples: int,
    rng: np.random.Generator,
    conf_level: float,
) -> tuple[FloatArray, FloatArray, str | None]:
    """Percentiles of the curves of bootstrap samples at every point, and a note on points without a curve."""
    members = None
    if codes is not None and n_groups is not None:
        order = np.argsort(codes, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(codes, minlength=n_groups))[:-1])
    curves = np.empty((n_resamples, points.size))
    for b in range(n_resamples):
        drawn = rng.integers(0, p.size if members is None else len(members), size=n_groups or p.size)
        rows = drawn if members is None else np.concatenate([members[g] for g in drawn])
        # outside the range of a sample its curve would be extrapolated: no value there
        inside = (points >= p[rows].min()) & (points <= p[rows].max())
        curves[b] = NAN
        curves[b, inside] = _lowess(y[rows], p[rows], points[inside], frac)
    missing = np.isnan(curves)
    low, high = np.full(points.size, NAN), np.full(points.size, NAN)
    kept = missing.mean(axis=0) < 0.5
    low[kept], high[kept] = percentile_limits(curves[:, kept], conf_level)
    sparse = int((missing.mean(axis=0) > 0.05).sum())
    note = f"at {sparse} points more than 5 % of the bootstrap samples have no curve" if sparse else None
    return low, high, note


def _lowess(y: FloatArray, p: FloatArray, points: FloatArray, frac: float) -> FloatArray:
    """Local lines at the points; NaN where all images of the neighbourhood have one probability."""
    from statsmodels.nonparametric.smoothers_lowess import lowess  # takes a second to import

    order = np.argsort(p, kind="stable")
    with np.errstate(all="ignore"):
        return lowess(y[order], p[order], frac=frac, it=0, xvals=points, is_sorted=True)
