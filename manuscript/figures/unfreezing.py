"""The unfreezing curve: a metric over the number of layer groups that are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from plotnine import aes, facet_grid, ggplot, labs, theme

from manuscript.figures.cells import by_factor, left_out, slanted_labels
from manuscript.figures.means import cell_means, cells_per_mean, mean_layers
from manuscript.grid import level_order
from manuscript.text import factor_name, metric_label
from manuscript.theme import WIDTH_MM, theme_study

FACTOR = "unfreeze"
_ONE = "all cells"


def unfreezing_order(levels: Sequence[str]) -> list[str]:
    """Levels by the number of trained layer groups: numbers by value, then words ("all")."""
    return sorted(levels, key=lambda level: (0, int(level), "") if level.isdigit() else (1, 0, level))


def unfreezing_curve(
    metrics: pd.DataFrame,
    *,
    study: Mapping[str, Any],
    contrast: str | None,
    values: Sequence[str] = ("val_auc", "test_auc"),
    conf_level: float = 0.95,
    failed: int = 0,
) -> ggplot:
    """Mean of metrics over the unfrozen layer groups, a line per arm; a panel per task and metric.

    Small points are cells, bars the t intervals of `cell_means`. Without a contrast, or where the contrast
    is the unfreezing itself, there is one line.
    """
    shown = [name for name in values if name in metrics and metrics[name].notna().any()]
    named = contrast is not None and contrast != FACTOR
    cells = metrics if named else metrics.assign(arm=_ONE)
    arm = contrast if named and contrast is not None else "arm"
    parts = [
        by_factor(cells, [FACTOR], study=study, arm=arm, value=name).assign(measure=metric_label(name))
        for name in shown
    ]
    long = pd.concat(parts, ignore_index=True)
    long["level"] = pd.Categorical(long["level"].astype(str), unfreezing_order(list(long["level"].unique())))
    long["measure"] = pd.Categorical(long["measure"], [metric_label(name) for name in shown])
    long["arm"] = pd.Categorical(long["arm"].astype(str), level_order(study, arm, cells[arm]))
    means = cell_means(long, ["measure", "task", "level", "arm"], conf_level=conf_level)
    caption = [cells_per_mean(means)]
    caption += [left_out(cells, {name: metric_label(name) for name in shown}, arm=arm, failed=failed)]
    arms = list(long["arm"].cat.categories)
    return (
        ggplot(means, aes("level", "mean", color="arm", shape="arm", linetype="arm"))
        + mean_layers(long, means, arms, title=factor_name(arm), width_mm=WIDTH_MM["page"])
        + facet_grid("measure ~ task")
        + labs(x=factor_name(FACTOR), y="", caption=" ".join(caption).strip())
        + theme_study(height_mm=34 + 44 * len(shown))
        + slanted_labels([means["level"].unique()] * metrics["task"].nunique())
        + theme(legend_position="bottom" if named else "none")
    )
