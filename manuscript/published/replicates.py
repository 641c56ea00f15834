"""Runs of the published grid that differ in a factor without effect: how far equal runs lie apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stats.grids.run_noise import paired_run_noise
from stats.ranks.sign_flip import sign_flip_test

INERT = "fcsizeratio"
INERT_HEADS = ("Conv", "ConvSkip")
ACTIVE_HEADS = ("NonLinear",)
REPLICATE_COLUMNS = (
    *("heads", "task", "n", "sd_of_a_run", "largest_gap"),
    *("mean_difference", "conf_low", "conf_high", "p_value"),
)
_DESIGN = ["task", "backbone", "pretrain", "clf", "numfilters", "lrdecay"]
_LEVELS = (0.5, 1.0)


def replicate_pairs(grid: pd.DataFrame, *, heads: tuple[str, ...] = INERT_HEADS) -> pd.DataFrame:
    """Return the pairs of runs that differ in the FC ratio alone, test AUC at 0.5 and at 1.0.

    Parameters
    ----------
    grid : `data.published_grid.load_published_grid()`
    heads : heads to pair; those of the paper's code that ignore the FC ratio are INERT_HEADS

    Returns
    -------
    frame indexed by the other factors, with one column per ratio
    """
    cells = grid[grid["clf"].isin(heads)]
    return cells.pivot(index=_DESIGN, columns=INERT, values="test_auc")[list(_LEVELS)]


def replicates(grid: pd.DataFrame) -> pd.DataFrame:
    """Return how far paired runs lie apart, in REPLICATE_COLUMNS: inert heads, each task, then NonLinear.

    Notes
    -----
    The paper's code builds `Conv` and `ConvSkip` without their FC ratio, so that two runs that differ in it
    repeat each other. `sd_of_a_run` is the standard deviation of the differences over the square root of 2.
    The mean difference (1.0 minus 0.5) has the interval and p-value of the permutation test of matched pairs:
    a factor without effect gives 0.
    """
    inert = replicate_pairs(grid)
    tasks = inert.index.get_level_values("task")
    rows = [_row(inert, heads=INERT_HEADS, task=None)]
    rows += [_row(inert[tasks == task], heads=INERT_HEADS, task=task) for task in sorted(set(tasks))]
    rows.append(_row(replicate_pairs(grid, heads=ACTIVE_HEADS), heads=ACTIVE_HEADS, task=None))
    return pd.DataFrame(rows, columns=list(REPLICATE_COLUMNS))


def _row(pairs: pd.DataFrame, *, heads: tuple[str, ...], task: str | None) -> dict[str, object]:
    low, high = (pairs[level].to_numpy() for level in _LEVELS)
    test, noise = sign_flip_test(high, low, rng=np.random.default_rng(0)), paired_run_noise(high, low)
    return {
        "heads": ", ".join(heads),
        "task": task,
        "n": len(pairs),
        "sd_of_a_run": noise.std_dev,
        "largest_gap": noise.largest_gap,
        "mean_difference": test.mean_difference,
        "conf_low": test.conf_low,
        "conf_high": test.conf_high,
        "p_value": test.p_value,
    }
