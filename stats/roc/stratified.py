"""Mean AUCs over strata (folds) with DeLong's tests: scores need not compare between strata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import check_conf_level
from stats.results import ComparisonResult
from stats.roc.auc import auc_interval
from stats.roc.delong import EQUAL, DelongResult, delong
from stats.roc.pairs import ZERO_VARIANCE, PairTable, pair_table

STRATIFIED = "DeLong paired, mean over strata"
STRATIFIED_CLUSTERED = "Obuchowski clustered paired, mean over strata"


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedAuc:
    """Mean AUCs over strata with the comparisons of all pairs.

    Attributes
    ----------
    auc, std_error, conf_low, conf_high : float array, shape (K,)   mean over strata
    by_stratum : float array, shape (S, K)   AUC in every stratum, strata sorted
    strata : the S strata, sorted
    results : one row per pair in the given order; estimates are mean AUCs, n counts all images
    """

    names: tuple[str, ...]
    auc: NDArray[np.float64]
    std_error: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]
    by_stratum: NDArray[np.float64]
    strata: tuple[Any, ...]
    results: tuple[ComparisonResult, ...]
    method: str


def stratified_delong(
    y_true: ArrayLike,
    scores: ArrayLike,
    stratum: Sequence[Any],
    *,
    names: Sequence[str],
    group: Sequence[Any] | None = None,
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> StratifiedAuc:
    """Compare the mean AUCs over strata of K models measured on the same images.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    scores : float array, shape (n, K)  larger means more positive; compared within a stratum only
    stratum : length n; for cross-validation the fold in which an image was tested
    names : K model names
    group : patient of every image, never in two strata; given, the clustered covariance of Obuchowski 1997
    adjust : over all pairs, see `stats.multiplicity.adjust.adjust_p`

    Raises
    ------
    ValueError : lengths differ; a stratum with fewer than 2 images (or groups) of a class; a group in two
        strata; a score that is not finite

    Notes
    -----
    The mean of the S AUCs has the covariance sum(C_s) / S^2, with C_s the covariance of DeLong within a
    stratum: strata hold different images, and given the models they are independent. Each stratum has the
    same weight, as in the usual mean of a cross-validation. With one stratum this is DeLong's test.
    In a cross-validation it speaks of the trained models of the folds; that their training sets overlap is
    a part of the variance of the recipe, not of these models.
    """
    check_conf_level(conf_level)
    labels, table, where = np.asarray(y_true), np.asarray(scores, dtype=np.float64), np.asarray(stratum)
    if where.shape != (labels.size,):
        raise ValueError(f"`stratum` has {where.size} values for {labels.size} images; give one per image.")
    strata = tuple(np.unique(where).tolist())
    _check_groups(group, where)
    fits = [_fit(labels, table, where == s, s, tuple(names), group, conf_level) for s in strata]
    n = len(fits)
    auc = np.mean([fit.auc for fit in fits], axis=0)
    std_error = np.sqrt(np.sum([fit.std_error**2 for fit in fits], axis=0)) / n
    first = fits[0].pairs
    pairs = pair_table(
        first.a,
        first.b,
        np.mean([fit.pairs.difference for fit in fits], axis=0),
        np.sum([fit.pairs.std_error**2 for fit in fits], axis=0) / n**2,
        adjust=adjust,
        conf_level=conf_level,
    )
    low, high = auc_interval(auc, std_error, conf_level=conf_level)
    shared: dict[str, Any] = {
        "conf_level": conf_level,
        "method": STRATIFIED if group is None else STRATIFIED_CLUSTERED,
        "n": sum(fit.n_positive + fit.n_negative for fit in fits),
        "n_positive": sum(fit.n_positive for fit in fits),
        "n_groups": None if group is None else len(set(group)),
    }
    return StratifiedAuc(
        names=tuple(names),
        auc=auc,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        by_stratum=np.array([fit.auc for fit in fits]),
        strata=strata,
        results=tuple(_row(tuple(names), auc, pairs, i, shared) for i in range(pairs.a.size)),
        method=str(shared["method"]),
    )


def _row(
    names: tuple[str, ...], auc: NDArray[np.float64], pairs: PairTable, i: int, shared: dict[str, Any]
) -> ComparisonResult:
    a, b = int(pairs.a[i]), int(pairs.b[i])
    note = None
    if np.isnan(pairs.statistic[i]):
        note = ZERO_VARIANCE
    elif pairs.std_error[i] == 0.0:
        note = EQUAL
    return ComparisonResult(
        **shared,
        analysis="delong",
        comparison=f"{names[a]} - {names[b]}",
        metric="auc",
        arm_a=names[a],
        arm_b=names[b],
        estimate_a=float(auc[a]),
        estimate_b=float(auc[b]),
        estimate=float(pairs.difference[i]),
        std_error=float(pairs.std_error[i]),
        statistic=float(pairs.statistic[i]),
        df=float(pairs.df[i]),
        p_value=float(pairs.p_value[i]),
        p_adjusted=float(pairs.p_adjusted[i]),
        conf_low=float(pairs.conf_low[i]),
        conf_high=float(pairs.conf_high[i]),
        note=note,
    )


def _fit(
    labels: NDArray[Any],
    table: NDArray[np.float64],
    own: NDArray[np.bool_],
    name: Any,
    names: tuple[str, ...],
    group: Sequence[Any] | None,
    conf_level: float,
) -> DelongResult:
    patients = None if group is None else [g for g, here in zip(group, own, strict=True) if here]
    try:
        return delong(
            labels[own], table[own], names=names, group=patients, adjust="none", conf_level=conf_level
        )
    except ValueError as error:
        raise ValueError(f"Stratum {name!r}: {error}") from error


def _check_groups(group: Sequence[Any] | None, where: NDArray[Any]) -> None:
    if group is None:
        return
    if len(group) != where.size:
        raise ValueError(f"`group` has {len(group)} values for {where.size} images; give one per image.")
    known: dict[Any, Any] = {}
    for patient, stratum in zip(group, where.tolist(), strict=True):
        if known.setdefault(patient, stratum) != stratum:
            raise ValueError(
                f"The group {patient!r} is in the strata {known[patient]!r} and {stratum!r}; strata are "
                "independent only where each group is in one of them. Divide the folds by group."
            )
