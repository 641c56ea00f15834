"""The row of a paired bootstrap test: a normal statistic and a percentile interval of the difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from stats.resampling.draws import SamplingPlan
from stats.resampling.limits import percentile_limits
from stats.results import NAN, ComparisonResult, joined_notes
from stats.roc.pairs import ZERO_VARIANCE

IDENTICAL = "both have the same value in every bootstrap sample: statistic 0, p 1 by definition"
SAME = 1e-12  # bootstrap values of order 1 that spread less than this are one value


def paired_result(
    one: float,
    other: float,
    differences: NDArray[np.float64],
    *,
    analysis: str,
    metric: str,
    conf_level: float,
    labels: NDArray[np.bool_],
    plan: SamplingPlan,
    note: str | None = None,
) -> ComparisonResult:
    """Return the row of a paired bootstrap test from the differences of the samples, shape (B,)."""
    low, high = percentile_limits(differences, conf_level)
    estimate, spread = one - other, float(np.std(differences, ddof=1))
    statistic, rule = NAN, None
    if float(np.ptp(differences)) >= SAME:
        statistic = estimate / spread
    else:
        same = bool(np.abs(differences).max() < SAME and abs(estimate) < SAME)
        spread, statistic, rule = 0.0, 0.0 if same else NAN, IDENTICAL if same else ZERO_VARIANCE
    p_value = 2.0 * float(ndtr(-abs(statistic)))
    undefined = np.isnan(estimate) or rule == ZERO_VARIANCE
    return ComparisonResult(
        analysis=analysis,
        metric=metric,
        arm_a="a",
        arm_b="b",
        estimate_a=one,
        estimate_b=other,
        estimate=estimate,
        std_error=spread,
        statistic=statistic,
        p_value=p_value,
        p_adjusted=p_value,
        conf_low=NAN if undefined else float(low),
        conf_high=NAN if undefined else float(high),
        conf_level=conf_level,
        method=f"paired {plan.kind} bootstrap, {differences.size} samples: normal test, percentile interval",
        n=labels.size,
        n_positive=int(labels.sum()),
        n_groups=plan.n_groups,
        note=joined_notes(note, rule, plan.note),
    )
