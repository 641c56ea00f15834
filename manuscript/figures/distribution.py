"""Box and points: a metric of every cell for each level of each factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from plotnine import (
    aes,
    facet_grid,
    geom_boxplot,
    geom_point,
    ggplot,
    labs,
    position_dodge,
    position_jitterdodge,
    scale_color_manual,
    scale_fill_manual,
    scale_shape_manual,
)

from manuscript.figures.cells import by_factor, left_out, point_size, slanted_labels, wide_legend
from manuscript.grid import level_order
from manuscript.text import factor_name
from manuscript.theme import arm_look, theme_study

BOX_FROM = 5  # cells; fewer are shown as points alone


def factor_distribution(
    metrics: pd.DataFrame,
    factors: list[str],
    *,
    study: Mapping[str, Any],
    arm: str,
    value: str = "test_auc",
    label: str = "AUC on test",
    failed: int = 0,
) -> ggplot:
    """Box and points of a metric for each level of each factor, coloured by arm, one row per task.

    Cells that do not use a factor are left out of its panel; cells without the metric and failed cells are
    counted below the panels. The box (from `BOX_FROM` cells on) shows quartiles and median, its whiskers
    reach to the last cell within 1.5 times the interquartile range.
    """
    long = by_factor(metrics, factors, study=study, arm=arm, value=value)
    arms = level_order(study, arm, metrics[arm])
    colours, shapes = arm_look(arms)
    n_tasks = metrics["task"].nunique()
    dodge = 0.75
    per_box = long.groupby(["task", "factor", "level", "arm"], observed=True)["value"].transform("size")
    name = factor_name(arm)
    panels = [part["level"].unique() for _, part in long.groupby("factor", observed=True)]
    return (
        ggplot(long, aes("level", "value", color="arm", fill="arm", shape="arm"))
        + geom_boxplot(
            data=long[per_box >= BOX_FROM],
            position=position_dodge(dodge),
            width=0.6,
            alpha=0.15,
            outlier_shape="",
            size=0.4,
        )
        + geom_point(
            position=position_jitterdodge(jitter_width=0.18, dodge_width=dodge, random_state=0),
            size=point_size(len(metrics)),
            alpha=0.75,
        )
        + facet_grid("task ~ factor", scales="free_x", space="free_x")
        + scale_color_manual(values=colours, drop=False)
        + scale_fill_manual(values=colours, drop=False)
        + scale_shape_manual(values=shapes, drop=False)
        + wide_legend(arms, ("color", "fill", "shape"), title=name)
        + labs(x="", y=label, color=name, fill=name, shape=name)
        + labs(caption=left_out(metrics, {value: label}, arm=arm, failed=failed))
        + theme_study(height_mm=28 + 48 * n_tasks)
        + slanted_labels(panels)
    )
