"""Tables of measured heat maps: result tables in, great_tables tables out."""

from __future__ import annotations

import pandas as pd
from great_tables import GT

from manuscript.tables import styled
from manuscript.text import estimate, integer, metric_label, number


def measures_table(means: pd.DataFrame) -> GT:
    """Mean of every measure per arm and set of images, then the reference maps, without intervals, per task.

    Parameters
    ----------
    means : task, cell_id, arm, map, images, metric, n, n_groups, estimate, conf_low, conf_high, conf_level,
        note; a map other than "Grad-CAM" is the same for every arm
    """
    own = means["map"] == "Grad-CAM"
    lines = []
    for task in dict.fromkeys(means["task"]):
        here = means["task"] == task
        lines += _own_lines(means[here & own], str(task))
        for name, part in means[here & ~own].groupby("map", sort=False):
            first = part[part["cell_id"] == part["cell_id"].iloc[0]]
            lines.append(
                {"Task": str(task), "Map": str(name), "Images": "all"} | _values(first, limits=False)
            )
    numbers = ["n", *(metric_label(metric) for metric in dict.fromkeys(means["metric"]))]
    return styled(pd.DataFrame(lines), numbers=numbers, groups="Task", notes=_notes(means[own]), bold="Map")


def _own_lines(means: pd.DataFrame, task: str) -> list[dict[str, str]]:
    """Lines of the Grad-CAM maps of a task; an arm is named once."""
    lines: list[dict[str, str]] = []
    for arm, of_cell in means.groupby("arm", sort=False):
        label = str(arm)
        for images, part in of_cell.groupby("images", sort=False):
            line = {"Task": task, "Map": label, "Images": str(images)} | _values(part, limits=True)
            lines.append(line)
            label = ""
    return lines


def _values(rows: pd.DataFrame, *, limits: bool) -> dict[str, str]:
    """Number of images and the value of every measure; an interval without width is no interval."""
    shown = {"n": integer(int(rows["n"].iloc[0]))}
    for row in rows.itertuples():
        wide = limits and row.conf_low < row.conf_high
        text = estimate(row.estimate, row.conf_low, row.conf_high) if wide else number(row.estimate)
        shown[metric_label(row.metric)] = text
    return shown


def agreement_table(rows: pd.DataFrame) -> GT:
    """Agreement of the maps of two seeds, one row per task and pair of cells.

    Parameters
    ----------
    rows : task, arm, seed, other_seed, metric, n, estimate, conf_low, conf_high, conf_level, note
    """
    keys = ["task", "arm", "seed", "other_seed"]
    lines = [
        {
            "Task": str(task),
            "Arm": str(arm),
            "Seeds": f"{seed} and {other}",
        }
        | _values(part, limits=True)
        for (task, arm, seed, other), part in rows.groupby(keys, sort=False)
    ]
    numbers = ["n", *(metric_label(metric) for metric in dict.fromkeys(rows["metric"]))]
    return styled(pd.DataFrame(lines), numbers=numbers, groups="Task", notes=_notes(rows), bold="Arm")


def _notes(rows: pd.DataFrame) -> list[str]:
    """Level of the intervals, and what a reader must know about them or about single rows."""
    levels = rows["conf_level"].dropna().unique()
    notes = [f"Intervals cover {100 * levels[0]:g} %."] if len(levels) == 1 else []
    if rows["n_groups"].notna().any():
        notes.append("They draw whole patients.")
    texts = rows["note"].dropna().str.split("; ").explode()
    rough, flat = texts.str.contains("intervals are rough"), texts.str.contains("has no width")
    if rough.any():
        few = ", ".join(sorted({text.split()[1] for text in texts[rough]}, key=int))
        notes.append(f"Intervals from few patients are rough (rows with {few} patients).")
    if flat.any():
        notes.append("A value without interval is the same in all bootstrap samples.")
    rest = dict.fromkeys(texts[~rough & ~flat])
    return notes + [f"{text[:1].upper()}{text[1:]}." for text in rest]
