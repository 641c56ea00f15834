"""The result of a bootstrap: a number with its interval, and a test against 0 where it is a difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from stats.checks import ALTERNATIVES, check_choice, check_conf_level
from stats.resampling.draws import SamplingPlan
from stats.resampling.limits import INTERVALS, TIE, Draws, limits, limits_note, p_value
from stats.results import NAN, ComparisonResult, joined_notes

Floats = NDArray[np.float64]

P_VALUES = ("interval", "normal")
IDENTICAL = "both models have the same value in every bootstrap sample: p 1 by definition"
SIGNED_METRICS = ("mcc", "rank_correlation", "ssim")  # in [-1, 1]; every other metric is in [0, 1]
NO_TEST = "the difference is the same in every bootstrap sample and not 0: no test"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapResult:
    """A number with its bootstrap interval, and a test against 0 where it is a difference; unrounded.

    Attributes
    ----------
    estimate : of the data;  bias : mean of the replicates - estimate;  std_error : their standard deviation
    estimate_a, estimate_b, p_value, statistic : of a difference a - b, else NaN; `statistic` is
        estimate / std_error where the p-value is the normal one, else NaN
    bias_correction, acceleration : z0 and a of BCa
    n_resamples : samples drawn;  n_used : samples with a value
    replicates : float array, shape (n_used,)
    """

    metric: str
    estimate_a: float
    estimate_b: float
    estimate: float
    bias: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    conf_level: float
    alternative: str
    interval: str
    bias_correction: float
    acceleration: float
    n_resamples: int
    n_used: int
    n: int
    n_positive: int | None
    n_groups: int | None
    method: str
    note: str | None
    replicates: Floats = field(repr=False)

    def to_result(self) -> ComparisonResult:
        """Return the row as a ComparisonResult."""
        return ComparisonResult(
            analysis="bootstrap",
            metric=self.metric,
            arm_a=None if np.isnan(self.estimate_a) else "a",
            arm_b=None if np.isnan(self.estimate_b) else "b",
            estimate_a=self.estimate_a,
            estimate_b=self.estimate_b,
            estimate=self.estimate,
            std_error=self.std_error,
            statistic=self.statistic,
            p_value=self.p_value,
            p_adjusted=self.p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            alternative=self.alternative,
            method=self.method,
            n=self.n,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            note=self.note,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapOptions:
    """What is asked of the replicates; checked when made.

    Raises
    ------
    ValueError : an unknown interval, alternative or kind of p-value; a level outside (0, 1)
    """

    interval: str
    conf_level: float
    alternative: str = "two-sided"
    p_value: str = "interval"

    def __post_init__(self) -> None:
        check_choice("interval", self.interval, INTERVALS)
        check_choice("alternative", self.alternative, ALTERNATIVES)
        check_choice("p_value", self.p_value, P_VALUES)
        check_conf_level(self.conf_level)


def bootstrap_result(
    metric: str,
    estimates: Floats,
    replicates: Floats,
    influence: Floats,
    *,
    options: BootstrapOptions,
    plan: SamplingPlan,
    n_positive: int | None,
    notes: Sequence[str | None],
) -> BootstrapResult:
    """Return the result for one number, or for the difference of two.

    Parameters
    ----------
    estimates : float array, shape (1,) or (2,)
    replicates : float array, shape (B, 1) or (B, 2)   NaN where a sample has no value
    influence : float array, shape (n_units, 1) or (n_units, 2), see `Draws`
    """
    contrast = np.array([1.0, -1.0])[: estimates.size]
    paired = contrast.size == 2
    estimate, values = float(estimates @ contrast), replicates @ contrast
    kept = values[~np.isnan(values)]
    draws = Draws(estimate=estimate, replicates=kept, influence=influence @ contrast)
    usable = bool(np.isfinite(estimate)) and kept.size > 1
    low, high = _limits(draws, metric, options, paired) if usable else (NAN, NAN)
    statistic, p, test_note = _test(draws, options) if usable and paired else (NAN, NAN, None)
    lost = values.size - kept.size
    return BootstrapResult(
        metric=metric,
        estimate_a=float(estimates[0]) if paired else NAN,
        estimate_b=float(estimates[1]) if paired else NAN,
        estimate=estimate,
        bias=float(kept.mean()) - estimate if usable else NAN,
        std_error=_spread(draws) if usable else NAN,
        statistic=statistic,
        p_value=p,
        conf_low=low,
        conf_high=high,
        conf_level=options.conf_level,
        alternative=options.alternative,
        interval=options.interval,
        bias_correction=draws.bias_correction if usable else NAN,
        acceleration=draws.acceleration if usable else NAN,
        n_resamples=values.size,
        n_used=kept.size,
        n=plan.n,
        n_positive=n_positive,
        n_groups=plan.n_groups,
        method=_method(options, plan, values.size, paired),
        note=joined_notes(
            *notes,
            _limits_note(draws, options, paired) if usable else f"{metric} has no value here: no interval",
            test_note,
            f"{lost} of {values.size} bootstrap samples have no value and were left out" if lost else None,
            plan.note,
        ),
        replicates=kept,
    )


def _limits(draws: Draws, metric: str, options: BootstrapOptions, paired: bool) -> tuple[float, float]:
    """Limits inside the range of the metric, which is also the open side of a one-sided interval."""
    low, high = limits(
        draws, interval=options.interval, conf_level=options.conf_level, alternative=options.alternative
    )
    signed = metric in SIGNED_METRICS
    top = 2.0 if paired and signed else 1.0
    bottom = -top if paired or signed else 0.0
    return float(np.clip(low, bottom, top)), float(np.clip(high, bottom, top))


def _limits_note(draws: Draws, options: BootstrapOptions, paired: bool) -> str | None:
    if paired and draws.flat and abs(draws.estimate) <= TIE:
        return None  # the note of the test says it
    return limits_note(
        draws, interval=options.interval, conf_level=options.conf_level, alternative=options.alternative
    )


def _spread(draws: Draws) -> float:
    return 0.0 if draws.flat else float(draws.replicates.std(ddof=1))


def _test(draws: Draws, options: BootstrapOptions) -> tuple[float, float, str | None]:
    """Statistic, p-value and note of the test against 0."""
    if draws.flat:
        same = abs(draws.estimate) <= TIE
        statistic = 0.0 if same and options.p_value == "normal" else NAN
        return statistic, 1.0 if same else NAN, IDENTICAL if same else NO_TEST
    if options.p_value == "interval":
        return NAN, p_value(draws, interval=options.interval, alternative=options.alternative), None
    z = draws.estimate / _spread(draws)
    tails = {"greater": float(ndtr(-z)), "less": float(ndtr(z)), "two-sided": 2.0 * float(ndtr(-abs(z)))}
    return z, tails[options.alternative], None


def _method(options: BootstrapOptions, plan: SamplingPlan, n_resamples: int, paired: bool) -> str:
    name = "BCa" if options.interval == "bca" else options.interval
    test = ""
    if paired:
        test = ", normal test" if options.p_value == "normal" else f", p from the {name} interval"
    samples = f"{plan.kind} bootstrap, {n_resamples} samples"
    return f"{'paired ' if paired else ''}{samples}, {name} interval{test}"
