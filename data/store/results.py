"""Result tables: parquet for programs, CSV for people, the same numbers in both."""

from __future__ import annotations

import pandas as pd

from data.place.base import Place
from data.store.files import read_frame, write_frame
from data.store.layout import RESULTS, result_name, stem
from data.tables import csv_text


def write_result(place: Place, table: str, frame: pd.DataFrame) -> None:
    """Write a result table as parquet and as CSV with 17 significant digits, which lose no bit."""
    place.write_bytes(result_name(table, ".csv"), csv_text(frame).encode("utf-8"))
    write_frame(place, result_name(table), frame)


def read_result(place: Place, table: str) -> pd.DataFrame:
    """Return a result table; FileNotFoundError names the command to run where it is absent."""
    try:
        return read_frame(place, result_name(table))
    except FileNotFoundError:
        present = ", ".join(results(place)) or "none"
        raise FileNotFoundError(
            f"The store '{place.where}' has no result table '{table}' (tables: {present}). "
            f"Run `study stats {place.where}` first."
        ) from None


def results(place: Place) -> list[str]:
    """Return the names of the result tables, sorted."""
    return [stem(name) for name in place.names(RESULTS, ".parquet")]
