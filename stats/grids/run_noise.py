"""How far runs of the same settings lie apart: the noise against which a difference of two runs stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

from stats.checks import check_conf_level, checked_sample

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNoise:
    """Spread of runs that repeat each other, unrounded.

    Attributes
    ----------
    std_dev : of a single run;  conf_low, conf_high : its chi-square limits at `conf_level`
    df : degrees of freedom of the variance
    n_sets, n_runs : sets of two runs or more, and the runs in them
    largest_gap : largest difference within a set
    """

    std_dev: float
    conf_low: float
    conf_high: float
    conf_level: float
    df: int
    n_sets: int
    n_runs: int
    largest_gap: float

    @property
    def difference_std_dev(self) -> float:
        """Standard deviation of the difference of two single runs of equal worth."""
        return float(np.sqrt(2.0) * self.std_dev)


def run_noise(values: ArrayLike, sets: Sequence[Any], *, conf_level: float = 0.95) -> RunNoise:
    """Return the pooled standard deviation within sets of runs, such as the seeds of one setting.

    Parameters
    ----------
    values : float array, shape (n,)   a metric of every run
    sets : what the runs of one set share, shape (n,); a set of one run says nothing and is left out

    Raises
    ------
    ValueError : lengths differ; a value that is not finite; no set with two runs

    Notes
    -----
    The variance is the sum of squares within sets over (runs - sets), its limits those of a chi-square
    distribution: runs are taken as normal with one variance. Checked against R (tests/golden/grids.json).
    """
    check_conf_level(conf_level)
    x = checked_sample("values", values)
    if len(sets) != x.size:
        raise ValueError(f"{x.size} values came with {len(sets)} sets; give the set of every run.")
    members: dict[Any, list[int]] = {}
    for i, name in enumerate(sets):
        members.setdefault(name, []).append(i)
    repeated = [x[rows] for rows in members.values() if len(rows) > 1]
    if not repeated:
        raise ValueError("No set has two runs, so their spread is not known; train with two seeds or more.")
    squares = sum(float(np.square(part - part.mean()).sum()) for part in repeated)
    n_runs = sum(part.size for part in repeated)
    return _noise(
        squares,
        df=n_runs - len(repeated),
        n_sets=len(repeated),
        n_runs=n_runs,
        largest_gap=max(float(np.ptp(part)) for part in repeated),
        conf_level=conf_level,
    )


def paired_run_noise(first: ArrayLike, second: ArrayLike, *, conf_level: float = 0.95) -> RunNoise:
    """Return the standard deviation of a run from pairs that differ in one thing only.

    What this thing adds on average is taken out: the variance of the differences is halved.

    Raises
    ------
    ValueError : fewer than two pairs; lengths differ; a value that is not finite
    """
    check_conf_level(conf_level)
    a, b = checked_sample("first", first), checked_sample("second", second)
    if a.size != b.size or a.size < 2:
        raise ValueError(f"{a.size} and {b.size} values came; give two pairs or more, matched by position.")
    d = a - b
    return _noise(
        float(np.square(d - d.mean()).sum()) / 2.0,
        df=a.size - 1,
        n_sets=a.size,
        n_runs=2 * a.size,
        largest_gap=float(np.abs(d).max()),
        conf_level=conf_level,
    )


def _noise(
    squares: float, *, df: int, n_sets: int, n_runs: int, largest_gap: float, conf_level: float
) -> RunNoise:
    tail = (1.0 - conf_level) / 2.0
    return RunNoise(
        std_dev=float(np.sqrt(squares / df)),
        conf_low=float(np.sqrt(squares / chdtri(df, tail))),
        conf_high=float(np.sqrt(squares / chdtri(df, 1.0 - tail))),
        conf_level=conf_level,
        df=df,
        n_sets=n_sets,
        n_runs=n_runs,
        largest_gap=largest_gap,
    )
