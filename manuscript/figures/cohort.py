"""The cohort flow: from the images of a data set over what was left out to the parts of the split."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from manuscript.figures.boxes import EDGE, SIZE, arrow, box, canvas
from manuscript.text import count, integer
from manuscript.theme import INK, WIDTH_MM

PARTS = {"train": "Training", "val": "Validation", "test": "Test"}
POSITIVE, NEUTRAL = "#EAF2F8", "#F4F4F4"
_LINE_MM, _EDGE_MM, _GAP_MM, _TITLE_MM = 3.6, 3.0, 7.0, 6.0
_LETTERS = 52  # of a line in the box of what was left out


def cohort_flow(flow: pd.DataFrame, summary: pd.DataFrame, *, titles: Mapping[str, str]) -> Figure:
    """Draw one flow per task, one below the other.

    Parameters
    ----------
    flow : the table `data_flow`: task, step ("found", "left out", "took part"), reason, n_images
    summary : the table `data_summary`: task, split, class, label, n_images, n_groups
    titles : heading of each task; its keys are the tasks in their order

    Raises
    ------
    ValueError : the images of the parts do not add up to those that took part
    """
    plans = [_plan(flow[flow["task"] == task], summary[summary["task"] == task], task) for task in titles]
    height = sum(plan["height"] for plan in plans) + 1.0
    figure, axes = canvas(WIDTH_MM["page"], height)
    top = height - 0.5
    for (task, title), plan in zip(titles.items(), plans, strict=True):
        axes.text(1, top - 2.4, title or task, fontsize=SIZE + 1.5, weight="bold", color=INK, va="center")
        _draw(axes, plan, top=top - _TITLE_MM)
        top -= plan["height"]
    return figure


def _plan(flow: pd.DataFrame, summary: pd.DataFrame, task: str) -> dict:
    """The lines of every box of a task, and how high its flow is."""
    steps = dict(iter(flow.groupby("step", sort=False)))
    found, took = (int(steps[step]["n_images"].sum()) for step in ("found", "took part"))
    if int(summary["n_images"].sum()) != took:
        raise ValueError(
            f"Task {task}: {took} images took part, but the parts of the split hold "
            f"{int(summary['n_images'].sum())}. Run `study stats` on the store again."
        )
    parts = {name: _part_lines(summary[summary["split"] == split], name) for split, name in PARTS.items()}
    left_out = _left_out_lines(steps.get("left out"))
    rows = {
        "found": _height(2),
        "left out": _height(len(left_out)),
        "took part": _height(2),
        "parts": _height(max(len(lines) for lines in parts.values())),
    }
    between = max(_GAP_MM, rows["left out"] + 2.0)
    height = _TITLE_MM + rows["found"] + between + rows["took part"] + _GAP_MM + rows["parts"] + 4.0
    return {
        "found": ["Images of the data set", integer(found)],
        "left out": left_out,
        "took part": ["Took part", integer(took)],
        "parts": parts,
        "rows": rows,
        "between": between,
        "height": height,
    }


def _left_out_lines(rows: pd.DataFrame | None) -> list[str]:
    if rows is None or rows.empty:
        return ["Left out: 0"]
    lines = [f"Left out: {integer(int(rows['n_images'].sum()))}"]
    for row in rows.itertuples():
        lines += textwrap.wrap(f"{integer(int(row.n_images))}: {row.reason}", _LETTERS)
    return lines


def _part_lines(rows: pd.DataFrame, name: str) -> list[str]:
    """`Training: 420 images`, then a line per class, the positive ones first, with their patients."""
    lines = [f"{name}: {count(int(rows['n_images'].sum()), 'image')}"]
    for row in rows.sort_values(["label", "class"], ascending=[False, True]).to_dict("records"):
        kind = "positive" if row["label"] == 1 else "negative"
        groups = "" if pd.isna(row["n_groups"]) else f", from {count(int(row['n_groups']), 'patient')}"
        lines.append(f"{row['class']} ({kind}): {integer(int(row['n_images']))}{groups}")
    return lines


def _height(lines: int) -> float:
    return lines * _LINE_MM + _EDGE_MM


def _draw(axes: Axes, plan: dict, *, top: float) -> None:
    """Boxes from above: found, beside the way down what was left out, took part, then the three parts."""
    width, rows = WIDTH_MM["page"], plan["rows"]
    wide, middle = 50.0, width / 2
    box(axes, (middle - wide / 2, top), (wide, rows["found"]), plan["found"], colour=NEUTRAL)
    start = top - rows["found"]
    lower = start - plan["between"]
    arrow(axes, (middle, start), (middle, lower))
    at = start - plan["between"] / 2
    arrow(axes, (middle, at), (middle + 12.0, at))
    extent = (width - middle - 13.0 if len(plan["left out"]) > 1 else wide / 2, rows["left out"])
    box(axes, (middle + 12.0, at + rows["left out"] / 2), extent, plan["left out"])
    box(axes, (middle - wide / 2, lower), (wide, rows["took part"]), plan["took part"], colour=NEUTRAL)
    fork = lower - rows["took part"] - _GAP_MM / 2
    ends = lower - rows["took part"] - _GAP_MM
    third = (width - 2.0) / len(plan["parts"])
    centres = [1.0 + third * (place + 0.5) for place in range(len(plan["parts"]))]
    axes.plot([middle, middle], [lower - rows["took part"], fork], color=EDGE, linewidth=0.8)
    axes.plot([centres[0], centres[-1]], [fork, fork], color=EDGE, linewidth=0.8)
    for centre, lines in zip(centres, plan["parts"].values(), strict=True):
        arrow(axes, (centre, fork), (centre, ends))
        box(
            axes, (centre - third / 2 + 1.0, ends), (third - 2.0, _height(len(lines))), lines, colour=POSITIVE
        )
