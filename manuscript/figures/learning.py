"""Learning curves: loss and AUC over the epochs, with a band over seeds where a study has several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from plotnine import (
    aes,
    element_blank,
    facet_grid,
    geom_line,
    geom_point,
    geom_ribbon,
    ggplot,
    labs,
    scale_color_manual,
    scale_fill_manual,
    scale_linetype_manual,
    scale_shape_manual,
    scale_x_continuous,
    theme,
)

from manuscript.figures.cells import wrapped
from manuscript.text import count, factor_name
from manuscript.theme import arm_look, theme_study


def learning_curves(
    history: pd.DataFrame, labels: pd.DataFrame, *, contrast: str, arms: Sequence[str]
) -> ggplot:
    """Loss and AUC over the epochs of each arm: train dashed, validation solid with points.

    Where an arm has several cells (its seeds), the line is their median at each epoch and the band reaches
    from the lowest to the highest of them.

    Parameters
    ----------
    history : cell_id, epoch (from 0), train_loss, val_loss, train_auc, val_auc
    labels : cell_id, task, arm; one row per cell
    arms : the order of colours and shapes
    """
    long = curve_ranges(history, labels)
    arms = list(dict.fromkeys([*arms, *labels["arm"]]))
    long["arm"] = pd.Categorical(long["arm"], categories=arms)
    long["task"] = pd.Categorical(long["task"], categories=list(dict.fromkeys(labels["task"])))
    colours, shapes = arm_look(arms)
    epochs = int(long["epoch"].max())
    step = max(1, round(epochs / 6))
    # A line through one epoch is no line; its values are shown as points.
    drawn = long if epochs > 1 else long.iloc[:0]
    several = drawn[drawn["n"] > 1]
    bands: list[Any] = [_band(several)] if not several.empty else []
    name = factor_name(contrast)
    return (
        ggplot(long, aes("epoch", "value", color="arm", shape="arm", linetype="part"))
        + bands
        + geom_line(aes(group="line"), data=drawn, size=0.7, na_rm=True)
        + geom_point(data=long[long["part"] == "validation"] if epochs > 1 else long, size=1.6, na_rm=True)
        + facet_grid("measure ~ task", scales="free_y")
        + scale_color_manual(values=colours)
        + scale_fill_manual(values=colours)
        + scale_shape_manual(values=shapes)
        + scale_linetype_manual(values={"train": "dashed", "validation": "solid"})
        + scale_x_continuous(breaks=list(range(1, epochs + 1, step)), limits=(min(1, epochs), max(epochs, 2)))
        + labs(x="Epoch", y="", color=name, fill=name, shape=name, linetype="Images")
        + labs(caption=_undefined(long))
        + theme_study(height_mm=115)
        + theme(legend_box="horizontal", panel_grid_minor=element_blank())
    )


def curve_ranges(history: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """One row per task, arm, epoch (from 1), measure and part: the median over cells, and their range.

    Returns
    -------
    task, arm, epoch, measure, part, line, value (median), low, high, n : n cells have a value in this epoch;
        an epoch in which none has one (undefined AUC, a loss that is not finite) keeps its row with NaN
    """
    rows = history.merge(labels[["cell_id", "task", "arm"]], on="cell_id", suffixes=("_history", ""))
    parts = []
    for measure, column in (("AUC", "auc"), ("Loss", "loss")):
        for part, prefix in (("train", "train"), ("validation", "val")):
            values = rows[f"{prefix}_{column}"].astype(float)
            own = rows[["task", "arm"]].assign(
                epoch=rows["epoch"] + 1, value=values.where(values.abs() < float("inf"))
            )
            grouped = own.groupby(["task", "arm", "epoch"], observed=True)["value"]
            frame = grouped.agg(value="median", low="min", high="max", n="count").reset_index()
            line = frame["task"].astype(str) + frame["arm"].astype(str) + part
            parts.append(frame.assign(measure=measure, part=part, line=line))
    return pd.concat(parts, ignore_index=True)


def _band(several: pd.DataFrame) -> geom_ribbon:
    """From the lowest to the highest cell of each arm."""
    return geom_ribbon(
        aes("epoch", ymin="low", ymax="high", fill="arm", group="line"),
        data=several,
        alpha=0.15,
        inherit_aes=False,
        show_legend=False,
    )


def _undefined(long: pd.DataFrame) -> str:
    """What a gap in a line means."""
    gaps = int(long["value"].isna().sum())
    verb = "is" if gaps == 1 else "are"
    return wrapped(f"{count(gaps, 'value').capitalize()} {verb} undefined and left open.") if gaps else ""
