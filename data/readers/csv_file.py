"""Label files in CSV form, with or without a header, read as text and checked line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

Row = tuple[int, dict[str, str]]


def read_rows(path: Path, *, needed: Sequence[str], example: str) -> list[Row]:
    """Rows of a CSV file with a header: line number, and column -> text without outer blanks.

    UTF-8 with or without byte order mark, any line ends, any order of columns; further columns are kept.

    Parameters
    ----------
    needed : columns that the header must hold
    example : the header as an error tells it, e.g. "path,label"

    Raises
    ------
    FileNotFoundError, IsADirectoryError : `path` is absent or a folder
    ValueError : no UTF-8, no CSV, another header, a row with more or fewer fields, no row
    """
    lines = _lines(path)
    header = [name.strip() for name in lines[0][1]] if lines else []
    if any(name not in header for name in needed) or len(set(header)) != len(header):
        raise ValueError(
            f"'{path}' must begin with the header {example} (commas between), "
            f"but its first line is {','.join(header)!r}."
        )
    rows = [
        (number, {name: field.strip() for name, field in zip(header, fields, strict=True)})
        for number, fields in lines[1:]
        if _has_length(path, number, fields, len(header), "the header has")
    ]
    if not rows:
        raise ValueError(f"'{path}' lists no image. Add one row per image below the header.")
    return rows


def read_bare_rows(path: Path, *, n_fields: int, header: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Rows of a CSV file without header: line number and fields as text without outer blanks.

    Parameters
    ----------
    header : words whose presence in the first line shows a header where none is expected

    Raises
    ------
    FileNotFoundError, IsADirectoryError : `path` is absent or a folder
    ValueError : no UTF-8, no CSV, a header, a row with more or fewer fields, no row
    """
    lines = _lines(path)
    if not lines:
        raise ValueError(f"'{path}' is empty; it must hold one row per image.")
    first = [field.strip() for field in lines[0][1]]
    if {field.lower() for field in first} & {word.lower() for word in header}:
        raise ValueError(
            f"'{path}' begins with the header {','.join(first)!r}, but this file has none. "
            "Remove the first line, or get the file again."
        )
    return [
        (number, [field.strip() for field in fields])
        for number, fields in lines
        if _has_length(path, number, fields, n_fields, "there must be")
    ]


def refuse_empty(path: Path, rows: Sequence[Row], columns: Sequence[str], *, advice: str = "") -> None:
    """Raise where a field of `columns` is empty; names the first line."""
    for name in columns:
        empty = [line for line, row in rows if not row[name]]
        if empty:
            raise ValueError(
                f"'{path}': `{name}` is empty in {len(empty)} row(s), first in line {empty[0]}. "
                f"Fill it in{advice}."
            )


def check_file(path: Path) -> None:
    """Raise where `path` is not an existing file."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file '{path}'. Check the path and --data-root.")
    if path.is_dir():
        raise IsADirectoryError(f"'{path}' is a folder, but a CSV file is needed. Name the file in it.")


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    check_file(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [(reader.line_num, fields) for fields in reader if any(field.strip() for field in fields)]
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not UTF-8 text ({error}). Save the CSV file as UTF-8.") from error
    except csv.Error as error:
        raise ValueError(f"'{path}' is not a CSV file ({error}). Save it as CSV with commas.") from error


def _has_length(path: Path, number: int, fields: list[str], wanted: int, what: str) -> bool:
    if len(fields) != wanted:
        raise ValueError(
            f"'{path}' line {number} has {len(fields)} fields, but {what} {wanted}. "
            'Put texts with commas between quotes ("...").'
        )
    return True
