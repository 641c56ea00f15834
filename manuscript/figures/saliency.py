"""Figures of measured heat maps: how well they find the lesion, and what randomisation leaves of them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from plotnine import (
    aes,
    element_blank,
    element_line,
    element_text,
    expand_limits,
    facet_grid,
    geom_hline,
    geom_line,
    geom_linerange,
    geom_point,
    geom_segment,
    ggplot,
    labs,
    position_dodge,
    scale_color_manual,
    scale_linetype_manual,
    scale_shape_manual,
    scale_y_discrete,
    theme,
)

from manuscript.text import metric_label
from manuscript.theme import FAINT, LINES, arm_look, theme_study

REFERENCE = "reference map"
_GREY = "#777777"


def measures_figure(means: pd.DataFrame, *, arms: Sequence[str]) -> ggplot:
    """Mean of each measure with its interval: a row per map, a panel per task and measure.

    Parameters
    ----------
    means : task, arm, map, metric, estimate, conf_low, conf_high; maps other than "Grad-CAM" are reference
        maps, the same for every arm
    arms : the order of colours and shapes
    """
    own = means["map"] == "Grad-CAM"
    shown = means.assign(
        row=means["map"].where(~own, "Grad-CAM, " + means["arm"].astype(str)),
        look=means["arm"].where(own, REFERENCE),
        measure=_labels(means),
    ).drop_duplicates(["task", "row", "metric", "estimate"])
    rows = [f"Grad-CAM, {arm}" for arm in arms] + list(dict.fromkeys(means.loc[~own, "map"]))
    kept = [name for name in rows if name in set(shown["row"])]
    shown["row"] = pd.Categorical(shown["row"], categories=kept[::-1], ordered=True)
    colours, shapes = arm_look(arms)
    return (
        ggplot(shown, aes("estimate", "row", color="look", shape="look"))
        + geom_segment(aes(x="conf_low", xend="conf_high", yend="row"), na_rm=True)
        + geom_point(size=2)
        + facet_grid("task ~ measure")
        + scale_color_manual(values={**colours, REFERENCE: _GREY})
        + scale_shape_manual(values={**shapes, REFERENCE: "|"})
        + expand_limits(x=0)
        + scale_y_discrete()
        + labs(x="Mean over the test images with a lesion", y="")
        + theme_study(width_mm=175, height_mm=24 + shown["task"].nunique() * (8 + 6 * len(kept)))
        + theme(
            legend_position="none",
            axis_title_y=element_blank(),
            panel_grid_major_x=element_line(color=FAINT, size=0.45),
        )
    )


def randomisation_figure(rows: pd.DataFrame, *, arms: Sequence[str]) -> ggplot:
    """Agreement with the original map after each step of the cascade, a panel per task and measure.

    Parameters
    ----------
    rows : task, arm, cell_id, depth, part, metric, estimate, conf_low, conf_high; depth -1 is the agreement
        with the map of another image, drawn as a dotted line
    arms : the order of colours and shapes
    """
    rows = rows.assign(
        measure=_labels(rows), arm=pd.Categorical(rows["arm"], categories=list(arms), ordered=True)
    )
    steps = rows[rows["depth"] >= 0].sort_values(["depth", "arm"], kind="stable")
    order = list(dict.fromkeys(steps["part"]))
    # Cells stand side by side in the order of the arms.
    cells = list(dict.fromkeys(steps.sort_values("arm", kind="stable")["cell_id"]))
    shown = steps.assign(
        part=pd.Categorical(steps["part"], categories=order, ordered=True),
        cell_id=pd.Categorical(steps["cell_id"], categories=cells, ordered=True),
    )
    other = rows[rows["depth"] < 0]
    colours, shapes = arm_look(arms)
    lines = {arm: LINES[i % len(LINES)] for i, arm in enumerate(arms)}
    beside = position_dodge(width=0.35)
    return (
        ggplot(shown, aes("part", "estimate", color="arm", shape="arm"))
        + geom_hline(yintercept=0, color="#888888", size=0.4)
        + geom_hline(aes(yintercept="estimate", color="arm"), data=other, linetype="dotted", size=0.6)
        + geom_linerange(aes(ymin="conf_low", ymax="conf_high", group="cell_id"), position=beside, na_rm=True)
        + geom_line(aes(group="cell_id", linetype="arm"), position=beside, alpha=0.6)
        + geom_point(aes(group="cell_id"), size=2, position=beside)
        + facet_grid("measure ~ task", scales="free_y")
        + scale_color_manual(values=colours)
        + scale_shape_manual(values=shapes)
        + scale_linetype_manual(values=lines)
        + labs(x="Randomised from the head down to", y="Agreement", color="", shape="", linetype="")
        + theme_study(width_mm=min(175, 40 + 75 * rows["task"].nunique()), height_mm=115)
        + theme(axis_text_x=element_text(rotation=45, ha="right"))
    )


def _labels(rows: pd.DataFrame) -> pd.Categorical:
    names = list(dict.fromkeys(rows["metric"]))
    texts = [metric_label(name) for name in names]
    return pd.Categorical(rows["metric"].map(metric_label), categories=texts, ordered=True)
