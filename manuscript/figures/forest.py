"""Forest plot: differences of AUC between arms with their intervals, and the margins that were planned."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    element_blank,
    element_line,
    facet_wrap,
    geom_point,
    geom_segment,
    geom_vline,
    ggplot,
    labs,
    scale_color_manual,
    scale_shape_manual,
    scale_y_continuous,
    theme,
)

from manuscript.figures.cells import wide_legend, wrapped
from manuscript.text import MINUS, count, factor_name, join_words
from manuscript.theme import FAINT, METRIC_COLOURS, METRIC_SHAPES, theme_study

MOST_ROWS = 60  # comparisons of a task that a page shows legibly
MARGIN_COLOUR = "#D55E00"
GOALS = ("non-inferiority", "equivalence")
KINDS = {
    "delong": "Selected models",
    "recipe, models": "All seeds, these trained models",
    "recipe, seeds": "All seeds, new seeds too",
    "margin": "Selected models against a margin",
}
_MARGIN = re.compile(r"margin ([\d.eE+-]+)")


def forest_rows(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The differences of AUC among the comparisons: DeLong, recipes, and tests against margins.

    Returns
    -------
    task, row, kind, estimate, conf_low, conf_high, margin_low, margin_high : `row` names the two arms, first
        minus second, and the contrast where the comparisons have several; `margin_low` is the loss of AUC
        that the plan accepts (negative), `margin_high` the gain for equivalence; NaN without a margin
    """
    rows = comparisons[
        comparisons["analysis"].isin(["delong", "recipe", *GOALS]) & (comparisons["metric"] == "auc")
    ].reset_index(drop=True)
    contrast = rows["comparison"].astype(str).str.split(":").str[0]
    names = rows["arm_a"].astype(str) + f" {MINUS} " + rows["arm_b"].astype(str)
    if contrast.nunique() > 1:
        names = contrast.map(factor_name) + ": " + names
    margin = pd.to_numeric(rows["method"].astype(str).str.extract(_MARGIN)[0])
    margin = margin.where(rows["analysis"].isin(GOALS))
    frame = rows[["task", "estimate", "conf_low", "conf_high"]].assign(
        row=names,
        kind=[_kind(row) for row in rows.itertuples()],
        margin_low=-margin,
        margin_high=margin.where(rows["analysis"] == "equivalence"),
    )
    # Two plans may compare the same arms in the same way, chosen or counted differently: their names differ.
    doubled = frame.duplicated(["task", "row", "kind"], keep=False)
    variant = rows["family"].astype(str).str.replace(r"^\S+ \S+ ", "", regex=True)
    frame["row"] = frame["row"].where(~doubled, frame["row"] + ", " + variant)
    return frame


def forest_plot(comparisons: pd.DataFrame) -> ggplot:
    """Difference of AUC with its interval for each pair of arms, a panel per task.

    Dashed lines are the margins of the plan, each beside the comparisons that it belongs to. Comparisons
    that were not run are counted below.

    Raises
    ------
    ValueError : no comparison of AUCs has an estimate
    """
    every = forest_rows(comparisons)
    shown = every[every["estimate"].notna()].reset_index(drop=True)
    if shown.empty:
        raise ValueError("No comparison of AUCs has an estimate: a forest plot has nothing to show.")
    order = list(dict.fromkeys(shown["row"]))
    rows = order[:MOST_ROWS]
    kinds = [kind for kind in KINDS.values() if kind in set(shown["kind"])]
    shown = shown[shown["row"].isin(rows)].reset_index(drop=True)
    place = np.array([rows.index(row) for row in shown["row"]], dtype=float)
    step = 0.7 / max(len(kinds), 1)
    offset = np.array([kinds.index(kind) for kind in shown["kind"]]) - (len(kinds) - 1) / 2
    # The first row stands on top.
    shown = shown.assign(place=-(place + step * offset), middle=-place)
    shown["task"] = pd.Categorical(shown["task"], categories=list(dict.fromkeys(every["task"])))
    shown["kind"] = pd.Categorical(shown["kind"], categories=kinds)
    n_tasks = shown["task"].nunique()
    columns = min(2, n_tasks)
    height = len(rows) * max(3.4, min(9.0, 3.2 * len(kinds)))
    return (
        ggplot(shown, aes("estimate", "place", color="kind", shape="kind"))
        + geom_vline(xintercept=0, color="#888888", size=0.4)
        + _margin_lines(shown)
        + geom_segment(aes(x="conf_low", xend="conf_high", yend="place"), na_rm=True, show_legend=False)
        + geom_point(size=2)
        + facet_wrap("task", ncol=columns)
        + scale_color_manual(values=dict(zip(KINDS.values(), METRIC_COLOURS, strict=True)))
        + scale_shape_manual(values=dict(zip(KINDS.values(), METRIC_SHAPES, strict=True)))
        + scale_y_continuous(
            breaks=[-i for i in range(len(rows))], labels=rows, limits=(0.6 - len(rows), 0.6), expand=(0, 0)
        )
        + wide_legend(kinds)
        + labs(
            x="Difference of AUC, with interval", y="", color="", shape="", caption=_left_out(every, order)
        )
        + theme_study(height_mm=34 + -(-n_tasks // columns) * (10 + height))
        + theme(
            panel_grid_major_x=element_line(color=FAINT, size=0.45),
            panel_grid_major_y=element_blank(),
            axis_ticks_major_y=element_blank(),
        )
    )


def _kind(row: Any) -> str:
    """What the comparison speaks of, in words."""
    if row.analysis == "recipe":
        return KINDS["recipe, seeds" if "new seeds" in str(row.comparison) else "recipe, models"]
    return KINDS["delong" if row.analysis == "delong" else "margin"]


def _margin_lines(shown: pd.DataFrame) -> list[Any]:
    """A dashed piece of line at the height of each comparison that has a margin."""
    parts = [
        shown[["task", "middle"]].assign(margin=shown[column]) for column in ("margin_low", "margin_high")
    ]
    lines = pd.concat(parts, ignore_index=True).dropna()
    if lines.empty:
        return []
    lines = lines.assign(low=lines["middle"] - 0.5, high=lines["middle"] + 0.5)
    return [
        geom_segment(
            aes(x="margin", xend="margin", y="low", yend="high"),
            data=lines,
            inherit_aes=False,
            linetype="dashed",
            color=MARGIN_COLOUR,
        )
    ]


def _left_out(every: pd.DataFrame, order: list[str]) -> str:
    """What the plot does not show: comparisons without an estimate, and rows beyond the page."""
    parts = []
    missing = int(every["estimate"].isna().sum())
    if missing:
        parts.append(f"{count(missing, 'comparison')} without an estimate")
    if len(order) > MOST_ROWS:
        parts.append(f"the last {len(order) - MOST_ROWS} pairs of arms")
    return wrapped(f"Not shown: {join_words(parts)}; the tables say why.") if parts else ""
