"""The cells of a spreadsheet file (.xlsx) that somebody else made, within limits."""

from __future__ import annotations

import zipfile
import zlib
from itertools import islice
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 64 * 2**20  # unpacked; openpyxl would hold a text of any length
MOST_ROWS = 100_000
MOST_COLUMNS = 256

# What openpyxl raises on a file that lies about itself; its parser's errors are SyntaxErrors.
_ERRORS = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, SyntaxError, EOFError, OSError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError),
)


def workbook_rows(path: Path) -> list[tuple[object, ...]]:
    """Return the values of the first sheet, row by row; formulas give the value that was last computed.

    All rows have the length of the longest one. Columns behind the 256th are left out.

    Raises
    ------
    ValueError : damaged or no .xlsx file; larger than 64 MB unpacked, or than 100,000 rows
    OSError : the file cannot be opened
    """
    with path.open("rb") as file:
        try:
            rows = _rows(file)
        except _ERRORS as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"'{path}' is damaged or no .xlsx file ({reason}). Download it again."
            ) from error
    if len(rows) > MOST_ROWS:
        raise ValueError(f"'{path}' has more than {MOST_ROWS} rows in its first sheet. Download it again.")
    width = max((place for row in rows for place, value in enumerate(row, 1) if value is not None), default=0)
    return [(*row[:width], *[None] * (width - len(row))) for row in rows]


def _rows(file: BinaryIO) -> list[tuple[object, ...]]:
    from openpyxl import load_workbook

    with zipfile.ZipFile(file) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > MOST_BYTES:
        raise ValueError(f"it would unpack to {size} bytes, and {MOST_BYTES} are allowed")
    book = load_workbook(file, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # the file states them itself
        return list(islice(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), MOST_ROWS + 1))
    finally:
        book.close()
