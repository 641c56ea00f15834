"""Levels of a factor that behave as repeats: matched cells whose mean gap is shown to be small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from stats.checks import check_conf_level
from stats.grids.run_noise import RunNoise, paired_run_noise
from stats.levels import level_names, levels

FEW_PAIRS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelGap:
    """Two levels of a factor over cells that differ in it alone.

    Attributes
    ----------
    factor, low, high : the factor and its levels
    mean_difference : high - low;  conf_low, conf_high : t interval at `conf_level` = 1 - 2 alpha
    noise : spread of the pairs, read as repeats
    """

    factor: str
    low: str
    high: str
    mean_difference: float
    conf_low: float
    conf_high: float
    conf_level: float
    noise: RunNoise

    def within(self, margin: float) -> bool:
        """Whether two one-sided tests show a mean gap smaller than `margin` either way."""
        return -margin < self.conf_low and self.conf_high < margin


def matched_levels(cells: pd.DataFrame, factor: str, match: Sequence[str], value: str) -> pd.DataFrame:
    """Return the values of cells that differ in `factor` alone, one column per level, missing as NaN.

    Raises
    ------
    ValueError : several cells with the same settings
    """
    used = cells[cells[factor].notna() & cells[value].notna()]
    frame = pd.DataFrame({name: level_names(used[name]).fillna("") for name in match}, index=used.index)
    frame = frame.assign(level=level_names(used[factor]), value=used[value].astype(float))
    keys = [*match, "level"]
    if frame.duplicated(keys).any():
        raise ValueError(
            f"Several cells have the same {', '.join(keys[:-1])} and {factor}, so they cannot be matched; "
            "name what tells them apart."
        )
    names = list(levels(used[factor]).names)
    if not match:
        return frame.set_index("level")["value"].to_frame().T.reindex(columns=names)
    return frame.pivot(index=list(match), columns="level", values="value").reindex(columns=names)


def level_gaps(
    cells: pd.DataFrame, factor: str, match: Sequence[str], value: str, *, conf_level: float = 0.9
) -> list[LevelGap]:
    """Return the gaps of all pairs of levels that have FEW_PAIRS matched cells or more.

    Parameters
    ----------
    match : every other column in which cells differ
    conf_level : 1 - 2 alpha of the two one-sided tests
    """
    check_conf_level(conf_level)
    table = matched_levels(cells, factor, match, value)
    found = []
    for low, high in combinations(table.columns, 2):
        both = table[[low, high]].dropna()
        if len(both) < FEW_PAIRS:
            continue
        d = (both[high] - both[low]).to_numpy()
        half = float(stdtrit(d.size - 1, (1.0 + conf_level) / 2.0) * np.std(d, ddof=1) / np.sqrt(d.size))
        found.append(
            LevelGap(
                factor=factor,
                low=str(low),
                high=str(high),
                mean_difference=float(d.mean()),
                conf_low=float(d.mean()) - half,
                conf_high=float(d.mean()) + half,
                conf_level=conf_level,
                noise=paired_run_noise(both[high], both[low]),
            )
        )
    return found
