"""Reliability in bins: observed rates, the expected calibration error, and its test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from stats.calibration.bins import (
    BinTable,
    assigned_bins,
    bin_means,
    checked_inputs,
    ece_and_bias,
    wilson_limits,
)
from stats.calibration.probabilities import (
    BLOCK_CELLS,
    Codes,
    FloatArray,
    check_bootstrap,
    few_groups_note,
)
from stats.checks import check_choice, check_conf_level
from stats.resampling.limits import percentile_limits
from stats.results import NAN, ComparisonResult, joined_notes

BINNED = ("quantile", "width")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBins:
    """Bins [low, high) of the probability (the last one closed) that hold images, arrays of length K.

    `observed` = share of positives with Wilson's interval, `mean_prob` = mean probability, `count` = images.
    """

    low: FloatArray
    high: FloatArray
    count: FloatArray
    mean_prob: FloatArray
    observed: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    conf_level: float
    n: int
    n_groups: int | None
    method: str
    note: str | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row per bin."""
        names = ("low", "high", "count", "mean_prob", "observed", "conf_low", "conf_high")
        frame = pd.DataFrame({name: getattr(self, name) for name in names})
        return frame.astype({"count": np.int64})


@dataclass(frozen=True, slots=True, kw_only=True)
class EceResult:
    """Expected calibration error over bins, unrounded.

    Attributes
    ----------
    ece : sum over bins of share * |mean probability - observed rate|; too large in expectation
    ece_debiased : `ece` minus its estimated bias; may fall below 0 where the model is calibrated
    conf_low, conf_high : bootstrap interval around `ece_debiased`, see `expected_calibration_error`
    p_value : of the hypothesis that the model is calibrated in these bins
    """

    ece: float
    ece_debiased: float
    conf_low: float
    conf_high: float
    p_value: float
    conf_level: float
    n_bins: int
    n_resamples: int
    n: int
    n_positive: int
    n_groups: int | None
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row as a ComparisonResult: estimate is the debiased error, statistic the plain one."""
        return ComparisonResult(
            analysis="calibration",
            metric="ece",
            estimate=self.ece_debiased,
            statistic=self.ece,
            p_value=self.p_value,
            p_adjusted=self.p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            alternative="greater",
            method=self.method,
            n=self.n,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            note=self.note,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


def reliability_bins(
    y_true: ArrayLike,
    prob: ArrayLike,
    *,
    bins: str = "quantile",
    n_bins: int = 10,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> ReliabilityBins:
    """Return the reliability curve in bins, with Wilson's interval for every observed rate.

    Parameters
    ----------
    y_true : int array, shape (n,)    1 = positive class; one class alone is refused
    prob : float array, shape (n,)    probability of the positive class
    bins : "quantile" (about equal counts) or "width" (equal parts of [0, 1])
    n_bins : bins asked for; equal probabilities are never split and empty bins are left out
    group : patient of every image; given, Wilson's interval uses the effective number of images

    Raises
    ------
    ValueError : one class only; a probability outside [0, 1]; fewer than 1 bin; lengths differ

    Notes
    -----
    Quantiles are R's type 7. With groups, n becomes rate (1 - rate) / clustered variance, at most n; for
    rates of 0 and 1 it is the number of groups in the bin. Source: Wilson 1927; Dean and Pagano 2015
    (J Surv Stat Methodol 3:484), effective n.
    """
    check_conf_level(conf_level)
    check_choice("bins", bins, BINNED)
    y, p, codes, n_groups = checked_inputs(y_true, prob, group)
    bin_of, edges, bin_note = assigned_bins(p, bins, n_bins)
    count, mean_prob, observed = bin_means(y, p, bin_of)
    size = count
    if codes is not None:
        labels = BinTable.of(y, np.zeros_like(p), bin_of, count.size, codes, n_groups)
        robust = labels.variance()
        inside = (observed > 0.0) & (observed < 1.0) & (robust > 0.0)
        effective = observed * (1.0 - observed) / np.where(inside, robust, 1.0)
        size = np.where(inside, np.minimum(effective, count), (labels.units_count > 0).sum(axis=0))
    low, high = wilson_limits(observed, size, conf_level=conf_level)
    return ReliabilityBins(
        low=edges[:, 0],
        high=edges[:, 1],
        count=count,
        mean_prob=mean_prob,
        observed=observed,
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        n=y.size,
        n_groups=n_groups,
        method=f"{bins} bins, Wilson interval" + ("" if group is None else " with the effective n of groups"),
        note=joined_notes(bin_note, few_groups_note(n_groups)),
    )


def expected_calibration_error(
    y_true: ArrayLike,
    prob: ArrayLike,
    *,
    bins: str = "quantile",
    n_bins: int = 10,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: np.random.Generator,
) -> EceResult:
    """Return the expected calibration error (ECE), its debiased form, an interval and a test of calibration.

    Parameters
    ----------
    y_true, prob, bins, n_bins, group : as in `reliability_bins`
    n_resamples : bootstrap samples for the interval, and simulated label sets for the test
    rng : used for these

    Raises
    ------
    ValueError : as `reliability_bins`; fewer than 99 resamples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    ECE is positive even for a calibrated model, the more so the fewer images per bin. The debiased form takes
    off the bias under normal errors of the bins' mean residuals, E|N(d, s)| - |d| (Kumar, Liang and Ma 2019,
    NeurIPS; here as the mean of the folded normal, not by simulation, and with s from the residuals prob - y,
    which is their binomial s where a bin holds one probability). A bootstrap sample has the bias twice, so
    the percentile interval of ECE never reaches 0: for a calibrated model it always misses. Here: percentiles
    of the debiased error of bootstrap samples, shifted down by the bias of the images, bins kept; the lower
    limit is 0 where the test does not reject. The test draws labels from `prob` (Broecker and Smith 2007,
    Weather Forecast 22:651); with groups, which make labels dependent, it uses the bootstrap of the bins'
    residuals about their means.
    """
    check_conf_level(conf_level)
    check_bootstrap(n_resamples, rng)
    check_choice("bins", bins, BINNED)
    y, p, codes, n_groups = checked_inputs(y_true, prob, group)
    bin_of, edges, bin_note = assigned_bins(p, bins, n_bins)
    table = BinTable.of(y, p, bin_of, edges.shape[0], codes, n_groups)
    ece, bias = ece_and_bias(table.residual, table.variance(), table.count)
    replicates, null = table.bootstrap(n_resamples, rng)
    if codes is None:
        null = _simulated_null(p, bin_of, table.count, n_resamples, rng)
    tie = 1e-12  # equal errors differ in the last bits
    p_value = (float((null >= ece - tie).sum()) + 1.0) / (n_resamples + 1.0)
    low, high = (float(limit) for limit in percentile_limits(replicates - bias, conf_level))
    single = table.single
    if single:
        low = high = bias = NAN
    return EceResult(
        ece=float(ece),
        ece_debiased=float(ece - bias),
        conf_low=0.0 if p_value > 1.0 - conf_level and not single else float(np.clip(low, 0.0, 1.0)),
        conf_high=float(np.clip(high, 0.0, 1.0)),
        p_value=p_value,
        conf_level=conf_level,
        n_bins=edges.shape[0],
        n_resamples=n_resamples,
        n=y.size,
        n_positive=int(y.sum()),
        n_groups=n_groups,
        method=f"{bins} bins, debiased (Kumar 2019), bootstrap of {'images' if codes is None else 'groups'}; "
        + ("test by labels drawn from `prob`" if codes is None else "test by centred bootstrap"),
        note=joined_notes(
            bin_note,
            f"{single} bins hold a single image or group: no bias estimate, no interval" if single else None,
            few_groups_note(n_groups),
        ),
    )


def _simulated_null(
    p: FloatArray, bin_of: Codes, count: FloatArray, n_resamples: int, rng: np.random.Generator
) -> FloatArray:
    """ECE of label sets drawn from the probabilities, shape (B,)."""
    member = np.zeros((p.size, count.size))
    member[np.arange(p.size), bin_of] = 1.0
    expected, errors, done = p @ member, [], 0
    while done < n_resamples:
        rows = min(n_resamples - done, max(1, BLOCK_CELLS // p.size))
        drawn = (rng.random((rows, p.size)) < p).astype(np.float64) @ member
        errors.append(np.abs(expected - drawn).sum(axis=1) / p.size)
        done += rows
    return np.concatenate(errors)
