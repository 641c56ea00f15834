"""Figures of the cells and the selected models: a tidy frame in, a ggplot out, nothing computed or saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from plotnine import (
    aes,
    coord_equal,
    element_blank,
    element_line,
    element_text,
    facet_grid,
    facet_wrap,
    geom_abline,
    geom_boxplot,
    geom_line,
    geom_point,
    geom_ribbon,
    geom_step,
    ggplot,
    guide_legend,
    guides,
    labs,
    position_dodge,
    position_jitterdodge,
    scale_color_manual,
    scale_fill_manual,
    scale_linetype_manual,
    scale_shape_manual,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from manuscript.grid import as_levels, level_order
from manuscript.text import auc, factor_name, interval, short_id
from manuscript.theme import FAINT, LINES, arm_look, theme_study

BOX_FROM = 5  # cells; fewer are shown as points alone
MM_PER_LETTER = 1.7  # of a legend at the base size
FIT_LETTERS = 85  # letters of all level labels that fit the page side by side


def factor_distribution(
    metrics: pd.DataFrame,
    factors: list[str],
    *,
    study: Mapping[str, Any],
    arm: str,
    value: str = "test_auc",
    label: str = "AUC on test",
) -> ggplot:
    """Box and points of a metric for each level of each factor, coloured by arm, one row per task.

    Cells that do not use a factor are left out of its panel. The box (from `BOX_FROM` cells on) shows
    quartiles and median, its whiskers reach to the last cell within 1.5 times the interquartile range.
    """
    long = _by_factor(metrics, factors, study=study, arm=arm, value=value)
    arms = level_order(study, arm, metrics[arm])
    colours, shapes = arm_look(arms)
    n_tasks = long["task"].nunique()
    dodge = 0.75
    per_box = long.groupby(["task", "factor", "level", "arm"], observed=True)["value"].transform("size")
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
            size=_point_size(len(metrics)),
            alpha=0.75,
        )
        + facet_grid("task ~ factor", scales="free_x", space="free_x")
        + scale_color_manual(values=colours, drop=False)
        + scale_fill_manual(values=colours, drop=False)
        + scale_shape_manual(values=shapes, drop=False)
        + labs(x="", y=label, color=factor_name(arm), fill=factor_name(arm), shape=factor_name(arm))
        + theme_study(height_mm=28 + 48 * n_tasks)
        + _level_labels(long)
    )


def _level_labels(long: pd.DataFrame) -> theme:
    """Slanted labels where they would run into each other."""
    labels = long[["factor", "level"]].drop_duplicates()["level"].astype(str)
    slanted = int((labels.str.len() + 2).sum()) > FIT_LETTERS
    return theme(axis_text_x=element_text(rotation=35, ha="right") if slanted else element_text())


def _by_factor(
    metrics: pd.DataFrame, factors: list[str], *, study: Mapping[str, Any], arm: str, value: str
) -> pd.DataFrame:
    """One row per cell and factor: task, arm, factor, level, value."""
    parts, order = [], []
    for name in factors:
        used = metrics[metrics[name].notna() & metrics[value].notna()]
        levels = as_levels(study, name, used[name])
        order += [level for level in levels.cat.categories if level not in order]
        parts.append(
            pd.DataFrame(
                {
                    "task": used["task"].astype(str),
                    "arm": as_levels(study, arm, used[arm]).astype(str),
                    "factor": factor_name(name),
                    "level": levels.astype(str),
                    "value": used[value].astype(float),
                }
            )
        )
    long = pd.concat(parts, ignore_index=True)
    long["level"] = pd.Categorical(long["level"], categories=order)
    long["factor"] = pd.Categorical(long["factor"], categories=[factor_name(name) for name in factors])
    long["arm"] = pd.Categorical(long["arm"], categories=level_order(study, arm, metrics[arm]))
    long["task"] = pd.Categorical(long["task"], categories=level_order(study, "task", metrics["task"]))
    return long


def _point_size(n_cells: int) -> float:
    """Smaller points for larger grids, so that they stay apart."""
    return 1.8 if n_cells <= 60 else 1.2


ROC_TICKS = ("0", "0.25", "0.5", "0.75", "1")


def roc_curves(
    roc: pd.DataFrame,
    selected: pd.DataFrame,
    *,
    contrast: str,
    arms: Sequence[str],
    bands: pd.DataFrame | None = None,
) -> ggplot:
    """ROC curves of the selected cells on the test images, one panel per task.

    The legend names the arm with its AUC and interval (`roc_labels`); `arms` is the order of colours.
    `bands` (task, arm, specificity, conf_low, conf_high) are drawn behind the curves where they are given.
    """
    labels = roc_labels(selected)
    curves = roc.merge(labels[["task", "cell_id", "arm", "curve"]], on=["task", "cell_id", "arm"])
    arms = list(dict.fromkeys([*arms, *labels["arm"]]))
    colours, _ = arm_look(arms)
    by_curve = labels.set_index("curve")["arm"]
    lines = {curve: LINES[arms.index(arm) % len(LINES)] for curve, arm in by_curve.items()}
    n_tasks = curves["task"].nunique()
    curves["task"] = pd.Categorical(curves["task"], categories=list(dict.fromkeys(labels["task"])))
    curves["curve"] = pd.Categorical(curves["curve"], categories=list(labels["curve"]))
    return (
        ggplot(curves, aes("fpr", "tpr", color="curve", linetype="curve"))
        + geom_abline(slope=1, intercept=0, color="#BBBBBB", linetype="dotted")
        + _band(bands, labels, curves["task"].cat.categories)
        + scale_fill_manual(values={curve: colours[arm] for curve, arm in by_curve.items()}, guide=None)
        + geom_step(size=0.8)
        + facet_wrap("task", nrow=1)
        + scale_color_manual(values={curve: colours[arm] for curve, arm in by_curve.items()})
        + scale_linetype_manual(values=lines)
        + scale_x_continuous(limits=(0, 1), breaks=(0, 0.25, 0.5, 0.75, 1), labels=ROC_TICKS)
        + scale_y_continuous(limits=(0, 1), breaks=(0, 0.25, 0.5, 0.75, 1), labels=ROC_TICKS)
        + coord_equal()
        + labs(
            x="1 − specificity",
            y="Sensitivity",
            color=f"{factor_name(contrast)}: AUC (interval)",
            linetype=f"{factor_name(contrast)}: AUC (interval)",
        )
        + guides(color=guide_legend(ncol=1), linetype=guide_legend(ncol=1))
        + theme_study(width_mm=_roc_width(labels, n_tasks), height_mm=82 + 6 * len(labels))
        + theme(legend_direction="vertical", panel_grid_major_x=element_line(color=FAINT, size=0.45))
    )


def _roc_width(labels: pd.DataFrame, n_tasks: int) -> float:
    """Room for the panels and for the longest line of the legend, in mm."""
    legend = 22 + MM_PER_LETTER * labels["curve"].astype(str).str.len().max()
    return min(175, max(85 * n_tasks + 5, legend))


def _band(bands: pd.DataFrame | None, labels: pd.DataFrame, tasks: pd.Index) -> list[Any]:
    """The simultaneous bands of the shown curves as ribbons."""
    if bands is None or bands.empty:
        return []
    shown = bands.merge(labels[["task", "arm", "curve"]], on=["task", "arm"])
    shown = shown.assign(
        fpr=1.0 - shown["specificity"],
        task=pd.Categorical(shown["task"], categories=tasks),
        curve=pd.Categorical(shown["curve"], categories=list(labels["curve"])),
    )
    ribbon = geom_ribbon(
        aes("fpr", ymin="conf_low", ymax="conf_high", fill="curve"),
        data=shown,
        alpha=0.12,
        inherit_aes=False,
        show_legend=False,
    )
    return [ribbon]


def roc_labels(selected: pd.DataFrame) -> pd.DataFrame:
    """The selected cells with a `curve` label: task (where there are several), arm, AUC, interval, cell."""
    frame = selected.copy()
    several = frame["task"].nunique() > 1
    frame["curve"] = [
        f"{f'{row.task}, ' if several else ''}{row.arm}: {auc(row.test_auc)} "
        f"({interval(row.test_auc_low, row.test_auc_high)}), cell {short_id(row.cell_id)}"
        for row in frame.itertuples()
    ]
    return frame


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
