"""ROC curves of the selected models, with bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from plotnine import (
    aes,
    coord_equal,
    element_line,
    facet_wrap,
    geom_abline,
    geom_ribbon,
    geom_step,
    ggplot,
    guide_legend,
    guides,
    labs,
    scale_color_manual,
    scale_fill_manual,
    scale_linetype_manual,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from manuscript.text import auc, factor_name, interval, short_id
from manuscript.theme import FAINT, LINES, arm_look, theme_study

MM_PER_LETTER = 1.7  # of a legend at the base size
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
