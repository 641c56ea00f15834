"""Result tables: parquet for programs, CSV for people, the same numbers in both, and their checksums."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from data.atomic import parquet_bytes
from data.place.base import Place
from data.store.checksums import Checksum, sealed, unsealed
from data.store.damage import DamagedFileError
from data.store.files import write_json
from data.store.layout import RESULT_INDEX, RESULTS, result_name, stem
from data.tables import csv_text, parse_table


def write_result(place: Place, table: str, frame: pd.DataFrame) -> None:
    """Write a result table as parquet and as CSV with 17 significant digits, which lose no bit."""
    content = {
        result_name(table, ".csv"): csv_text(frame).encode("utf-8"),
        result_name(table): parquet_bytes(PurePosixPath(result_name(table)), frame, {}),
    }
    for name, bytes_ in content.items():
        place.write_bytes(name, bytes_)
    _write_index(place, _index(place) | {name: Checksum.of(bytes_) for name, bytes_ in content.items()})


def remove_results(place: Place, tables: Collection[str]) -> None:
    """Delete result tables (see `Store.remove_results`)."""
    names = {result_name(table, suffix) for table in tables for suffix in (".parquet", ".csv")}
    removed = [place.remove(name) for name in sorted(names)]
    index = _index(place)
    if any(removed) or names & set(index):
        _write_index(place, {name: record for name, record in index.items() if name not in names})


def read_result(place: Place, table: str) -> pd.DataFrame:
    """Return a result table (see `Store.read_result`)."""
    name = result_name(table)
    try:
        content = place.read_bytes(name)
    except FileNotFoundError:
        present = ", ".join(results(place)) or "none"
        raise FileNotFoundError(
            f"The store '{place.where}' has no result table '{table}' (tables: {present}). "
            f"Run `study stats {place.where}` first."
        ) from None
    record = result_checksums(place).get(name)
    fault = None if record is None else record.fault(content)
    if fault is not None:
        raise _damaged(place, name, fault)
    return parse_table(content, place.full(name))


def results(place: Place) -> list[str]:
    """Return the names of the result tables, sorted."""
    return [stem(name) for name in place.names(RESULTS, ".parquet")]


def result_checksums(place: Place) -> dict[str, Checksum]:
    """Checksums of the result files by name; none in a store that was written without them.

    Raises
    ------
    DamagedFileError : the file that holds them is damaged
    """
    try:
        held: dict[str, Any] = unsealed(json.loads(place.read_bytes(RESULT_INDEX)))
        return {name: Checksum.parse(record) for name, record in held.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError) as error:
        raise _damaged(place, RESULT_INDEX, str(error)) from error


def _index(place: Place) -> dict[str, Checksum]:
    """Checksums to go on from. Where they are damaged: none, so that what is written now is known again."""
    try:
        return result_checksums(place)
    except DamagedFileError:
        return {}


def _write_index(place: Place, index: Mapping[str, Checksum]) -> None:
    write_json(place, RESULT_INDEX, sealed({name: index[name].to_dict() for name in sorted(index)}))


def _damaged(place: Place, name: str, fault: str) -> DamagedFileError:
    return DamagedFileError(
        f"The file '{place.full(name)}' is damaged: {fault}. "
        f"Run `study stats {place.where}` to write the results anew."
    )
