"""Tables and JSON of a store: from frames and mappings to the bytes of a file, and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa

from data.atomic import json_bytes, parquet_bytes
from data.place.base import Place
from data.tables import parse_table


def write_frame(
    place: Place, name: str, frame: pd.DataFrame, types: Mapping[str, pa.DataType] | None = None
) -> None:
    """Write a frame without its index as parquet; see `data.atomic.write_parquet` for types and errors."""
    place.write_bytes(name, parquet_bytes(PurePosixPath(name), frame, types or {}))


def read_frame(
    place: Place, name: str, *, types: Mapping[str, pa.DataType] | None = None, needed: Collection[str] = ()
) -> pd.DataFrame:
    """Return a stored table; with `types` its columns are checked, and `needed` must be among them.

    Raises
    ------
    FileNotFoundError : there is no such file
    ValueError : it is damaged
    """
    return parse_table(place.read_bytes(name), place.full(name), types=types, needed=needed)


def write_json(place: Place, name: str, value: Mapping[str, Any]) -> None:
    """Write plain values; see `data.atomic.write_json`."""
    place.write_bytes(name, json_bytes(dict(value)))


def existing(place: Place, name: str, what: str) -> bytes:
    """Content of a file that a run leaves.

    Raises
    ------
    FileNotFoundError : it is absent; the message says `what` the store lacks
    """
    try:
        return place.read_bytes(name)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The store '{place.where}' has {what}. Run `study run-grid` on this store first."
        ) from None
