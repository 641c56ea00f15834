"""Cells: their rows, predictions and histories. The row is written last and makes the cell exist."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from data.place.base import Place
from data.rows import checked_row, frame_of_rows, parse_row
from data.store.files import write_frame, write_json
from data.store.layout import CELLS, part_name, row_name, stem
from data.tables import HISTORY_TYPES, PREDICTION_TYPES, check_predictions, naming, sort_predictions


def write_cell(
    place: Place, row: Mapping[str, Any], predictions: pd.DataFrame | None, history: pd.DataFrame | None
) -> None:
    """Write one finished or failed cell (see `Store.write_cell`)."""
    row = checked_row(row)
    cell_id, task, done = row["cell_id"], row["task"], row["status"] == "done"
    if done != (predictions is not None) or (history is not None and not done):
        raise ValueError(
            f"Cell '{cell_id}' is {row['status']}: a done cell has predictions, "
            "a failed cell has its row alone."
        )
    if predictions is None:
        # The row goes first: readers must never see a done row without its predictions.
        write_json(place, row_name(cell_id), row)
        place.remove(part_name("predictions", task, cell_id))
        place.remove(part_name("history", task, cell_id))
        return
    check_predictions(predictions, cell_id)
    write_frame(
        place, part_name("predictions", task, cell_id), sort_predictions(predictions), PREDICTION_TYPES
    )
    if history is not None:
        frame = history.drop(columns="cell_id", errors="ignore")
        frame.insert(0, "cell_id", cell_id)
        write_frame(place, part_name("history", task, cell_id), frame, HISTORY_TYPES)
    write_json(place, row_name(cell_id), row)


def read_row(place: Place, cell_id: str) -> dict[str, Any] | None:
    """Return the row of a cell; None where there is none, and, with a warning, where it is damaged."""
    name = row_name(cell_id)
    try:
        return parse_row(place.read_bytes(name), cell_id)
    except FileNotFoundError:
        return None
    except ValueError as error:
        warnings.warn(
            f"The cell file '{place.full(name)}' is damaged ({error}) and counts as not run. "
            "Run the grid again.",
            stacklevel=2,
        )
        return None


def cells_frame(place: Place) -> pd.DataFrame:
    """Return one row per cell (see `Store.cells`)."""
    ids = map(stem, place.names(CELLS, ".json"))
    rows = [row for cell_id in ids if (row := read_row(place, cell_id)) is not None]
    frame = frame_of_rows(rows, first=("cell_id", "status", "reason", "task"))
    keys = [key for key in ("index", "cell_id") if key in frame.columns]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def done_cells(place: Place, task: str | None, cell_ids: Collection[str] | None) -> list[tuple[str, str]]:
    """Return (task, cell_id) of done cells, ordered by task, then as `cells_frame`.

    Raises
    ------
    ValueError : unknown task, or a cell that is not done
    """
    if isinstance(cell_ids, str):
        raise TypeError(f"`cell_ids` must be a list of ids, not the text {cell_ids!r}.")
    cells = cells_frame(place)
    done = cells[cells["status"] == "done"]
    if task is not None:
        if task not in set(cells["task"]):
            present = ", ".join(sorted(cells["task"].unique())) or "none"
            raise ValueError(f"The store '{place.where}' has no cell of task '{task}' (tasks: {present}).")
        done = done[done["task"] == task]
    if cell_ids is not None:
        missing = sorted(set(cell_ids) - set(done["cell_id"]))
        if missing:
            raise ValueError(
                f"{len(missing)} cell(s) are not done in the store '{place.where}'"
                f"{'' if task is None else f' for task {task!r}'}, "
                f"first '{missing[0]}'. Run the grid again."
            )
        done = done[done["cell_id"].isin(list(cell_ids))]
    done = done.sort_values("task", kind="stable")
    return list(zip(done["task"], done["cell_id"], strict=True))


def read_part(place: Place, part: str, task: str, cell_id: str) -> tuple[bytes, str]:
    """Return the content and the full name of a cell's predictions or history."""
    name = part_name(part, task, cell_id)
    with naming(place.full(name)):
        return place.read_bytes(name), place.full(name)
