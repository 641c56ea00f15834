"""Cells: their rows, predictions and histories. The row is written last and makes the cell exist."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from data.atomic import parquet_bytes
from data.place.base import Place
from data.rows import checked_row, frame_of_rows, parse_row
from data.store.checksums import FILES, Checksum, sealed, unsealed
from data.store.damage import DamagedFileError
from data.store.files import write_json
from data.store.layout import CELLS, checkpoint_name, part_name, row_name, stem
from data.store.packs.view import pack_faults
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
        write_row(place, row)
        place.remove(part_name("predictions", task, cell_id))
        place.remove(part_name("history", task, cell_id))
        return
    check_predictions(predictions, cell_id)
    frames = {"predictions": (sort_predictions(predictions), PREDICTION_TYPES)}
    if history is not None:
        frame = history.drop(columns="cell_id", errors="ignore")
        frame.insert(0, "cell_id", cell_id)
        frames["history"] = (frame, HISTORY_TYPES)
    kept = {}
    for part, (frame, types) in frames.items():
        name = part_name(part, task, cell_id)
        content = parquet_bytes(PurePosixPath(name), frame, types)
        place.write_bytes(name, content)
        kept[part] = Checksum.of(content).to_dict()
    write_row(place, {**row, FILES: kept})


def write_row(place: Place, row: Mapping[str, Any]) -> None:
    """Write the row of a cell with its seal."""
    write_json(place, row_name(row["cell_id"]), sealed(row))


def record_checkpoint(place: Place, cell_id: str, checksum: Checksum | None) -> None:
    """Put the checksum of a cell's checkpoint into its row, or take it out; no row, no record."""
    row = read_row(place, cell_id)
    if row is None:
        return
    files = {name: value for name, value in row.get(FILES, {}).items() if name != "checkpoint"}
    if checksum is not None:
        files["checkpoint"] = checksum.to_dict()
    write_row(place, {**row, FILES: files})


def has_checkpoint(place: Place, cell_id: str) -> bool:
    """Whether a cell has a checkpoint that was kept to the end; before there were checksums, a file."""
    if not place.exists(checkpoint_name(cell_id)):
        return False
    row = read_row(place, cell_id)
    return row is None or FILES not in row or "checkpoint" in row[FILES]


def read_checkpoint(place: Place, cell_id: str) -> Path:
    """Return a file of this machine with a cell's trained tensors (see `Store.read_checkpoint`)."""
    name = checkpoint_name(cell_id)
    try:
        path = place.local(name)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no checkpoint '{place.full(name)}'; run the grid again to write it."
        ) from None
    row = read_row(place, cell_id) or {}
    record = row.get(FILES, {}).get("checkpoint")
    if record is not None and Checksum.of_file(path) != Checksum.parse(record):
        raise DamagedFileError.named(place, name, "its SHA-256 is another one than when it was written")
    return path


def read_row(place: Place, cell_id: str) -> dict[str, Any] | None:
    """Return the row of a cell; None where there is none, and, with a warning, where it is damaged."""
    try:
        return load_row(place, cell_id)
    except FileNotFoundError:
        return None
    except ValueError as error:
        _warned(place, cell_id, error)
        return None


def load_row(place: Place, cell_id: str) -> dict[str, Any]:
    """Return the row of a cell.

    Raises
    ------
    FileNotFoundError : there is none
    ValueError : it is damaged; the message says how
    """
    return unsealed(parse_row(place.read_bytes(row_name(cell_id)), cell_id))


def read_rows(place: Place) -> list[dict[str, Any]]:
    """Return the rows of all cells by cell_id; a damaged one is left out with a warning that names it."""
    rows = []
    for name, fault in pack_faults(place).items():
        _warn(place, name, fault)
    for name, content in place.read_many(place.names(CELLS, ".json")).items():
        try:
            rows.append(unsealed(parse_row(content, stem(name))))
        except ValueError as error:
            _warned(place, stem(name), error)
    return rows


def cells_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one line per row, without checksums (see `Store.cells`)."""
    plain = [{key: value for key, value in row.items() if key != FILES} for row in rows]
    frame = frame_of_rows(plain, first=("cell_id", "status", "reason", "task"))
    keys = [key for key in ("index", "cell_id") if key in frame.columns]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def done_rows(
    rows: Sequence[Mapping[str, Any]], where: str, task: str | None, cell_ids: Collection[str] | None
) -> list[Mapping[str, Any]]:
    """Return the rows of done cells, ordered by task, then as `cells_frame`.

    Parameters
    ----------
    rows : those of all cells;  where : the store, for messages

    Raises
    ------
    ValueError : unknown task, or a cell that is not done
    """
    if isinstance(cell_ids, str):
        raise TypeError(f"`cell_ids` must be a list of ids, not the text {cell_ids!r}.")
    if task is not None:
        tasks = sorted({row["task"] for row in rows})
        if task not in tasks:
            present = ", ".join(tasks) or "none"
            raise ValueError(f"The store '{where}' has no cell of task '{task}' (tasks: {present}).")
    done = {
        row["cell_id"]: row
        for row in rows
        if row["status"] == "done" and (task is None or row["task"] == task)
    }
    if cell_ids is not None:
        missing = sorted(set(cell_ids) - set(done))
        if missing:
            raise ValueError(
                f"{len(missing)} cell(s) are not done in the store '{where}'"
                f"{'' if task is None else f' for task {task!r}'}, "
                f"first '{missing[0]}'. Run the grid again."
            )
        wanted = set(cell_ids)
        done = {cell_id: row for cell_id, row in done.items() if cell_id in wanted}
    ordered = cells_frame(list(done.values())).sort_values("task", kind="stable")
    return [done[cell_id] for cell_id in ordered["cell_id"]]


def read_part(place: Place, part: str, row: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the content and the full name of a cell's predictions or history.

    Raises
    ------
    DamagedFileError : the content is not the one that the row records
    """
    name = part_name(part, row["task"], row["cell_id"])
    record = row.get(FILES, {}).get(part)
    try:
        content = place.read_bytes(name)
    except FileNotFoundError:
        if record is not None:
            raise DamagedFileError.named(place, name, "it is missing") from None
        with naming(place.full(name)):
            raise
    fault = None if record is None else Checksum.parse(record).fault(content)
    if fault is not None:
        raise DamagedFileError.named(place, name, fault)
    return content, place.full(name)


def recorded_hash(place: Place, part: str, row: Mapping[str, Any]) -> str:
    """SHA-256 of a cell's predictions or history as its row records it, else of the file."""
    record = row.get(FILES, {}).get(part)
    if record is not None:
        return Checksum.parse(record).sha256
    return Checksum.of(read_part(place, part, row)[0]).sha256


def has_part(place: Place, part: str, row: Mapping[str, Any]) -> bool:
    """Whether a cell has such a file, or should have."""
    name = part_name(part, row["task"], row["cell_id"])
    return part in row[FILES] if FILES in row else place.exists(name)


def _warned(place: Place, cell_id: str, error: ValueError) -> None:
    _warn(place, row_name(cell_id), str(error))


def _warn(place: Place, name: str, fault: str) -> None:
    warnings.warn(
        f"The cell file '{place.full(name)}' is damaged ({fault}) and counts as not run. Run the grid again.",
        stacklevel=4,
    )
