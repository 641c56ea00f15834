"""Learning curves: loss and AUC over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from plotnine import (
    aes,
    element_blank,
    facet_grid,
    geom_line,
    geom_point,
    ggplot,
    labs,
    scale_color_manual,
    scale_linetype_manual,
    scale_shape_manual,
    scale_x_continuous,
    theme,
)

from manuscript.text import factor_name
from manuscript.theme import arm_look, theme_study


def learning_curves(
    history: pd.DataFrame, labels: pd.DataFrame, *, contrast: str, arms: Sequence[str]
) -> ggplot:
    """Loss and AUC over the epochs of the selected cells: train dashed, validation solid with points.

    Parameters
    ----------
    history : cell_id, epoch (from 0), train_loss, val_loss, train_auc, val_auc
    labels : cell_id, task, arm
    arms : the order of colours and shapes
    """
    long = _history_long(history, labels)
    arms = list(dict.fromkeys([*arms, *labels["arm"]]))
    long["arm"] = pd.Categorical(long["arm"], categories=arms)
    long["task"] = pd.Categorical(long["task"], categories=list(dict.fromkeys(labels["task"])))
    colours, shapes = arm_look(arms)
    epochs = int(long["epoch"].max())
    step = max(1, round(epochs / 6))
    # A line through one epoch is no line; its values are shown as points.
    drawn = long if epochs > 1 else long.iloc[:0]
    return (
        ggplot(long, aes("epoch", "value", color="arm", shape="arm", linetype="part"))
        + geom_line(aes(group="line"), data=drawn, size=0.7)
        + geom_point(data=long[long["part"] == "validation"] if epochs > 1 else long, size=1.6)
        + facet_grid("measure ~ task", scales="free_y")
        + scale_color_manual(values=colours)
        + scale_shape_manual(values=shapes)
        + scale_linetype_manual(values={"train": "dashed", "validation": "solid"})
        + scale_x_continuous(breaks=list(range(1, epochs + 1, step)), limits=(min(1, epochs), max(epochs, 2)))
        + labs(x="Epoch", y="", color=factor_name(contrast), shape=factor_name(contrast), linetype="Images")
        + theme_study(height_mm=115)
        + theme(legend_box="horizontal", panel_grid_minor=element_blank())
    )


def _history_long(history: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, epoch, measure and part; epochs counted from 1."""
    rows = history.merge(labels[["cell_id", "task", "arm"]], on="cell_id", suffixes=("_history", ""))
    parts = []
    for measure, column in (("AUC", "auc"), ("Loss", "loss")):
        for part, prefix in (("train", "train"), ("validation", "val")):
            parts.append(
                rows[["cell_id", "task", "arm"]].assign(
                    epoch=rows["epoch"] + 1,
                    value=rows[f"{prefix}_{column}"].astype(float),
                    measure=measure,
                    part=part,
                    line=rows["cell_id"] + part,
                )
            )
    return pd.concat(parts, ignore_index=True)
