"""Comparisons made from AUCs and their covariance: all pairs, and the test that all are equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from stats.multiplicity.adjust import adjust_p
from stats.roc.components import AucComponents

ZERO_VARIANCE = "the difference has an estimated variance of 0 though it is not 0: no test"
_NEAR_RANK = 1e-9  # eigenvalues below this share of the largest are sought again without squaring
_RANK_TOLERANCE = 1e-13  # singular values below this share of the largest are rounding
_ONE_PAIR = 0.1  # share of one ordered pair of images, the smallest difference that two AUCs can have


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTable:
    """All pairs (a before b) of K models: arrays of length K(K-1)/2; `difference` = AUC a - AUC b."""

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    difference: NDArray[np.float64]
    std_error: NDArray[np.float64]
    statistic: NDArray[np.float64]
    df: NDArray[np.float64]
    p_value: NDArray[np.float64]
    p_adjusted: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalTest:
    """Chi-square test that all AUCs are equal; `df` is the rank of the differences' covariance."""

    statistic: float
    df: int
    p_value: float
    note: str | None = None


def pair_table(
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    difference: NDArray[np.float64],
    variance: NDArray[np.float64],
    *,
    adjust: str,
    conf_level: float,
    df: NDArray[np.float64] | None = None,
) -> PairTable:
    """Return the tests of the differences of models a and b from their variances.

    Normal tests, or Student's t where `df` is given. Equal values of variance 0 give statistic 0 and p 1;
    a difference of variance 0 gives NaN.
    """
    std_error = np.sqrt(np.maximum(variance, 0.0))
    positive = std_error > 0.0
    statistic = np.full(a.size, np.nan)
    statistic[positive] = difference[positive] / std_error[positive]
    statistic[~positive & (difference == 0.0)] = 0.0
    if df is None:
        df = np.full(a.size, np.nan)
        p_value = 2.0 * ndtr(-np.abs(statistic))
        quantile = np.full(a.size, ndtri(0.5 + conf_level / 2.0))
    else:
        df = np.where(positive, df, np.nan)
        p_value = np.where(statistic == 0.0, 1.0, 2.0 * stdtr(df, -np.abs(statistic)))
        quantile = np.where(positive, stdtrit(df, 0.5 + conf_level / 2.0), 0.0)
    half = np.where(np.isnan(statistic), np.nan, quantile * std_error)
    return PairTable(
        a=a,
        b=b,
        difference=difference,
        std_error=std_error,
        statistic=statistic,
        df=df,
        p_value=p_value,
        p_adjusted=adjust_p(p_value, adjust),
        conf_low=difference - half,
        conf_high=difference + half,
    )


def global_test(parts: AucComponents) -> GlobalTest:
    """Return the chi-square test that all AUCs are equal; models that repeat lower its df."""
    k = parts.auc.size
    if k < 2:
        return GlobalTest(statistic=float("nan"), df=0, p_value=float("nan"))
    contrasts = np.column_stack([np.ones(k - 1), -np.eye(k - 1)])
    d = parts.difference(np.zeros(k - 1, dtype=np.intp), np.arange(1, k))
    values, vectors = np.linalg.eigh(parts.contrast_covariance(contrasts))
    if values[0] <= _NEAR_RANK * max(values[-1], 0.0):
        # squaring hides small directions: the singular values of the placements show them
        triangle = np.linalg.qr(parts.weighted_blocks(contrasts), mode="r")
        _, singular, rows = np.linalg.svd(triangle, full_matrices=True)
        singular = np.concatenate([singular, np.zeros(k - 1 - singular.size)])
        singular[singular <= _RANK_TOLERANCE * singular[0]] = 0.0
        values, vectors = singular**2, rows.T
    kept = values > 0.0
    rank = int(kept.sum())
    along = vectors.T @ d
    outside = float(np.abs(along[~kept]).max(initial=0.0))
    if outside > _ONE_PAIR / (float(parts.n_positive) * parts.n_negative):
        return GlobalTest(
            statistic=float("nan"), df=rank, p_value=float("nan"), note=f"global: {ZERO_VARIANCE}"
        )
    statistic = float((along[kept] ** 2 / values[kept]).sum())
    return GlobalTest(statistic=statistic, df=rank, p_value=float(chdtrc(rank, statistic)) if rank else 1.0)
