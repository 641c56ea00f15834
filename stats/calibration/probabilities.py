"""What the methods on probabilities share: checks, sums and means over patients, bootstrap counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stats.checks import checked_scores

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

FEW_GROUPS = 30
BLOCK_CELLS = 2_000_000  # counts held at once


def checked_probabilities(prob: ArrayLike, *, n: int, names: Sequence[str]) -> FloatArray:
    """Return probabilities as float64, shape (n, K).

    Raises
    ------
    ValueError : as `checked_scores`; a value outside [0, 1] (first rows named)
    """
    table = checked_scores(prob, n=n, names=names)
    outside = (table < 0.0) | (table > 1.0)
    if outside.any():
        column = int(np.flatnonzero(outside.any(axis=0))[0])
        rows = np.flatnonzero(outside[:, column])
        first = ", ".join(f"{row + 1}: {table[row, column]:g}" for row in rows[:3])
        raise ValueError(
            f"`{names[column]}` has {rows.size} value{'s' if rows.size > 1 else ''} outside [0, 1] "
            f"(row {first}{', ...' if rows.size > 3 else ''}); give probabilities of the positive class."
        )
    return table


def checked_groups(group: Sequence[Any] | None, n: int) -> tuple[Codes | None, int | None]:
    """Return the group of every image as codes from 0, shape (n,), and their number; (None, None) without.

    Raises
    ------
    ValueError : another length than the labels; a missing group; fewer than 2 groups
    """
    if group is None:
        return None, None
    values = np.asarray(group, dtype=object)
    if values.shape != (n,):
        raise ValueError(f"`group` has shape {values.shape}; give one group for each of the {n} images.")
    codes, levels = pd.factorize(values)
    missing = np.flatnonzero(codes < 0)
    if missing.size:
        rows = ", ".join(str(row + 1) for row in missing[:3])
        raise ValueError(
            f"`group` is missing in {missing.size} rows (row {rows}); every image needs its group."
        )
    if len(levels) < 2:
        raise ValueError(
            "`group` has one group only; groups are the independent units, at least 2 are needed."
        )
    return codes.astype(np.intp), len(levels)


def group_sums(values: FloatArray, codes: Codes, n_groups: int) -> FloatArray:
    """Return the sum of values (n, k) within each group, shape (n_groups, k)."""
    return np.column_stack([np.bincount(codes, weights=column, minlength=n_groups) for column in values.T])


def few_groups_note(n_groups: int | None) -> str | None:
    """Return what a reader must know about standard errors from few groups."""
    if n_groups is None or n_groups >= FEW_GROUPS:
        return None
    return f"only {n_groups} groups: cluster-robust standard errors are rough"


def mean_std_error(values: FloatArray, codes: Codes | None, n_groups: int | None) -> tuple[float, float]:
    """Return the standard error of the mean of values (n,), and its degrees of freedom.

    Images as independent units: sd / sqrt(n), n - 1 df. Groups: the sums of the centred values within each
    group as independent units, sqrt(G / (G - 1) * sum of squares) / n, G - 1 df; with one image per group
    both are the same. NaN for one image.
    """
    n = values.size
    if codes is None or n_groups is None:
        codes, n_groups = np.arange(n), n
    if n_groups < 2:
        return float("nan"), float("nan")
    sums = group_sums((values - values.mean())[:, None], codes, n_groups)
    return float(np.sqrt((sums**2).sum() * n_groups / (n_groups - 1))) / n, n_groups - 1.0


def check_bootstrap(n_resamples: int, rng: np.random.Generator) -> None:
    """Raise unless there are at least 99 resamples and `rng` is a numpy Generator."""
    if n_resamples < 99:
        raise ValueError(f"`n_resamples` is {n_resamples}; give at least 99, 2000 are usual.")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"`rng` must be a numpy Generator (np.random.default_rng(seed)), got {type(rng).__name__}."
        )


def bootstrap_counts(n_units: int, n_resamples: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield blocks of rows: how often each unit is drawn in one bootstrap sample, shape (rows, n_units)."""
    done = 0
    while done < n_resamples:
        rows = min(n_resamples - done, max(1, BLOCK_CELLS // n_units))
        drawn = rng.integers(0, n_units, size=(rows, n_units))
        drawn += np.arange(rows)[:, None] * n_units
        yield np.bincount(drawn.ravel(), minlength=rows * n_units).reshape(rows, n_units).astype(np.float64)
        done += rows
