"""Cell rows: one small JSON file per cell, checked when written and when read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from data.names import check_name

STATUSES = ("done", "failed")


def checked_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with `reason` present.

    Raises
    ------
    ValueError : cell_id, task or status is missing or unusable
    TypeError : a value is not a text, number, boolean or None
    """
    missing = [key for key in ("cell_id", "task", "status") if key not in row]
    if missing:
        raise ValueError(f"A cell row needs {', '.join(f'`{key}`' for key in missing)}.")
    check_name("cell_id", row["cell_id"])
    check_name("task", row["task"])
    if row["status"] not in STATUSES:
        raise ValueError(f"`status` must be one of {', '.join(STATUSES)}, but {row['status']!r} came.")
    for key, value in row.items():
        if not isinstance(value, str | int | float | bool | np.generic | None):
            raise TypeError(
                f"Cell '{row['cell_id']}': `{key}` must be a text, number, boolean or None, "
                f"but a {type(value).__name__} came."
            )
    return {"reason": None, **row}


def parse_row(content: bytes, cell_id: str) -> dict[str, Any]:
    """Return the row that a cell file holds.

    Raises
    ------
    ValueError : the file is damaged; the message says how
    """
    try:
        row = json.loads(content.decode("utf-8"))
        if row["cell_id"] != cell_id or row["status"] not in STATUSES:
            raise ValueError("its cell_id or status does not fit")
        check_name("task", row["task"])
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return row


def frame_of_rows(rows: Iterable[Mapping[str, Any]], *, first: Sequence[str]) -> pd.DataFrame:
    """Make a frame with one kind of values per column from rows whose keys may differ.

    Columns named in `first` lead and always exist. Null keeps whole numbers whole (Int64) and booleans
    boolean; a column with texts and other values becomes text.
    """
    rows = list(rows)
    names = list(dict.fromkeys([*first, *(name for row in rows for name in row)]))
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names}, columns=names)


def _column(values: list[Any]) -> pd.Series:
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pd.Series(values, dtype="object")
    if str in kinds:
        return pd.Series([None if value is None else str(value) for value in values])
    if None not in values:
        return pd.Series(values)
    if kinds <= {bool}:
        return pd.Series(values, dtype="boolean")
    return pd.Series(values, dtype="Int64" if kinds <= {int} else "float64")
