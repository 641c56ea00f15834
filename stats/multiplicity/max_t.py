"""Simultaneous tests of many differences of AUCs: single-step max-|z| from their joint distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from stats.checks import ALTERNATIVES, check_choice, check_conf_level, checked_labels, checked_scores
from stats.multiplicity.joint_normal import JointNormal
from stats.results import ComparisonResult, joined_notes, results_frame
from stats.roc.components import AucComponents, auc_components, clustered_components
from stats.roc.delong import IDENTICAL
from stats.roc.pairs import ZERO_VARIANCE

FloatArray = NDArray[np.float64]

MOST_COMPARISONS = 500  # their correlation matrix and the directions are held at once


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxTResult:
    """Differences of AUCs with simultaneous inference.

    Attributes
    ----------
    names : the models;  reference : the one all others are compared with, or None for all pairs
    auc : float array, shape (K,)
    a, b : int array, shape (r,)   models of each comparison, `difference` = AUC a - AUC b
    std_error, statistic, p_value : of each comparison alone
    p_adjusted : chance that the largest statistic of all r is as extreme;  p_error : its numerical
        standard error
    critical_value : quantile of the largest statistic at `conf_level`;  critical_error : its standard error
    conf_low, conf_high : simultaneous limits (-1 or 1 on the open side)
    rank : of the covariance of the differences (all pairs of K models: at most K - 1)
    """

    names: tuple[str, ...]
    reference: str | None
    auc: FloatArray
    a: NDArray[np.intp]
    b: NDArray[np.intp]
    difference: FloatArray
    std_error: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    p_adjusted: FloatArray
    p_error: FloatArray
    critical_value: float
    critical_error: float
    conf_low: FloatArray
    conf_high: FloatArray
    conf_level: float
    alternative: str
    rank: int
    method: str
    n: int
    n_positive: int
    n_groups: int | None
    notes: tuple[str, ...]

    def to_results(self) -> list[ComparisonResult]:
        """Return one row per comparison; all of them are one family."""
        family = "all pairs" if self.reference is None else f"against {self.reference}"
        return [
            ComparisonResult(
                analysis="max-t",
                family=family,
                metric="auc",
                arm_a=self.names[self.a[i]],
                arm_b=self.names[self.b[i]],
                estimate_a=float(self.auc[self.a[i]]),
                estimate_b=float(self.auc[self.b[i]]),
                estimate=float(self.difference[i]),
                std_error=float(self.std_error[i]),
                statistic=float(self.statistic[i]),
                p_value=float(self.p_value[i]),
                p_adjusted=float(self.p_adjusted[i]),
                conf_low=float(self.conf_low[i]),
                conf_high=float(self.conf_high[i]),
                conf_level=self.conf_level,
                alternative=self.alternative,
                method=self.method,
                n=self.n,
                n_positive=self.n_positive,
                n_groups=self.n_groups,
                note=joined_notes(*self.notes),
            )
            for i in range(self.a.size)
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per comparison in RESULT_COLUMNS."""
        return results_frame(self.to_results())


def max_t_test(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    reference: str | None = None,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    alternative: str = "two-sided",
    rng: np.random.Generator | None = None,
) -> MaxTResult:
    """Compare K AUCs on the same images, all pairs or each with a reference, with simultaneous intervals.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    scores : float array, shape (n, K)  larger means more positive
    reference : name of the model that all others are compared with (Dunnett's design); None: all pairs
        (Tukey's design)
    group : patient of every image; given, the clustered covariance of Obuchowski 1997 is used
    rng : scrambles the directions of the integration (rank 3 and more); None: a fixed seed, so that a run
        can be repeated

    Raises
    ------
    ValueError : fewer than 2 models, an unknown reference, more than 500 comparisons, and as `delong`

    Notes
    -----
    Single-step: p_adjusted is P(max |Z| >= |z|) for Z normal with the estimated correlation of the
    differences, singular ones included. Controls the family-wise error in large samples, and rejects at
    least what Sidak's adjustment rejects. Identical curves have p 1 and take no part in the maximum; a
    difference of variance 0 has NaN. Sources: Dunnett 1955; Hothorn, Bretz and Westfall 2008 (Biom J 50:346).
    Checked against R mvtnorm and multcomp (tests/golden/comparisons_more.json).
    """
    check_choice("alternative", alternative, ALTERNATIVES)
    check_conf_level(conf_level)
    labels = checked_labels(y_true, min_per_class=2)
    k = 1 if np.ndim(scores) == 1 else np.shape(scores)[1]
    names = tuple(names) if names is not None else tuple(f"model {i + 1}" for i in range(k))
    table = checked_scores(scores, n=labels.size, names=names)
    a, b = _comparisons(names, reference)
    parts = auc_components(labels, table) if group is None else clustered_components(labels, table, group)
    difference = parts.difference(a, b)
    std_error = np.sqrt(parts.pair_variance(parts.covariance(), a, b))
    tested = std_error > 0.0
    statistic = np.full(a.size, np.nan)
    statistic[tested] = difference[tested] / std_error[tested]
    statistic[~tested & (difference == 0.0)] = 0.0
    joint = _joint(parts, a[tested], b[tested], std_error[tested], rng)
    p_adjusted, p_error = np.where(np.isnan(statistic), np.nan, 1.0), np.zeros(a.size)
    p_adjusted[tested], p_error[tested] = joint.adjusted(statistic[tested], alternative)
    critical, critical_error = joint.critical(conf_level, alternative)
    half = np.where(np.isnan(statistic), np.nan, 0.0)
    half[tested] = critical * std_error[tested]
    tail = {"two-sided": 2.0 * ndtr(-np.abs(statistic)), "greater": ndtr(-statistic), "less": ndtr(statistic)}
    p_value = tail[alternative]
    p_value[~tested & (difference == 0.0)] = 1.0
    return MaxTResult(
        names=names,
        reference=reference,
        auc=parts.auc,
        a=a,
        b=b,
        difference=difference,
        std_error=std_error,
        statistic=statistic,
        p_value=p_value,
        p_adjusted=p_adjusted,
        p_error=p_error,
        critical_value=critical,
        critical_error=critical_error,
        conf_low=np.full(a.size, -1.0) if alternative == "less" else difference - half,
        conf_high=np.full(a.size, 1.0) if alternative == "greater" else difference + half,
        conf_level=conf_level,
        alternative=alternative,
        rank=joint.rank,
        method=f"single-step max-z, {'DeLong' if group is None else 'Obuchowski clustered'} covariance",
        n=labels.size,
        n_positive=parts.n_positive,
        n_groups=parts.n_groups,
        notes=_notes(names, a, b, statistic, tested, parts),
    )


def _comparisons(names: tuple[str, ...], reference: str | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    k = len(names)
    if k < 2:
        raise ValueError(f"{k} model came; a comparison needs at least 2.")
    if len(set(names)) < k:
        raise ValueError("`names` has a model twice; give each its own name.")
    if reference is None:
        a, b = np.triu_indices(k, 1)
    elif reference in names:
        place = names.index(reference)
        a = np.delete(np.arange(k), place)
        b = np.full(k - 1, place)
    else:
        raise ValueError(f"`reference` is {reference!r}; the models are {', '.join(map(repr, names))}.")
    if a.size > MOST_COMPARISONS:
        raise ValueError(
            f"{k} models make {a.size} comparisons; the joint distribution is worked out for at most "
            f"{MOST_COMPARISONS}. Give a `reference`, fewer models, or adjust with `adjust_p`."
        )
    return a, b


def _notes(names, a, b, statistic, tested, parts: AucComponents) -> tuple[str, ...]:
    notes = [f"{names[a[i]]} - {names[b[i]]}: {ZERO_VARIANCE}" for i in np.flatnonzero(np.isnan(statistic))]
    same = np.flatnonzero(~tested & (statistic == 0.0))
    notes += [f"{names[a[i]]} - {names[b[i]]}: {IDENTICAL}" for i in same]
    if parts.n_groups is not None and parts.n_groups < 30:
        notes.append(f"only {parts.n_groups} groups: the normal approximation is rough")
    return tuple(notes)


def _joint(
    parts: AucComponents,
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    std_error: FloatArray,
    rng: np.random.Generator | None,
) -> JointNormal:
    contrasts = np.zeros((a.size, parts.auc.size))
    contrasts[np.arange(a.size), a] = 1.0
    contrasts[np.arange(a.size), b] = -1.0
    return JointNormal.from_root(parts.weighted_blocks(contrasts / std_error[:, None]), rng)
