"""Predictions and history of one cell: columns, types, values, and agreement with manifest and split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.splits.folds import fold_split
from data.tables import HISTORY_TYPES, PREDICTION_TYPES, check_predictions, naming

# The score is computed in float64 from the two float32 logits; another library's exp may differ in last bits.
SCORE_TOLERANCE = 1e-12
_OPTIONAL = {"logit_0", "logit_1"}


def prediction_faults(
    content: bytes,
    row: Mapping[str, Any],
    *,
    manifest: pd.DataFrame | None,
    split: pd.DataFrame | None,
) -> Iterator[str]:
    """What is wrong with the predictions of a cell.

    Parameters
    ----------
    content : a parquet file
    row : the cell's row
    manifest, split : those of its task; None = not to be compared (a cell of an earlier study file)
    """
    cell_id = str(row["cell_id"])
    try:
        frame, faults = _read(content, PREDICTION_TYPES, optional=_OPTIONAL, exact=True)
        if faults:
            yield from faults
            return
        check_predictions(frame, cell_id)
    except ValueError as error:
        yield str(error)
        return
    for name in ("seed", "fold"):
        if name in row and not (frame[name] == row[name]).all():
            yield f"its `{name}` is not that of the cell's row ({row[name]})"
    yield from _score_faults(frame)
    if manifest is not None and split is not None:
        yield from _image_faults(frame, manifest, fold_split(split, int(row.get("fold") or 0)))


def history_faults(content: bytes, cell_id: str) -> Iterator[str]:
    """What is wrong with the learning history of a cell: epochs 0, 1, ... of this cell."""
    try:
        frame, faults = _read(content, HISTORY_TYPES, optional=set(), exact=False)
    except ValueError as error:
        yield str(error)
        return
    if faults:
        yield from faults
    elif not (frame["cell_id"] == cell_id).all():
        yield "it holds rows of another cell"
    elif frame["epoch"].tolist() != list(range(len(frame))) or frame.empty:
        yield f"its epochs are not 0 to {len(frame) - 1} in order"


def _read(
    content: bytes, types: Mapping[str, pa.DataType], *, optional: set[str], exact: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The table and what is wrong with its columns."""
    with (
        naming("it"),
        pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file,
    ):
        found = {field.name: field.type for field in file.schema_arrow}
        faults = [f"it lacks the column `{name}`" for name in types if name not in {*found, *optional}]
        faults += [
            f"its column `{name}` holds {kind} instead of {types[name]}"
            for name, kind in found.items()
            if name in types and kind != types[name]
        ]
        if exact:
            faults += [f"its column `{name}` is not known" for name in found if name not in types]
        return file.read(use_threads=False).to_pandas(), faults


def _score_faults(frame: pd.DataFrame) -> Iterator[str]:
    score = frame["score"].to_numpy()
    outside = (score < 0) | (score > 1)
    if outside.any():
        yield f"{int(outside.sum())} score(s) lie outside 0 to 1 ({_ids(frame, outside)})"
    if not set(frame.columns) >= _OPTIONAL:
        return
    margin = frame["logit_1"].to_numpy(np.float64) - frame["logit_0"].to_numpy(np.float64)
    off = np.abs(np.exp(-np.logaddexp(0.0, -margin)) - score) > SCORE_TOLERANCE
    if off.any():
        yield f"{int(off.sum())} score(s) are not the softmax of their logits ({_ids(frame, off)})"


def _image_faults(frame: pd.DataFrame, manifest: pd.DataFrame, split: pd.DataFrame) -> Iterator[str]:
    part = split.set_index("image_id")["split"]
    wanted = part[part.isin(["val", "test"])]
    scored = frame[frame["split"].isin(["val", "test"])].set_index("image_id")["split"]
    absent = wanted.index.difference(scored.index)
    if len(absent):
        yield f"{len(absent)} image(s) of the split have no prediction (image_id '{absent[0]}')"
    moved = frame["split"].to_numpy() != part.reindex(frame["image_id"]).to_numpy()
    if moved.any():
        yield f"{int(moved.sum())} image(s) are not in that part of the split ({_ids(frame, moved)})"
    known = manifest.set_index("image_id").reindex(frame["image_id"])
    for name in ("label", "group_id"):
        here, there = frame[name].to_numpy(object), known[name].to_numpy(object)
        same = (here == there) | (pd.isna(here) & pd.isna(there))
        if not same.all():
            yield f"{int((~same).sum())} `{name}` differ from the manifest ({_ids(frame, ~same)})"


def _ids(frame: pd.DataFrame, rows: np.ndarray) -> str:
    return "image_id " + ", ".join(repr(str(name)) for name in frame["image_id"][rows].head(3))
