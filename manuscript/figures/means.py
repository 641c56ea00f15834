"""Means of cells with intervals, and the interaction of a contrast with another factor drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_line,
    geom_linerange,
    geom_point,
    ggplot,
    labs,
    position_dodge,
    position_jitterdodge,
    scale_color_manual,
    scale_linetype_manual,
    scale_shape_manual,
)
from scipy import stats

from manuscript.figures.cells import by_factor, left_out, point_size, slanted_labels, wide_legend
from manuscript.grid import level_order
from manuscript.text import factor_name
from manuscript.theme import LINES, arm_look, theme_study

_DODGE = 0.5


def cell_means(cells: pd.DataFrame, keys: Sequence[str], *, conf_level: float = 0.95) -> pd.DataFrame:
    """Mean of `value` over the rows of each combination of `keys`, with Student's t interval.

    Returns
    -------
    keys, mean, conf_low, conf_high, n : limits within [0, 1], where all metrics lie; NaN for fewer than two
    cells

    Notes
    -----
    The interval treats the cells as a sample of settings. Cells of one task share their test images, so that
    it says how far cells differ, not how far the mean may be from that on other images.
    """
    grouped = cells.groupby(list(keys), observed=True, sort=True)["value"]
    means = grouped.agg(mean="mean", sd="std", n="size").reset_index()
    half = (
        stats.t.isf((1 - conf_level) / 2, np.maximum(means["n"] - 1, 1)) * means["sd"] / np.sqrt(means["n"])
    )
    half = half.where(means["n"] > 1)
    low, high = (means["mean"] - half).clip(lower=0.0), (means["mean"] + half).clip(upper=1.0)
    return means.drop(columns="sd").assign(conf_low=low, conf_high=high)


def interaction_plot(
    metrics: pd.DataFrame,
    other: str,
    *,
    study: Mapping[str, Any],
    contrast: str,
    value: str = "test_auc",
    label: str = "AUC on test",
    conf_level: float = 0.95,
    failed: int = 0,
) -> ggplot:
    """Mean of a metric for each arm within each level of another factor, one panel per task.

    Lines that are not parallel show an interaction. Small points are cells, bars the t intervals of
    `cell_means`. What is left out, and how many cells a mean has, stand below.
    """
    long = by_factor(metrics, [other], study=study, arm=contrast, value=value)
    means = cell_means(long, ["task", "level", "arm"], conf_level=conf_level)
    arms = level_order(study, contrast, metrics[contrast])
    n_tasks = metrics["task"].nunique()
    columns = min(3, max(n_tasks, 1))
    width = min(175, 60 + 60 * columns)
    caption = [cells_per_mean(means), left_out(metrics, {value: label}, arm=contrast, failed=failed)]
    return (
        ggplot(means, aes("level", "mean", color="arm", shape="arm", linetype="arm"))
        + mean_layers(long, means, arms, title=factor_name(contrast), width_mm=width)
        + facet_wrap("task", ncol=columns)
        + labs(x=factor_name(other), y=label, caption=" ".join(caption).strip())
        + theme_study(width_mm=width, height_mm=32 + 58 * -(-n_tasks // columns))
        + slanted_labels([long["level"].unique()] * columns, width_mm=width)
    )


def mean_layers(
    cells: pd.DataFrame, means: pd.DataFrame, arms: Sequence[str], *, title: str, width_mm: float
) -> list[Any]:
    """Layers on a plot of `cell_means`: the cells as small points, means with bars, joined by arm.

    Parameters
    ----------
    cells : level, value, arm, and the columns of the facets
    means : the data of the plot
    arms : the order of colours, shapes and lines
    title : of the legend
    """
    colours, shapes = arm_look(arms)
    lines = {arm: LINES[i % len(LINES)] for i, arm in enumerate(arms)}
    beside = position_dodge(_DODGE)
    panel_and_arm = [name for name in ("measure", "task", "arm") if name in means]
    # A line needs two levels.
    joined = means[means.duplicated(panel_and_arm, keep=False)]
    return [
        geom_point(
            aes("level", "value", color="arm", shape="arm"),
            data=cells,
            inherit_aes=False,
            position=position_jitterdodge(jitter_width=0.12, dodge_width=_DODGE, random_state=0),
            size=0.7 * point_size(len(cells)),
            alpha=0.35,
            show_legend=False,
        ),
        geom_line(aes(group="arm"), data=joined, position=beside, size=0.6),
        geom_linerange(
            aes(ymin="conf_low", ymax="conf_high"),
            position=beside,
            linetype="solid",
            na_rm=True,
            show_legend=False,
        ),
        geom_point(position=beside, size=2.4),
        scale_color_manual(values=colours, drop=False),
        scale_shape_manual(values=shapes, drop=False),
        scale_linetype_manual(values=lines, drop=False),
        wide_legend(arms, ("color", "shape", "linetype"), title=title, width_mm=width_mm),
        labs(color=title, shape=title, linetype=title),
    ]


def cells_per_mean(means: pd.DataFrame) -> str:
    """`22 cells per mean.` or `11 to 22 cells per mean.`."""
    if means.empty:
        return ""
    fewest, most = int(means["n"].min()), int(means["n"].max())
    return f"{fewest if fewest == most else f'{fewest} to {most}'} cell{'s' if most > 1 else ''} per mean."
