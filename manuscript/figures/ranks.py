"""Ranks across metrics: whether the same levels come out ahead whichever metric judges the cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from plotnine import (
    aes,
    facet_grid,
    geom_point,
    ggplot,
    labs,
    position_dodge,
    scale_color_manual,
    scale_shape_manual,
    scale_y_reverse,
)

from manuscript.figures.cells import by_factor, left_out, slanted_labels, wide_legend
from manuscript.text import metric_label
from manuscript.theme import METRIC_COLOURS, METRIC_SHAPES, theme_study

RANKED = ("val_auc", "test_auc", "test_f1", "test_accuracy")


def mean_ranks(
    metrics: pd.DataFrame, factors: list[str], *, study: Mapping[str, Any], values: Mapping[str, str]
) -> pd.DataFrame:
    """Mean rank of the cells with each level, by each metric.

    Parameters
    ----------
    metrics : one row per done cell
    factors : columns whose levels are compared
    values : column of a metric and its name for people

    Returns
    -------
    task, factor, level, metric, mean_rank, n : rank 1 is the cell with the highest value among all cells of
        the task that have this metric; tied cells share their mean rank; n cells have the level
    """
    parts = []
    for column, label in values.items():
        ranks = metrics.groupby("task")[column].rank(ascending=False, method="average")
        long = by_factor(metrics.assign(rank=ranks), factors, study=study, arm="task", value="rank")
        grouped = long.groupby(["task", "factor", "level"], observed=True)["value"]
        parts.append(grouped.agg(mean_rank="mean", n="size").reset_index().assign(metric=label))
    frame = pd.concat(parts, ignore_index=True)
    frame["metric"] = pd.Categorical(frame["metric"], categories=list(values.values()))
    return frame


def rank_plot(
    metrics: pd.DataFrame, factors: list[str], *, study: Mapping[str, Any], failed: int = 0
) -> ggplot:
    """Mean rank of the cells with each level, a point per metric; one row of panels per task.

    Where the metrics agree the points of a level stand at one height, and the levels in one order. The
    metrics are those of `RANKED` that some cell has; cells without one, and failed cells, are counted below.
    """
    values = {name: metric_label(name) for name in RANKED if name in metrics and metrics[name].notna().any()}
    ranks = mean_ranks(metrics, factors, study=study, values=values)
    names = list(values.values())
    panels = [part["level"].unique() for _, part in ranks.groupby("factor", observed=True)]
    return (
        ggplot(ranks, aes("level", "mean_rank", color="metric", shape="metric"))
        + geom_point(position=position_dodge(0.5), size=2.2)
        + facet_grid("task ~ factor", scales="free", space="free_x")
        + scale_color_manual(values=dict(zip(names, METRIC_COLOURS, strict=False)))
        + scale_shape_manual(values=dict(zip(names, METRIC_SHAPES, strict=False)))
        + scale_y_reverse()
        + wide_legend(names)
        + labs(x="", y="Mean rank (top: highest)", color="", shape="")
        + labs(caption=left_out(metrics, values, failed=failed))
        + theme_study(height_mm=28 + 48 * metrics["task"].nunique())
        + slanted_labels(panels)
    )
