"""DeLong's tests of K AUCs measured on the same images: all pairs and the global test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from stats.checks import ALTERNATIVES, check_choice, check_conf_level, checked_labels, checked_scores
from stats.results import ComparisonResult, joined_notes
from stats.roc.auc import auc_interval, auc_notes
from stats.roc.components import AucComponents, auc_components, clustered_components
from stats.roc.pairs import ZERO_VARIANCE, GlobalTest, PairTable, global_test, pair_table

PAIRED = "DeLong paired"
CLUSTERED = "Obuchowski clustered paired"
EQUAL = "the two AUCs are equal and the estimated variance of their difference is 0: statistic 0, p 1"
IDENTICAL = "the two curves are identical: statistic 0, p 1 by definition"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelongResult:
    """K AUCs with their covariance; the tests are asked from it.

    Attributes
    ----------
    names : the models, in the given order
    auc, std_error, conf_low, conf_high : float array, shape (K,)
    covariance : float array, shape (K, K)
    pairs : all pairs in the given order
    overall : test that all AUCs are equal
    notes : what a reader must know (direction, variance 0, few groups)
    """

    names: tuple[str, ...]
    auc: NDArray[np.float64]
    std_error: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    covariance: NDArray[np.float64]
    pairs: PairTable
    overall: GlobalTest
    conf_level: float
    n_positive: int
    n_negative: int
    n_groups: int | None
    method: str
    notes: tuple[str, ...]

    def pair_results(self) -> list[ComparisonResult]:
        """Return one row per pair, in the given order; what holds for all of them is left to the caller."""
        return [
            ComparisonResult(
                analysis="delong",
                comparison=f"{self.names[a]} - {self.names[b]}",
                metric="auc",
                arm_a=self.names[a],
                arm_b=self.names[b],
                estimate_a=float(self.auc[a]),
                estimate_b=float(self.auc[b]),
                estimate=float(self.pairs.difference[i]),
                std_error=float(self.pairs.std_error[i]),
                statistic=float(self.pairs.statistic[i]),
                df=float(self.pairs.df[i]),
                p_value=float(self.pairs.p_value[i]),
                p_adjusted=float(self.pairs.p_adjusted[i]),
                conf_low=float(self.pairs.conf_low[i]),
                conf_high=float(self.pairs.conf_high[i]),
                conf_level=self.conf_level,
                method=self.method,
                n=self.n_positive + self.n_negative,
                n_positive=self.n_positive,
                n_groups=self.n_groups,
            )
            for i, (a, b) in enumerate(zip(self.pairs.a, self.pairs.b, strict=True))
        ]

    def overall_result(self) -> ComparisonResult:
        """Return the row of the test that all AUCs are equal."""
        return ComparisonResult(
            analysis="delong",
            comparison="all AUCs equal",
            metric="auc",
            statistic=self.overall.statistic,
            df=float(self.overall.df),
            p_value=self.overall.p_value,
            conf_level=self.conf_level,
            method=f"{self.method}, global chi-square",
            n=self.n_positive + self.n_negative,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            note=self.overall.note,
        )


def delong(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    group: Sequence[Any] | None = None,
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> DelongResult:
    """Compare the AUCs of K models measured on the same images.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    scores : float array, shape (n, K)  larger means more positive; only ranks matter
    names : K model names
    group : patient of every image, length n; given, the clustered covariance of Obuchowski 1997 is used
    adjust : over all pairs, see `stats.multiplicity.adjust.adjust_p`

    Raises
    ------
    ValueError : lengths differ; a score is not finite; a class has fewer than 2 images (or groups)

    Notes
    -----
    Assumes independent images, or independent groups where `group` is given. Ties count one half.
    Identical curves give statistic 0 and p 1; a difference of variance 0 gives NaN and a note.
    Sources: DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837); Sun and Xu 2014.
    Checked against pROC 1.18 (tests/golden/delong.json).
    """
    check_conf_level(conf_level)
    labels = checked_labels(y_true, min_per_class=2)
    names = tuple(names) if names is not None else _default_names(scores)
    table = checked_scores(scores, n=labels.size, names=names)
    parts = auc_components(labels, table) if group is None else clustered_components(labels, table, group)
    covariance = parts.covariance()
    a, b = np.triu_indices(len(names), 1)
    variance = parts.pair_variance(covariance, a, b)
    pairs = pair_table(a, b, parts.difference(a, b), variance, adjust=adjust, conf_level=conf_level)
    method = PAIRED if group is None else CLUSTERED
    return delong_result(parts, covariance, pairs, names=names, conf_level=conf_level, method=method)


def delong_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    alternative: str = "two-sided",
) -> ComparisonResult:
    """Compare two correlated AUCs measured on the same images.

    Parameters
    ----------
    y_true : int array, shape (n,)               1 = positive class
    score_a, score_b : float array, shape (n,)   larger means more positive; only ranks matter
    alternative : "two-sided", "greater" (AUC a above AUC b) or "less"

    Returns
    -------
    ComparisonResult : estimate is AUC_a - AUC_b, unit AUC, range [-1, 1]

    Raises
    ------
    ValueError : lengths differ; a score is not finite; a class has fewer than 2 images

    Notes
    -----
    See `delong`. Checked against pROC `roc.test(paired = TRUE)` (tests/golden/delong.json).
    """
    check_choice("alternative", alternative, ALTERNATIVES)
    columns = [np.asarray(score_a, dtype=np.float64), np.asarray(score_b, dtype=np.float64)]
    for name, column in zip(("score_a", "score_b"), columns, strict=True):
        checked_scores(column, n=np.asarray(y_true).size, names=[name])
    fit = delong(y_true, np.column_stack(columns), names=["a", "b"], group=group, conf_level=conf_level)
    pair = fit.pairs
    difference, error = float(pair.difference[0]), float(pair.std_error[0])
    p_value, low, high = float(pair.p_value[0]), float(pair.conf_low[0]), float(pair.conf_high[0])
    if alternative != "two-sided":
        sign = 1.0 if alternative == "greater" else -1.0
        z = sign * float(pair.statistic[0])
        p_value = float(ndtr(-z))
        bound = difference - sign * float(ndtri(conf_level)) * error
        low, high = (bound, 1.0) if sign > 0 else (-1.0, bound)
    return ComparisonResult(
        analysis="delong",
        metric="auc",
        arm_a="a",
        arm_b="b",
        estimate_a=float(fit.auc[0]),
        estimate_b=float(fit.auc[1]),
        estimate=difference,
        std_error=error,
        statistic=float(pair.statistic[0]),
        p_value=p_value,
        p_adjusted=p_value,
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        alternative=alternative,
        method=fit.method,
        n=fit.n_positive + fit.n_negative,
        n_positive=fit.n_positive,
        n_groups=fit.n_groups,
        note=joined_notes(*fit.notes),
    )


def _default_names(scores: ArrayLike) -> tuple[str, ...]:
    table = np.asarray(scores)
    return tuple(f"model {i + 1}" for i in range(1 if table.ndim == 1 else table.shape[1]))


def delong_result(
    parts: AucComponents,
    covariance: NDArray[np.float64],
    pairs: PairTable,
    *,
    names: tuple[str, ...],
    conf_level: float,
    method: str,
) -> DelongResult:
    """Join the parts of a comparison into its result, with intervals, the global test and notes."""
    overall = global_test(parts)
    std_error = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    low, high = auc_interval(parts.auc, std_error, conf_level=conf_level)
    notes = auc_notes(names, parts.auc, std_error)
    for i in np.flatnonzero(np.isnan(pairs.statistic)):
        notes.append(f"{names[pairs.a[i]]} - {names[pairs.b[i]]}: {ZERO_VARIANCE}")
    for i in np.flatnonzero((pairs.std_error == 0.0) & (pairs.difference == 0.0)):
        why = IDENTICAL if parts.n_groups is None and parts.wins is not None else EQUAL
        notes.append(f"{names[pairs.a[i]]} - {names[pairs.b[i]]}: {why}")
    if overall.note:
        notes.append(overall.note)
    if parts.n_groups is not None and parts.n_groups < 30:
        notes.append(f"only {parts.n_groups} groups: the normal approximation is rough")
    return DelongResult(
        names=names,
        auc=parts.auc,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        covariance=covariance,
        pairs=pairs,
        overall=overall,
        conf_level=conf_level,
        n_positive=parts.n_positive,
        n_negative=parts.n_negative,
        n_groups=parts.n_groups,
        method=method,
        notes=tuple(notes),
    )
