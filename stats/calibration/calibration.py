"""Logistic calibration of predicted probabilities: calibration-in-the-large, slope and intercept.

The model is logit P(positive) = intercept + slope * logit(probability) (Cox 1958). A calibrated model has
intercept 0 and slope 1; a slope below 1 means probabilities that are too extreme. Calibration-in-the-large is
the intercept with the slope fixed at 1: above 0 means that positives were more frequent than predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc, expit, fdtrc, ndtr, ndtri, stdtr, stdtrit

from stats.calibration.logistic_recalibration import fit_in_the_large, intercept_and_slope, log_likelihood
from stats.calibration.probabilities import (
    FloatArray,
    checked_groups,
    checked_probabilities,
    few_groups_note,
)
from stats.checks import check_conf_level, checked_labels, checked_scores
from stats.results import NAN, ComparisonResult, joined_notes, results_frame

LOGIT_AGREEMENT = 1e-5  # largest gap between a probability and that of its logit: float32 rounding, not more
MODEL_BASED = "logistic recalibration, maximum likelihood"
CLUSTERED = "logistic recalibration, cluster-robust sandwich (G / (G - 1)), t with G - 1 df"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTerm:
    """One coefficient: `null` is its value in a calibrated model, which `statistic` and `p_value` test."""

    name: str
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    null: float
    statistic: float
    df: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationResult:
    """Logistic calibration of one model, unrounded.

    Attributes
    ----------
    in_the_large : intercept with the slope fixed at 1, unit log-odds
    intercept, slope : of the joint fit;  covariance : of these two, shape (2, 2)
    joint_statistic, joint_df, joint_p : test of intercept 0 and slope 1 together: likelihood-ratio
        chi-square, or with groups Wald's F with `joint_df` = (2, G - 1)
    observed_rate, mean_probability : share of positives, and what the model predicted on average
    n_certain : images with a probability of exactly 0 or 1 for which no logit was given
    """

    in_the_large: CalibrationTerm
    intercept: CalibrationTerm
    slope: CalibrationTerm
    covariance: FloatArray
    joint_statistic: float
    joint_df: tuple[float, float]
    joint_p: float
    observed_rate: float
    mean_probability: float
    n_certain: int
    conf_level: float
    n: int
    n_positive: int
    n_groups: int | None
    method: str
    note: str | None

    def to_results(self) -> list[ComparisonResult]:
        """Return one row per coefficient; the p-value tests its value in a calibrated model."""
        return [
            ComparisonResult(
                analysis="calibration",
                metric=term.name,
                estimate=term.estimate,
                std_error=term.std_error,
                statistic=term.statistic,
                df=term.df,
                p_value=term.p_value,
                p_adjusted=term.p_value,
                conf_low=term.conf_low,
                conf_high=term.conf_high,
                conf_level=self.conf_level,
                method=f"{self.method}; test against {term.null:g}",
                n=self.n,
                n_positive=self.n_positive,
                n_groups=self.n_groups,
                note=self.note,
            )
            for term in (self.in_the_large, self.intercept, self.slope)
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return three rows in RESULT_COLUMNS."""
        return results_frame(self.to_results())


def calibration(
    y_true: ArrayLike,
    prob: ArrayLike,
    *,
    logit: ArrayLike | None = None,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> CalibrationResult:
    """Return calibration-in-the-large, calibration slope and intercept with intervals.

    Parameters
    ----------
    y_true : int array, shape (n,)    1 = positive class
    prob : float array, shape (n,)    probability of the positive class
    logit : float array, shape (n,)   log-odds as the model gave them: they keep what `prob` rounds to 0 or 1
    group : patient of every image; given, the standard errors are cluster-robust

    Raises
    ------
    ValueError : one class only; a probability outside [0, 1]; lengths differ; `logit` contradicts `prob`

    Notes
    -----
    Assumes independent images, or independent groups where `group` is given.
    Nothing is clipped. A probability of exactly 0 or 1 without a logit has infinite log-odds: where it is
    right, its likelihood is 1 for every positive slope, so it leaves the fit; where it is wrong, every
    positive slope has likelihood 0 and the coefficients are NaN. Where the classes do not overlap in `prob`,
    the slope is infinite: slope and intercept are NaN. Each case is said in a note.
    Without groups the error of calibration-in-the-large is model-based, as is usual, and supposes slope 1;
    with every image as a group of its own it is robust to another slope.
    Sources: Cox 1958 (Biometrika 45:562); Van Calster et al. 2019 (BMC Med 17:230). Checked against R `glm`,
    `sandwich::vcovCL` and `rms::val.prob` (tests/golden/calibration.json).
    """
    check_conf_level(conf_level)
    labels = checked_labels(y_true)
    p = checked_probabilities(prob, n=labels.size, names=["prob"])[:, 0]
    codes, n_groups = checked_groups(group, labels.size)
    y = labels.astype(np.float64)
    x = _log_odds(p, logit)
    certain = np.isinf(x)
    wrong = int((certain & ((x > 0) != labels)).sum())
    x, y_used = x[~certain], y[~certain]
    codes_used = None if codes is None else codes[~certain]
    large, large_error, large_note = fit_in_the_large(x, y_used, codes_used, n_groups)
    beta, covariance, slope_note = intercept_and_slope(
        x, y_used, codes_used, n_groups, certain=bool(certain.any())
    )
    if wrong:
        large = large_error = NAN
        beta, covariance = np.full(2, NAN), np.full((2, 2), NAN)
        large_note = slope_note = None
    statistic, df, p_joint = _joint_test(x, y_used, beta, covariance, n_groups)
    errors = np.sqrt(np.diagonal(covariance))

    def term(name: str, estimate: float, error: float, null: float) -> CalibrationTerm:
        return _term(name, estimate, error, null=null, n_groups=n_groups, conf_level=conf_level)

    return CalibrationResult(
        in_the_large=term("calibration_in_the_large", large, large_error, 0.0),
        intercept=term("calibration_intercept", float(beta[0]), float(errors[0]), 0.0),
        slope=term("calibration_slope", float(beta[1]), float(errors[1]), 1.0),
        covariance=covariance,
        joint_statistic=statistic,
        joint_df=df,
        joint_p=p_joint,
        observed_rate=float(y.mean()),
        mean_probability=float(p.mean()),
        n_certain=int(certain.sum()),
        conf_level=conf_level,
        n=labels.size,
        n_positive=int(labels.sum()),
        n_groups=n_groups,
        method=MODEL_BASED if group is None else CLUSTERED,
        note=joined_notes(
            _certain_note(int(certain.sum()), wrong), large_note, slope_note, few_groups_note(n_groups)
        ),
    )


def _log_odds(p: FloatArray, logit: ArrayLike | None) -> FloatArray:
    if logit is None:
        with np.errstate(divide="ignore"):
            return np.log(p) - np.log1p(-p)
    x = checked_scores(logit, n=p.size, names=["logit"])[:, 0]
    apart = np.flatnonzero(np.abs(expit(x) - p) > LOGIT_AGREEMENT)
    if apart.size:
        row = apart[0]
        raise ValueError(
            f"`logit` contradicts `prob` in {apart.size} rows (row {row + 1}: logit {x[row]:g} is "
            f"probability {expit(x[row]):g}, `prob` is {p[row]:g}); give the log-odds of these probabilities."
        )
    return x


def _joint_test(
    x: FloatArray, y: FloatArray, beta: FloatArray, covariance: FloatArray, n_groups: int | None
) -> tuple[float, tuple[float, float], float]:
    """Test of intercept 0 and slope 1: likelihood ratio, or Wald's F where errors are cluster-robust."""
    df = (2.0, NAN if n_groups is None else n_groups - 1.0)
    if np.isnan(beta).any():
        return NAN, df, NAN
    if n_groups is None:
        ratio = 2.0 * (log_likelihood(beta[0] + beta[1] * x, y) - log_likelihood(x, y))
        return max(ratio, 0.0), df, float(chdtrc(2, max(ratio, 0.0)))
    if n_groups < 3 or np.linalg.matrix_rank(covariance) < 2:
        return NAN, df, NAN
    gap = beta - np.array([0.0, 1.0])
    statistic = float(gap @ np.linalg.solve(covariance, gap)) / 2.0
    return statistic, df, float(fdtrc(df[0], df[1], statistic))


def _term(
    name: str, estimate: float, error: float, *, null: float, n_groups: int | None, conf_level: float
) -> CalibrationTerm:
    """Wald interval and test: normal, or t with G - 1 df for groups."""
    df = NAN if n_groups is None else n_groups - 1.0
    level = 0.5 + conf_level / 2.0
    half = (float(ndtri(level)) if n_groups is None else float(stdtrit(df, level))) * error
    statistic = (estimate - null) / error if error > 0.0 else NAN
    tail = ndtr(-abs(statistic)) if n_groups is None else stdtr(df, -abs(statistic))
    return CalibrationTerm(
        name=name,
        estimate=estimate,
        std_error=error,
        conf_low=estimate - half,
        conf_high=estimate + half,
        null=null,
        statistic=statistic,
        df=df,
        p_value=2.0 * float(tail),
    )


def _certain_note(n_certain: int, n_wrong: int) -> str | None:
    if n_wrong:
        return (
            f"{n_wrong} images have a probability of exactly 0 or 1 and are wrong: no finite coefficients "
            "explain that; give `logit` if the probabilities were rounded"
        )
    if n_certain:
        return f"{n_certain} images have a probability of exactly 0 or 1 and are right: no information"
    return None
