"""Heatmap of all pairs of cells: which AUCs differ after adjustment, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    element_blank,
    element_text,
    facet_wrap,
    geom_point,
    geom_text,
    geom_tile,
    ggplot,
    guide_legend,
    guides,
    labs,
    scale_color_manual,
    scale_fill_manual,
    scale_shape_manual,
    scale_x_continuous,
    scale_x_discrete,
    scale_y_discrete,
    scale_y_reverse,
    theme,
)

from manuscript.figures.cells import wide_legend, wrapped
from manuscript.grid import level_order
from manuscript.text import auc, factor_name, number, p_value, plain, short_id
from manuscript.theme import arm_look, theme_study

MOST_NAMED = {1: 32, 2: 16}  # cells of a task whose names fit beside the rows, by panels side by side
MOST_RANKS = 12  # ranks that fit below the columns
MOST_WRITTEN = 6  # cells of a task whose differences fit into the squares
STRONG = 0.001
# Purple and green (Brewer's PRGn) stay apart for every colour vision, and are not the colours of the arms.
_COLOURS = ("#762A83", "#C2A5CF", "#F2F2F2", "#A6DBA0", "#1B7837", "#FFFFFF")


def pair_matrix(pairs: pd.DataFrame) -> pd.DataFrame:
    """Both triangles of the matrix of pairs: one row per ordered pair of cells of a task.

    Parameters
    ----------
    pairs : task, cell_a, cell_b, auc_a, auc_b, estimate, p_adjusted, conf_level; rows without cells (a task
        that could not be tested) have no place

    Returns
    -------
    task, row, column (cell ids), row_rank, column_rank (1: highest AUC of the task), row_auc, estimate (row
        minus column), p_adjusted, verdict (`verdicts`)
    """
    own = pairs[pairs["cell_a"].notna()].drop_duplicates(["task", "cell_a", "cell_b"])
    there = pd.DataFrame(
        {
            "task": own["task"],
            "row": own["cell_a"],
            "column": own["cell_b"],
            "row_auc": own["auc_a"].astype(float),
            "estimate": own["estimate"].astype(float),
            "p_adjusted": own["p_adjusted"].astype(float),
            "alpha": 1.0 - own["conf_level"].astype(float),
        }
    )
    swap = {"row": own["cell_b"], "column": own["cell_a"], "row_auc": own["auc_b"].astype(float)}
    back = there.assign(estimate=-there["estimate"], **swap)
    both = pd.concat([there, back], ignore_index=True)
    cells = both.drop_duplicates(["task", "row"]).sort_values(["row_auc", "row"], ascending=[False, True])
    rank = {key: i for _, part in cells.groupby("task") for i, key in enumerate(part["row"], start=1)}
    both["row_rank"], both["column_rank"] = both["row"].map(rank), both["column"].map(rank)
    both["verdict"] = [
        _verdict(row.estimate, row.p_adjusted, row.alpha) for row in both.itertuples(index=False)
    ]
    return both


def verdicts(alpha: float) -> tuple[str, ...]:
    """The classes of a pair in the order of the colours, the last for a pair without a test."""
    level = f"{alpha:g}"
    return (
        f"row higher, p < {STRONG:g}",
        f"row higher, p < {level}",
        f"p at least {level}",
        f"row lower, p < {level}",
        f"row lower, p < {STRONG:g}",
        "no test",
    )


def _verdict(estimate: float, p: float, alpha: float) -> str:
    higher_strong, higher, none, lower, lower_strong, untested = verdicts(round(alpha, 12))
    if np.isnan(p) or np.isnan(estimate):
        return untested
    if p >= alpha:
        return none
    if p < STRONG:
        return higher_strong if estimate > 0 else lower_strong
    return higher if estimate > 0 else lower


def pair_heatmap(
    pairs: pd.DataFrame, metrics: pd.DataFrame, *, study: Mapping[str, Any], arm: str | None
) -> ggplot:
    """All pairs of cells, ordered by AUC on test, coloured by sign and adjusted p; a panel per task.

    The diagonal shows the arm of each cell. Small matrices (`MOST_WRITTEN`) have the difference and p in the
    squares, middle ones (`MOST_NAMED`) the names of the cells, large ones their ranks alone.

    Raises
    ------
    ValueError : no pair was tested
    """
    matrix = pair_matrix(pairs)
    if matrix.empty:
        raise ValueError("No pair of cells was tested: the heatmap has nothing to show.")
    size = int(matrix["row_rank"].max())
    tasks = [task for task in level_order(study, "task", metrics["task"]) if task in set(matrix["task"])]
    matrix["task"] = pd.Categorical(matrix["task"], categories=tasks)
    alpha = float(round(matrix["alpha"].iloc[0], 12))
    order = verdicts(alpha)
    matrix["verdict"] = pd.Categorical(matrix["verdict"], categories=order)
    present = [name for name in order if (matrix["verdict"] == name).any()]
    columns = min(2, len(tasks))
    named = size <= MOST_NAMED[columns]
    width = 175 if columns == 2 else 125
    x, y = ("column_name", "row_name") if named else ("column_rank", "row_rank")
    matrix = _named(matrix) if named else matrix
    return (
        ggplot(matrix, aes(x, y))
        + geom_tile(aes(fill="verdict"), color="white" if named else None, raster=not named)
        + _written(matrix, size)
        + _diagonal(matrix, metrics, study=study, arm=arm, x=x, y=y, size=size)
        + facet_wrap("task", ncol=columns, scales="free" if named else "fixed")
        + scale_fill_manual(values=dict(zip(order, _COLOURS, strict=True)), breaks=present)
        + _axes(matrix, size, named=named)
        + guides(fill=guide_legend(ncol=3 if columns == 2 else 2))
        + labs(fill="", caption=_untested(pairs))
        + theme_study(width_mm=width, height_mm=_height(size, len(tasks), columns))
        + theme(
            panel_grid=element_blank(),
            legend_box="vertical",
            axis_text_y=element_text(size=8 if size <= 10 else 6),
            aspect_ratio=1,
        )
    )


def _named(matrix: pd.DataFrame) -> pd.DataFrame:
    """Axis names of the cells: rank along x, id, AUC and rank along y; distinct within a task by the rank."""
    rows = matrix[["row", "row_auc", "row_rank"]].itertuples(index=False)
    names = [f"{short_id(cell)} ({auc(value)})  {rank}" for cell, value, rank in rows]
    by_rank = matrix.assign(row_name=names).sort_values(["row_rank", "row_auc"])
    return by_rank.assign(
        row_name=pd.Categorical(by_rank["row_name"], list(dict.fromkeys(by_rank["row_name"]))[::-1]),
        column_name=pd.Categorical(
            by_rank["column_rank"].astype(str), [str(i) for i in range(1, int(by_rank["row_rank"].max()) + 1)]
        ),
    )


def _axes(matrix: pd.DataFrame, size: int, *, named: bool) -> list[Any]:
    title = labs(x="Column: cells by AUC on test, highest first", y="Row: cells by AUC on test")
    if named:
        step = -(-size // MOST_RANKS)
        return [scale_x_discrete(labels=lambda ranks: _some(ranks, step)), scale_y_discrete(), title]
    step = 10 if size <= 120 else 50
    breaks = [1, *range(step, size + 1, step)]
    return [
        scale_x_continuous(breaks=breaks, expand=(0, 0)),
        scale_y_reverse(breaks=breaks, expand=(0, 0)),
        title,
    ]


def _some(ranks: Sequence[Any], step: int) -> list[str]:
    """The first rank and every `step`-th; the others empty."""
    return [str(rank) if int(rank) == 1 or int(rank) % step == 0 else "" for rank in ranks]


def _written(matrix: pd.DataFrame, size: int) -> list[Any]:
    """Difference and adjusted p in the squares of a small matrix."""
    if size > MOST_WRITTEN:
        return []
    dark = matrix["verdict"].isin([matrix["verdict"].cat.categories[i] for i in (0, 4)])
    words = [
        f"{'+' if row.estimate > 0 else ''}{number(row.estimate, 3)}\np {p_value(row.p_adjusted)}"
        for row in matrix.itertuples()
    ]
    shown = matrix.assign(words=words, ink=["white" if on else "#222222" for on in dark])
    return [
        geom_text(aes(label="words"), data=part, size=6.5, color=ink, lineheight=1.3)
        for ink, part in shown.groupby("ink")
    ]


def _diagonal(
    matrix: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    study: Mapping[str, Any],
    arm: str | None,
    x: str,
    y: str,
    size: int,
) -> list[Any]:
    """The arm of each cell on the diagonal, which no pair fills."""
    if arm is None:
        return []
    arms = level_order(study, arm, metrics[arm])
    colours, shapes = arm_look(arms)
    of_cell = metrics.set_index("cell_id")[arm]
    cells = matrix.drop_duplicates(["task", "row"])
    own = cells.assign(arm=pd.Categorical(cells["row"].map(of_cell).map(plain, na_action="ignore"), arms))
    own = own.assign(**({"column_rank": own["row_rank"]} if x == "column_rank" else _own_name(own)))
    title = f"{factor_name(arm)} (diagonal)"
    point = max(0.6, min(2.4, 40 / size))
    return [
        geom_point(aes(color="arm", shape="arm"), data=own[own["arm"].notna()], size=point),
        scale_color_manual(values=colours),
        scale_shape_manual(values=shapes),
        wide_legend(arms, title=title),
        labs(color=title, shape=title),
    ]


def _own_name(own: pd.DataFrame) -> dict[str, pd.Categorical]:
    return {"column_name": pd.Categorical(own["row_rank"].astype(str), own["column_name"].cat.categories)}


def _untested(pairs: pd.DataFrame) -> str:
    """The tasks whose pairs were not tested, with the reason."""
    without = pairs[pairs["cell_a"].isna()]
    return wrapped(". ".join(f"{row.task}: {row.note}" for row in without.itertuples()))


def _height(size: int, n_tasks: int, columns: int) -> float:
    """Room for square panels, their axes and two legends, in mm."""
    panel = 68.0 if columns == 2 else 90.0
    return 42 + -(-n_tasks // columns) * (panel + 14)
