"""Bins of probabilities: their limits, and sums per image or patient for variances and bootstrap samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from stats.calibration.probabilities import (
    Codes,
    FloatArray,
    bootstrap_counts,
    checked_groups,
    checked_probabilities,
    group_sums,
)
from stats.checks import check_choice, checked_labels

BINNINGS = ("quantile", "width", "distinct")


def assigned_bins(p: FloatArray, bins: str, n_bins: int) -> tuple[Codes, FloatArray, str | None]:
    """Return bin of every image, (n,), limits of the filled bins, (K, 2), and a note if some are empty.

    Raises
    ------
    ValueError : fewer than 1 bin; another word than those of BINNINGS
    """
    check_choice("bins", bins, BINNINGS)
    if bins == "distinct":
        values, codes = np.unique(p, return_inverse=True)
        return codes.astype(np.intp), np.column_stack([values, values]), None
    if n_bins < 1:
        raise ValueError(f"`n_bins` is {n_bins}; give at least 1.")
    grid = np.arange(n_bins + 1) / n_bins
    edges = grid if bins == "width" else np.unique(np.quantile(p, grid))
    codes = np.searchsorted(edges[1:-1], p, side="right")
    used, codes = np.unique(codes, return_inverse=True)
    ends = edges if edges.size > 1 else np.repeat(edges, 2)
    note = f"{used.size} of {n_bins} bins hold images" if used.size < n_bins else None
    return codes.astype(np.intp), np.column_stack([ends[used], ends[used + 1]]), note


def bin_means(y: FloatArray, p: FloatArray, bin_of: Codes) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return images, mean probability and share of positives per bin, (K,) each."""
    count = np.bincount(bin_of).astype(np.float64)
    return count, np.bincount(bin_of, weights=p) / count, np.bincount(bin_of, weights=y) / count


@dataclass(frozen=True, slots=True, kw_only=True)
class BinTable:
    """Sums per unit (image or group) and bin, shape (U, K), and means per bin, shape (K,).

    Attributes
    ----------
    units_count, units_residual : images, and their residuals prob - y added up
    count, residual : images, and their mean residual
    """

    units_count: FloatArray
    units_residual: FloatArray
    count: FloatArray
    residual: FloatArray

    @classmethod
    def of(
        cls, y: FloatArray, p: FloatArray, bin_of: Codes, k: int, codes: Codes | None, n_groups: int | None
    ) -> BinTable:
        """Return the table of images (codes None) or groups, for k bins."""
        member = np.zeros((y.size, k))
        member[np.arange(y.size), bin_of] = 1.0
        residual = member * (p - y)[:, None]
        count = member.sum(axis=0)
        if codes is not None and n_groups is not None:
            units = group_sums(member, codes, n_groups), group_sums(residual, codes, n_groups)
        else:
            units = member, residual
        return cls(
            units_count=units[0],
            units_residual=units[1],
            count=count,
            residual=residual.sum(axis=0) / count,
        )

    @property
    def single(self) -> int:
        """Bins that hold one unit only: their variance cannot be estimated."""
        return int(((self.units_count > 0).sum(axis=0) < 2).sum())

    def variance(self) -> FloatArray:
        """Return the variance of every bin's mean residual, (K,), from the units with images in it."""
        return weighted_variance(self, np.ones((1, self.units_count.shape[0])))[2][0]

    def bootstrap(self, n_resamples: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return (B,) debiased errors of bootstrap samples, and plain ones about the bins' mean residuals."""
        debiased, centred = [], []
        for weights in bootstrap_counts(self.units_count.shape[0], n_resamples, rng):
            count, residual, variance = weighted_variance(self, weights)
            ece, bias = ece_and_bias(residual, variance, count)
            debiased.append(ece - bias)
            centred.append(ece_and_bias(residual - self.residual, variance, count)[0])
        return np.concatenate(debiased), np.concatenate(centred)


def weighted_variance(table: BinTable, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return images, mean residual and its variance per row of weights and bin, (B, K) each; 0 if empty."""
    units, sums = table.units_count, table.units_residual
    count = weights @ units
    filled = np.maximum(count, 1.0)
    residual = weights @ sums / filled
    squares = weights @ (sums * sums) - 2.0 * residual * (weights @ (sums * units))
    squares = np.maximum(squares + residual**2 * (weights @ (units * units)), 0.0)
    present = weights @ (units > 0.0)
    correction = np.where(present > 1.0, present / np.maximum(present - 1.0, 1.0), 1.0)
    return count, residual, squares * correction / filled**2


def ece_and_bias(residual: FloatArray, variance: FloatArray, count: FloatArray) -> tuple[Any, Any]:
    """Return ECE and its bias E|N(d, s)| - |d| summed over bins; arrays (..., K) to (...)."""
    share = count / count.sum(axis=-1, keepdims=True)
    size, s = np.abs(residual), np.sqrt(variance)
    ratio = size / np.where(s > 0.0, s, 1.0)
    folded = s * np.sqrt(2.0 / np.pi) * np.exp(-(ratio**2) / 2.0) - 2.0 * size * ndtr(-ratio)
    return (share * size).sum(axis=-1), (share * np.where(s > 0.0, folded, 0.0)).sum(axis=-1)


def wilson_limits(rate: FloatArray, n: FloatArray, *, conf_level: float) -> tuple[FloatArray, FloatArray]:
    """Return Wilson's limits of rates of n images each; n need not be whole."""
    z = float(ndtri(0.5 + conf_level / 2.0))
    centre = (rate + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * np.sqrt(rate * (1.0 - rate) / n + z * z / (4.0 * n * n))
    return np.where(rate <= 0.0, 0.0, centre - half), np.where(rate >= 1.0, 1.0, centre + half)


def checked_inputs(
    y_true: ArrayLike, prob: ArrayLike, group: Sequence[Any] | None
) -> tuple[FloatArray, FloatArray, Codes | None, int | None]:
    """Return checked labels and probabilities as floats, (n,) each, and groups as codes with their number."""
    labels = checked_labels(y_true)
    p = checked_probabilities(prob, n=labels.size, names=["prob"])[:, 0]
    return labels.astype(np.float64), p, *checked_groups(group, labels.size)
