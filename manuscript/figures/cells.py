"""What the figures of the cells share: one row per cell and factor, labels that fit, what is left out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from plotnine import element_text, guide_legend, guides, theme

from manuscript.grid import as_levels, level_order
from manuscript.text import count, factor_name, join_words
from manuscript.theme import WIDTH_MM

MM_PER_LETTER = 1.8  # of a legend at the base size, in the mean
_AXIS_MM = 1.6  # of a letter of an axis
_NOTE_MM = 1.5  # of a letter of a note below a figure
_KEY_MM = 9.0  # of a legend: a key and the space around it


def by_factor(
    metrics: pd.DataFrame, factors: list[str], *, study: Mapping[str, Any], arm: str, value: str
) -> pd.DataFrame:
    """One row per cell and factor: task, arm, factor, level, value.

    Cells without the value, without an arm, or that do not use the factor have no row; `left_out` counts
    the first two.
    """
    metrics = metrics[metrics[value].notna() & metrics[arm].notna()]
    parts, order = [], []
    for name in factors:
        used = metrics[metrics[name].notna()]
        levels = as_levels(study, name, used[name])
        order += [level for level in levels.cat.categories if level not in order]
        parts.append(
            pd.DataFrame(
                {
                    "cell_id": used["cell_id"],
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


def left_out(
    metrics: pd.DataFrame, values: Mapping[str, str], *, arm: str | None = None, failed: int = 0
) -> str:
    """`Not shown: 2 cells without AUC on test, 1 failed cell.`; empty where every cell is shown.

    Parameters
    ----------
    metrics : one row per done cell
    values : column of a metric and its name for people
    arm : a factor without which a cell has no place in the figure
    failed : number of planned cells that failed
    """
    parts = [
        f"{count(int(metrics[column].isna().sum()), 'cell')} without {label}"
        for column, label in values.items()
        if metrics[column].isna().any()
    ]
    if arm is not None and metrics[arm].isna().any():
        parts.append(f"{count(int(metrics[arm].isna().sum()), 'cell')} without a level of {factor_name(arm)}")
    if failed:
        parts.append(count(failed, "failed cell"))
    return wrapped(f"Not shown: {join_words(parts)}.") if parts else ""


def slanted_labels(panels: Iterable[Iterable[str]], *, width_mm: float = WIDTH_MM["page"]) -> theme:
    """Slant the labels of an axis where those of all panels, side by side, would run into each other."""
    # Levels stand at equal distances: each takes the room of the longest of its panel.
    letters = sum(
        len(labels) * (2 + max(map(len, labels))) for panel in panels if (labels := [str(x) for x in panel])
    )
    fits = _AXIS_MM * letters <= width_mm - 20
    return theme(axis_text_x=element_text() if fits else element_text(rotation=35, ha="right"))


def wide_legend(
    labels: Iterable[str],
    aesthetics: Sequence[str] = ("color", "shape"),
    *,
    title: str = "",
    width_mm: float = WIDTH_MM["page"],
) -> guides:
    """One legend for several aesthetics, in as many columns as its labels leave room for."""
    labels = [str(label) for label in labels]
    longest = max((len(label) for label in labels), default=1)
    room = width_mm - 8 - MM_PER_LETTER * len(title)
    columns = max(1, min(len(labels), int(room // (_KEY_MM + MM_PER_LETTER * longest))))
    # A guide of its own for each: a shared one keeps what the last aesthetic wrote into it.
    return guides(**{name: guide_legend(ncol=columns) for name in aesthetics})


def wrapped(text: str, *, width_mm: float = WIDTH_MM["page"]) -> str:
    """A note below a figure, broken into lines that fit its width."""
    return "\n".join(textwrap.wrap(text, max(20, int((width_mm - 15) / _NOTE_MM))))


def point_size(n_cells: int) -> float:
    """Smaller points for larger grids, so that they stay apart."""
    return 1.8 if n_cells <= 60 else 1.2
