"""Column types of the stored tables, their checks, and reading many small parquet files as one frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.stored_types import as_stored, to_frame

SPLITS = ("train", "val", "test")

MANIFEST_TYPES = {
    "image_id": pa.string(),
    "path": pa.string(),
    "group_id": pa.string(),
    "class": pa.string(),
    "label": pa.int8(),
    "sha256": pa.string(),
    "width": pa.int64(),
    "height": pa.int64(),
    "mode": pa.string(),
    "mask_path": pa.string(),
    "duplicate_group": pa.string(),
}
SPLIT_TYPES = {"image_id": pa.string(), "split": pa.string(), "fold": pa.int64()}
EXCLUSION_TYPES = {"image_id": pa.string(), "reason": pa.string(), "duplicate_of": pa.string()}
EXCLUSION_COLUMNS = tuple(EXCLUSION_TYPES)
PREDICTION_TYPES = {
    "cell_id": pa.string(),
    "seed": pa.int64(),
    "fold": pa.int64(),
    "split": pa.string(),
    "image_id": pa.string(),
    "group_id": pa.string(),
    "label": pa.int8(),
    "score": pa.float64(),
    "logit_0": pa.float32(),
    "logit_1": pa.float32(),
}
GRID_TYPES = {"cell_id": pa.string(), "task": pa.string(), "index": pa.int64()}
HISTORY_TYPES = {"cell_id": pa.string(), "epoch": pa.int64()}
_OPTIONAL_PREDICTIONS = {"logit_0", "logit_1"}


def check_predictions(frame: pd.DataFrame, cell_id: str) -> None:
    """Refuse predictions that would give silent wrong numbers later.

    Raises
    ------
    ValueError : a column is missing, the rows are of another cell, a split, label or score is impossible,
        or an image stands twice in a split
    """
    missing = [name for name in PREDICTION_TYPES if name not in frame and name not in _OPTIONAL_PREDICTIONS]
    if missing:
        raise ValueError(f"The predictions of cell '{cell_id}' lack the column(s) {', '.join(missing)}.")
    _refuse(frame, frame["cell_id"] != cell_id, cell_id, "belong to another cell")
    _refuse(
        frame, ~frame["split"].isin(SPLITS), cell_id, f"have a split that is not one of {', '.join(SPLITS)}"
    )
    _refuse(frame, ~frame["label"].isin([0, 1]), cell_id, "have a label that is not 0 or 1")
    for name in ("score", "logit_0", "logit_1"):
        if name in frame:
            finite = np.isfinite(frame[name].to_numpy(dtype="float64"))
            _refuse(frame, ~finite, cell_id, f"have a `{name}` that is not finite; record the cell as failed")
    _refuse(frame, frame.duplicated(["split", "image_id"]), cell_id, "repeat an image of their split")


def sort_predictions(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows ordered by split (train, val, test) and image_id."""
    order = frame["split"].map(SPLITS.index)
    return (
        frame.assign(_order=order)
        .sort_values(["_order", "image_id"], ignore_index=True)
        .drop(columns="_order")
    )


def csv_text(frame: pd.DataFrame) -> str:
    """Return the frame as CSV text, without its index, that loses no bit of a number.

    Floats have 17 significant digits, null is an empty field, an empty text is `""`. Lines end with a
    line feed; texts with commas, quotes or line ends of any kind are quoted. (`DataFrame.to_csv` leaves a
    carriage return bare, and readers then see two rows.)
    """
    columns = [[_field(value) for value in frame[name]] for name in frame.columns]
    lines = [",".join(fields) for fields in zip(*columns, strict=True)]
    return "\n".join([",".join(_field(str(name)) for name in frame.columns), *lines, ""])


def read_table(
    path: Path, *, types: Mapping[str, pa.DataType] | None = None, needed: Collection[str] = ()
) -> pd.DataFrame:
    """Return a stored table; a damaged file is a ValueError that names it (see `parse_table`)."""
    with naming(str(path)):
        content = path.read_bytes()
    return parse_table(content, str(path), types=types, needed=needed)


def parse_table(
    content: bytes, file: str, *, types: Mapping[str, pa.DataType] | None = None, needed: Collection[str] = ()
) -> pd.DataFrame:
    """Return the table in the content of a parquet file; `file` is its name for the ValueError.

    With `types` its columns are checked by `data.stored_types.as_stored`; `needed` must be among them.
    """
    table = _parse(content, file, None)
    if types is not None:
        table = as_stored(table, file, types=types, needed=needed)
    return to_frame(table, file)


def read_parts(
    parts: Iterable[tuple[str, bytes, str]],
    *,
    kind: str,
    splits: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read parquet files one after another into one frame, keeping their order.

    Parameters
    ----------
    parts : task, content and name of each file
    kind : "predictions", whose files hold the columns of PREDICTION_TYPES, or "history", which gains `task`
    """
    _check_selection(splits, columns)
    wanted = None if columns is None else [name for name in columns if name != "task"]
    types = PREDICTION_TYPES if kind == "predictions" else HISTORY_TYPES
    tables = []
    for task, content, file in parts:
        table = _parse(content, file, wanted if splits is None else _with_split(wanted))
        needed = [name for name in types if name not in _OPTIONAL_PREDICTIONS] if columns is None else ()
        table = as_stored(table, file, types=types, needed=needed)
        if splits is not None:
            table = table.filter(pc.is_in(table["split"], value_set=pa.array(sorted(splits), pa.string())))
        if (columns is not None and "task" in columns) or kind == "history":
            table = table.add_column(0, "task", pa.array([task] * table.num_rows, pa.string()))
        tables.append(table)
    if not tables:
        empty = types if kind == "predictions" else {"task": pa.string(), **types}
        return pd.DataFrame(columns=list(empty if columns is None else columns))
    frame = to_frame(pa.concat_tables(tables, promote_options="permissive"), file)
    return frame if columns is None else frame[list(columns)]


def read_splits(
    content: bytes, file: str, *, splits: Collection[str], columns: Sequence[str]
) -> dict[str, pa.Table]:
    """Read some columns of one file of predictions, apart by split.

    Parameters
    ----------
    columns : of PREDICTION_TYPES; logits are left out where the file has none

    Returns
    -------
    split -> table, in the order of `splits`, for those that have rows; the order of rows is that of the file

    Raises
    ------
    ValueError : the file is damaged or lacks a column that predictions must have
    """
    _check_selection(splits, columns)
    table = _parse(content, file, _with_split(columns), optional=_OPTIONAL_PREDICTIONS)
    table = as_stored(table, file, types=PREDICTION_TYPES)
    parts = {split: table.filter(pc.equal(table["split"], split)) for split in splits}
    return {
        split: part if "split" in columns else part.drop_columns("split")
        for split, part in parts.items()
        if part.num_rows
    }


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Make errors of reading a parquet file a ValueError that names it and says what to do."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:  # damaged metadata may raise any
        raise ValueError(
            f"The file '{file}' cannot be read ({error}). Delete it and, for a cell, its file in `cells/`, "
            "then run the grid again."
        ) from error


def _parse(
    content: bytes, file: str, columns: Sequence[str] | None, *, optional: Collection[str] = ()
) -> pa.Table:
    with naming(file), pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as parquet:
        absent = set(columns or ()) - set(parquet.schema_arrow.names)
        unknown = sorted(absent - set(optional))
        if not unknown:
            wanted = None if columns is None else [name for name in columns if name not in absent]
            return parquet.read(columns=wanted, use_threads=False)
        present = ", ".join(parquet.schema_arrow.names)
    raise ValueError(f"'{file}' has no column {', '.join(map(repr, unknown))}; it has {present}.")


def _with_split(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(dict.fromkeys([*columns, "split"]))


def _check_selection(splits: Collection[str] | None, columns: Sequence[str] | None) -> None:
    for name, value in (("splits", splits), ("columns", columns)):
        if isinstance(value, str):
            raise TypeError(f"`{name}` must be a list of names, not the text {value!r}.")
    unknown = sorted(set(splits or ()) - set(SPLITS))
    if unknown:
        raise ValueError(f"`splits` names {unknown[0]!r}; the splits are {', '.join(SPLITS)}.")


def _field(value: object) -> str:
    if isinstance(value, str):
        quoted = value == "" or any(sign in value for sign in ',"\r\n')
        return '"' + value.replace('"', '""') + '"' if quoted else value
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else format(value, ".17g")
    return _field(str(value))


def _refuse(frame: pd.DataFrame, bad: pd.Series | np.ndarray, cell_id: str, what: str) -> None:
    bad = np.asarray(bad)
    if bad.any():
        first = ", ".join(repr(str(name)) for name in frame["image_id"][bad].head(3))
        raise ValueError(f"{int(bad.sum())} prediction(s) of cell '{cell_id}' {what} (image_id {first}).")
