"""Metrics of the 2 x 2 table at a threshold, for many weighted tables at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stats.results import NAN

Floats = NDArray[np.float64]
CountMetric = Callable[[Floats, Floats, Floats, Floats], Floats]


def count_cells(labels: NDArray[np.bool_], called: NDArray[np.bool_]) -> Floats:
    """Return for each image whether it is a true positive, false positive, false negative, true negative.

    Parameters
    ----------
    labels, called : bool array, shape (n,)

    Returns
    -------
    float array, shape (n, 4) : `weights @ cells` are the counts of weighted samples
    """
    parts = [called & labels, called & ~labels, ~called & labels, ~called & ~labels]
    return np.column_stack(parts).astype(np.float64)


def called_positive(scores: Floats, threshold: float | tuple[float, ...]) -> NDArray[np.bool_]:
    """Return whether score >= threshold, shape (n, K), from scores (n, K) and one threshold or K of them.

    Raises
    ------
    ValueError : a threshold that is not a number; neither one nor K thresholds
    """
    at = np.asarray(threshold, dtype=np.float64)
    if np.isnan(at).any() or at.shape not in ((), (scores.shape[1],)):
        raise ValueError(
            f"`threshold` is {threshold}; give one number, or one for each of the {scores.shape[1]} models."
        )
    return np.asarray(scores >= at)


def metric_of_counts(metric: CountMetric, counts: Floats) -> Floats:
    """Return the metric of counts (..., 4), NaN where its denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.asarray(metric(*np.moveaxis(counts, -1, 0)), dtype=np.float64)
    return np.where(np.isfinite(value), value, NAN)


def _accuracy(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return (tp + tn) / (tp + fp + fn + tn)


def _sensitivity(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return tp / (tp + fn)


def _specificity(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return tn / (tn + fp)


def _ppv(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return tp / (tp + fp)


def _npv(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return tn / (tn + fn)


def _f1(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return 2.0 * tp / (2.0 * tp + fp + fn)


def _balanced_accuracy(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return (tp / (tp + fn) + tn / (tn + fp)) / 2.0


def _mcc(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    margins = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return (tp * tn - fp * fn) / margins


COUNT_METRICS: dict[str, CountMetric] = {
    "accuracy": _accuracy,
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "ppv": _ppv,
    "npv": _npv,
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
    "mcc": _mcc,
}
