"""Read a user's CSV, TSV or parquet file: numbers with every digit, and no fault passed over in silence."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stats.levels import is_number

# pandas 3.1 reads every float exactly and has deprecated the option that earlier versions need for it.
_EXACT_FLOATS: dict[str, Any] = (
    {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}
)
_MISSING = ["", "NA"]  # in a column of words
_MISSING_NUMBERS = [*_MISSING, "NaN", "nan", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null"]
_EXACT_WHOLE = 2.0**53  # beyond it float64 cannot tell whole numbers apart


def read_user_table(path: Path) -> pd.DataFrame:
    """Return the table in a .csv, .tsv or .parquet file; numbers keep every digit.

    Empty cells and NA are missing; in a column of numbers so are NaN, N/A, <NA> and null, which in a column
    of words are levels as in R. Whole numbers too long for float64 beside missing values stay text.

    Raises
    ------
    FileNotFoundError, IsADirectoryError : no such file
    ValueError : another kind of file, no rows, rows longer than the header, a column name twice, or
        unreadable content
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file '{path}'. Give the path of a CSV or parquet table.")
    if path.is_dir():
        raise IsADirectoryError(f"'{path}' is a folder. Give the path of a CSV or parquet table.")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".parquet"):
        raise ValueError(f"'{path}' ends in '{suffix}'; allowed are .csv, .tsv and .parquet.")
    try:
        frame = _read_parquet(path) if suffix == ".parquet" else _read_text(path, suffix)
    except UnicodeError as error:
        raise ValueError(f"'{path}' is not UTF-8 text; save it again with the encoding UTF-8.") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, csv.Error, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ValueError(f"'{path}' cannot be read as a table: {reason}.") from error
    if frame.empty:
        raise ValueError(f"'{path}' has no rows; give a table with a header line and at least one row.")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except Exception as error:
        # pandas believes what the file says of its columns; where that is false, anything may be raised.
        raise ValueError(f"damaged or not parquet ({type(error).__name__}: {error})") from error
    for name in frame.columns:
        first = frame[name].dropna().head(1)
        if len(first) and isinstance(first.iloc[0], Decimal):
            frame[name] = frame[name].astype(float)
    return frame


def _read_text(path: Path, suffix: str) -> pd.DataFrame:
    separator = "\t" if suffix == ".tsv" else ","
    _check_lines(path, separator)
    options: dict[str, Any] = {"sep": separator, "keep_default_na": False}
    frame = pd.read_csv(path, low_memory=False, na_values=_MISSING_NUMBERS, **options, **_EXACT_FLOATS)
    spelled = list(frame.columns)
    words = [name for name in frame.columns if not is_number(frame[name]) and frame[name].isna().any()]
    long = [name for name in frame.columns if _lost_digits(frame[name])]
    again = [*words, *long]
    if again:
        text = pd.read_csv(path, usecols=again, dtype=str, na_values=_MISSING, **options)
        for name in again:
            frame[name] = text[name]
    return frame.set_axis([name.strip() for name in spelled], axis=1)


def _check_lines(path: Path, separator: str) -> None:
    """Look at the header and the first row, from which pandas guesses more than it should.

    Raises
    ------
    ValueError : another separator; a name that stands twice; more fields than names, which pandas would take
        for row names and so shift every column
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, delimiter=separator)
        names, first = next(lines, []), next(lines, [])
    other = [mark for mark in (";", "\t", ",") if mark != separator and len(names) == 1 and mark in names[0]]
    if other:
        shown = {"\t": "a tab", ";": "a semicolon", ",": "a comma"}
        raise ValueError(
            f"its first line is one name, {names[0]!r}, and seems to be separated by {shown[other[0]]}; "
            f"separate the columns of a {path.suffix} file by {shown[separator]}"
        )
    names = [name.strip() for name in names]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(f"its header names the column {twice[0]!r} {names.count(twice[0])} times; keep one")
    if len(first) > len(names):
        raise ValueError(
            f"its rows have {len(first)} fields, its header {len(names)} names; give every column a name "
            "and take superfluous separators out"
        )


def _lost_digits(column: pd.Series) -> bool:
    """Whether whole numbers became float64, for the sake of missing values, and lost digits."""
    if column.dtype != np.float64 or not column.isna().any():
        return False
    known = column.dropna()
    return bool((known.abs() >= _EXACT_WHOLE).any() and (known == known.round()).all())
