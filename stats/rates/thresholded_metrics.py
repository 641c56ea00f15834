"""Metrics of a classifier at a threshold that was fixed beforehand, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_choice, check_conf_level, checked_labels, checked_scores
from stats.rates.proportions import clopper_pearson_ci, wilson_ci
from stats.rates.thresholded import Thresholded, thresholded
from stats.rates.thresholds import ChosenThreshold
from stats.resampling.bootstrap import bootstrap_ci
from stats.resampling.limits import INTERVALS
from stats.results import NAN, ComparisonResult, joined_notes, results_frame

PROPORTIONS = {"wilson": "Wilson interval", "clopper-pearson": "Clopper-Pearson interval"}
METRICS = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy", "mcc")
UNDEFINED = {
    "ppv": "no image is called positive: the positive predictive value is not defined",
    "npv": "no image is called negative: the negative predictive value is not defined",
    "mcc": "every image is called alike: Matthews' correlation is not defined",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInterval:
    """One metric at a threshold: estimate with interval; `count` of `total` where it is a proportion."""

    name: str
    estimate: float
    conf_low: float
    conf_high: float
    count: int | None
    total: int | None
    method: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdedMetrics:
    """All metrics of one model at one threshold, unrounded; `metrics` in the order of METRICS."""

    threshold: float
    counts: Thresholded
    metrics: tuple[MetricInterval, ...]
    conf_level: float
    n_groups: int | None
    note: str | None

    def __getitem__(self, name: str) -> MetricInterval:
        """Return the metric of that name."""
        return {metric.name: metric for metric in self.metrics}[name]

    def to_results(self) -> list[ComparisonResult]:
        """Return one row per metric (analysis "thresholded")."""
        return [
            ComparisonResult(
                analysis="thresholded",
                metric=metric.name,
                estimate=metric.estimate,
                conf_low=metric.conf_low,
                conf_high=metric.conf_high,
                conf_level=self.conf_level,
                n=self.counts.n,
                n_positive=self.counts.n_positive,
                n_groups=self.n_groups,
                method=f"score >= {self.threshold:.17g}; {metric.method}",
                note=joined_notes(metric.note, self.note),
            )
            for metric in self.metrics
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return `to_results` as rows in RESULT_COLUMNS."""
        return results_frame(self.to_results())


def thresholded_metrics(
    y_true: ArrayLike,
    score: ArrayLike,
    threshold: float | ChosenThreshold,
    *,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    group: Sequence[Any] | None = None,
    interval: str = "wilson",
    bootstrap: str = "percentile",
    stratified: bool = True,
    conf_level: float = 0.95,
) -> ThresholdedMetrics:
    """Return accuracy, sensitivity, specificity, PPV, NPV, F1, balanced accuracy and MCC with intervals.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive
    threshold : a number fixed beforehand, or the result of `choose_threshold`; score >= threshold is positive
    rng, n_resamples : of the bootstrap
    group : patient of every image; given, all intervals come from resampled patients (Rutter 2000)
    interval : "wilson" or "clopper-pearson", for the proportions of independent images
    bootstrap, stratified : kind of interval and of samples for F1, balanced accuracy and MCC, and for all
        metrics with `group`; see `bootstrap_ci`

    Raises
    ------
    TypeError : no random generator
    ValueError : lengths differ; a score is not finite; one class only; a NaN threshold; unknown interval;
        groups that do not fit; fewer than 99 resamples

    Notes
    -----
    A metric that is not defined is NaN with a note: PPV without positive calls, NPV without negative ones,
    MCC without both. F1 is 2 TP / (2 TP + FP + FN): 0 where no positive image is found. PPV, NPV, accuracy,
    F1 and MCC depend on the share of positives in these images. Sources: Wilson 1927; Clopper and Pearson
    1934; Matthews 1975 (Biochim Biophys Acta 405:442); Rutter 2000 (Acad Radiol 7:413).
    """
    check_choice("interval", interval, tuple(PROPORTIONS))
    check_choice("bootstrap", bootstrap, INTERVALS)
    check_conf_level(conf_level)
    check_bootstrap(n_resamples, rng)
    cut = threshold.threshold if isinstance(threshold, ChosenThreshold) else float(threshold)
    if np.isnan(cut):
        raise ValueError("`threshold` is NaN; give a number.")
    labels = checked_labels(y_true)
    scores = checked_scores(score, n=labels.size, names=["score"])[:, 0]
    counts = thresholded(labels, scores, threshold=cut)
    metrics, n_groups = [], None
    for name in METRICS:
        if group is None and (share := _proportion(counts, name)) is not None:
            metrics.append(_binomial(name, *share, interval=interval, conf_level=conf_level))
            continue
        if np.isnan(getattr(counts, name)):
            metrics.append(_undefined(name))
            continue
        found = bootstrap_ci(
            labels,
            scores,
            metric=name,
            threshold=cut,
            group=group,
            stratified=stratified,
            interval=bootstrap,
            conf_level=conf_level,
            n_resamples=n_resamples,
            rng=rng,
        )
        n_groups = found.n_groups
        metrics.append(
            MetricInterval(
                name=name,
                estimate=found.estimate,
                conf_low=found.conf_low,
                conf_high=found.conf_high,
                count=None,
                total=None,
                method=found.method,
                note=found.note,
            )
        )
    return ThresholdedMetrics(
        threshold=cut,
        counts=counts,
        metrics=tuple(metrics),
        conf_level=conf_level,
        n_groups=n_groups,
        note=f"every image is called {'positive' if counts.positive_rate else 'negative'}"
        if counts.collapsed
        else None,
    )


def _proportion(counts: Thresholded, name: str) -> tuple[int, int] | None:
    """Count and total of a metric that is a proportion of independent images."""
    tp, fp = counts.true_positive, counts.false_positive
    fn, tn = counts.false_negative, counts.true_negative
    return {
        "accuracy": (tp + tn, counts.n),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
    }.get(name)


def _binomial(name: str, count: int, total: int, *, interval: str, conf_level: float) -> MetricInterval:
    if not total:
        return _undefined(name)
    limits = wilson_ci if interval == "wilson" else clopper_pearson_ci
    low, high = limits(count, total, conf_level=conf_level)
    return MetricInterval(
        name=name,
        estimate=count / total,
        conf_low=low,
        conf_high=high,
        count=count,
        total=total,
        method=PROPORTIONS[interval],
        note=None,
    )


def _undefined(name: str) -> MetricInterval:
    return MetricInterval(
        name=name,
        estimate=NAN,
        conf_low=NAN,
        conf_high=NAN,
        count=None,
        total=None,
        method="none",
        note=UNDEFINED[name],
    )
