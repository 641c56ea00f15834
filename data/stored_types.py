"""Whether a table of a store has the columns and types that this program writes.

Whoever reads a store that somebody else made, or that was damaged, must not be told numbers from columns that
hold something else, nor meet an error from deep within a library.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.types as kinds


def as_stored(
    table: pa.Table, file: str, *, types: Mapping[str, pa.DataType], needed: Collection[str] = ()
) -> pa.Table:
    """The table with its known columns in their types; further columns must hold plain values.

    Parameters
    ----------
    types : Arrow type of each known column
    needed : columns that must be there

    Raises
    ------
    ValueError : a column is missing, stands twice, or holds values of another kind; the message names `file`
    """
    names = table.column_names
    missing = [name for name in needed if name not in names]
    if missing:
        raise _fault(file, f"it has no column {', '.join(map(repr, missing))}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _fault(file, f"it has the column {twice[0]!r} twice")
    for place, (name, column) in enumerate(zip(names, table.columns, strict=True)):
        wanted = types.get(name)
        if wanted is None and kinds.is_nested(column.type):
            raise _fault(file, f"its column {name!r} holds {column.type}, and not one value per row")
        if wanted is None or column.type == wanted:
            continue
        table = table.set_column(place, name, _cast(column, name, wanted, file))
    return table


def to_frame(table: pa.Table, file: str) -> pd.DataFrame:
    """The table as a frame with the same columns.

    Raises
    ------
    ValueError : what the file says of itself for pandas does not fit its columns; the message names `file`
    """
    try:
        frame = table.to_pandas()
    except Exception as error:
        # Arrow believes these notes; where they are false, anything may be raised.
        raise _fault(file, f"its columns do not fit its notes ({type(error).__name__}: {error})") from error
    if list(frame.columns) != table.column_names:
        raise _fault(file, "its notes take a column away")
    return frame


def _cast(column: pa.ChunkedArray, name: str, wanted: pa.DataType, file: str) -> pa.ChunkedArray:
    if _kind(column.type) not in (_kind(wanted), "null") and column.null_count < len(column):
        raise _fault(file, f"its column {name!r} holds {column.type}, but {wanted} is needed")
    try:
        return column.cast(wanted)
    except pa.ArrowException as error:
        raise _fault(file, f"its column {name!r} does not fit {wanted} ({error})") from error


def _kind(found: pa.DataType) -> str:
    """What a type holds, without its width."""
    if kinds.is_dictionary(found):
        return _kind(found.value_type)
    if kinds.is_integer(found) or kinds.is_floating(found):
        return "number"
    if kinds.is_string(found) or kinds.is_large_string(found) or kinds.is_string_view(found):
        return "text"
    return "null" if kinds.is_null(found) else str(found)


def _fault(file: str, what: str) -> ValueError:
    return ValueError(
        f"The file '{file}' is damaged or was not written by this program: {what}. Delete it and, for a "
        "cell, its file in `cells/`, then run the grid again."
    )
