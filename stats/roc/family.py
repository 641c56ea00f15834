"""A family of comparisons of AUCs on the same images: which pairs, and how their p-values are adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import check_choice
from stats.multiplicity.adjust import ADJUSTMENTS, adjust_p
from stats.multiplicity.max_t import MaxTResult, max_t_test
from stats.results import ComparisonResult, joined_notes
from stats.roc.delong import DelongResult, delong

AUC_ADJUSTMENTS = (*ADJUSTMENTS, "max-t")


@dataclass(frozen=True, slots=True, kw_only=True)
class AucFamily:
    """K AUCs and the comparisons of one family.

    Attributes
    ----------
    fit : AUCs, covariance, global test; its own pairs are not adjusted
    results : one row per comparison, `p_adjusted` over these rows; intervals are of each comparison alone
    max_t : critical value and simultaneous intervals of the same rows, where the adjustment is "max-t"
    """

    fit: DelongResult
    results: tuple[ComparisonResult, ...]
    max_t: MaxTResult | None


def auc_family(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    names: Sequence[str],
    group: Sequence[Any] | None = None,
    adjust: str = "holm",
    reference: str | None = None,
    conf_level: float = 0.95,
) -> AucFamily:
    """Compare K AUCs, all pairs or each with a reference, adjusted over exactly these comparisons.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    scores : float array, shape (n, K)  larger means more positive
    group : patient of every image; given, the clustered covariance of Obuchowski 1997 is used
    adjust : one of AUC_ADJUSTMENTS; "max-t" uses the joint distribution of the differences
    reference : model that all others are compared with (other - reference); None: all pairs (a - b)

    Raises
    ------
    ValueError : as `delong` and, for "max-t", `max_t_test`; an unknown reference
    """
    check_choice("adjust", adjust, AUC_ADJUSTMENTS)
    if reference is not None and reference not in names:
        raise ValueError(f"`reference` is {reference!r}; the models are {', '.join(map(repr, names))}.")
    fit = delong(y_true, scores, names=names, group=group, adjust="none", conf_level=conf_level)
    rows = fit.pair_results()
    if reference is not None:
        rows = [_against(row, reference) for row in rows if reference in (row.arm_a, row.arm_b)]
    if adjust != "max-t" or len(names) < 2:
        method = "none" if adjust == "max-t" else adjust
        adjusted = adjust_p([row.p_value for row in rows], method)
        joint = None
    else:
        joint = max_t_test(
            y_true, scores, names=names, reference=reference, group=group, conf_level=conf_level
        )
        adjusted = joint.p_adjusted
    results = tuple(replace(row, p_adjusted=float(p)) for row, p in zip(rows, adjusted, strict=True))
    return AucFamily(fit=fit, results=results if joint is None else _with_joint(results, joint), max_t=joint)


def _with_joint(results: Sequence[ComparisonResult], joint: MaxTResult) -> tuple[ComparisonResult, ...]:
    """The rows with their simultaneous interval in words: the columns hold the interval of each alone."""
    limits = zip(joint.conf_low, joint.conf_high, strict=True)
    return tuple(
        replace(row, note=joined_notes(row.note, _simultaneous(low, high, joint.conf_level)))
        for row, (low, high) in zip(results, limits, strict=True)
    )


def _simultaneous(low: float, high: float, level: float) -> str | None:
    if np.isnan(low):
        return None
    return f"simultaneous {100 * level:g}% interval {low:.4f} to {high:.4f} (max-t)"


def _against(row: ComparisonResult, reference: str) -> ComparisonResult:
    """The row as other - reference; the mirror image where the reference stands first."""
    if row.arm_b == reference:
        return row
    return replace(
        row,
        comparison=f"{row.arm_b} - {row.arm_a}",
        arm_a=row.arm_b,
        arm_b=row.arm_a,
        estimate_a=row.estimate_b,
        estimate_b=row.estimate_a,
        estimate=-row.estimate,
        statistic=-row.statistic,
        conf_low=-row.conf_high,
        conf_high=-row.conf_low,
    )
