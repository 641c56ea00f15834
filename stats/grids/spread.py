"""Do groups of values scatter alike? Brown and Forsythe's test, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import fdtrc

from stats.checks import checked_sample
from stats.levels import levels
from stats.results import NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadTest:
    """Brown and Forsythe's test of equal variances.

    Attributes
    ----------
    levels : names of the groups with two values or more;  n, std_dev : per level
    statistic, df1, df2, p_value : F test; NaN where fewer than two groups have two values, or nothing varies
    """

    levels: tuple[str, ...]
    n: tuple[int, ...]
    std_dev: tuple[float, ...]
    statistic: float
    df1: int
    df2: int
    p_value: float

    @property
    def ratio(self) -> float:
        """Largest over smallest standard deviation; infinite where one is 0."""
        low, high = min(self.std_dev, default=NAN), max(self.std_dev, default=NAN)
        return high / low if low > 0 else (float("inf") if high > 0 else NAN)


def spread_test(values: ArrayLike, groups: Sequence[Any]) -> SpreadTest:
    """Test whether the values of all groups have one variance.

    Parameters
    ----------
    values : float array, shape (n,)   residuals, for the question whether a model's errors are alike
    groups : level of every value, shape (n,); groups of one value are left out

    Raises
    ------
    ValueError : lengths differ; a value that is not finite

    Notes
    -----
    Analysis of variance of the distances from each group's median: Brown and Forsythe 1974 (J Am Stat Assoc
    69:364). Residuals of one fit are slightly dependent, which the test leaves out. Checked against R
    (tests/golden/grids.json).
    """
    x = checked_sample("values", values)
    if len(groups) != x.size:
        raise ValueError(f"{x.size} values came with {len(groups)} groups; give the group of every value.")
    coded = levels(pd.Series(list(groups), dtype=object))
    parts = {name: x[coded.codes == i] for i, name in enumerate(coded.names)}
    parts = {name: part for name, part in parts.items() if part.size > 1}
    sizes = tuple(part.size for part in parts.values())
    k, n = len(parts), sum(sizes)
    statistic = p_value = NAN
    distances = [np.abs(part - np.median(part)) for part in parts.values()]
    if k > 1 and n > k:
        whole = np.concatenate(distances)
        between = sum(d.size * (d.mean() - whole.mean()) ** 2 for d in distances) / (k - 1)
        within = sum(float(np.square(d - d.mean()).sum()) for d in distances) / (n - k)
        if within > 0.0:
            statistic = float(between / within)
            p_value = float(fdtrc(k - 1, n - k, statistic))
    return SpreadTest(
        levels=tuple(parts),
        n=sizes,
        std_dev=tuple(float(np.std(part, ddof=1)) for part in parts.values()),
        statistic=statistic,
        df1=max(k - 1, 0),
        df2=max(n - k, 0),
        p_value=p_value,
    )
