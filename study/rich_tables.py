"""Rounded numbers and plain tables for the terminal; files and JSON keep every digit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

_WIDEST = 400  # characters; wider than any table here


def number(value: float | int | None, digits: int = 4) -> str:
    """Return a number with `digits` decimals, more for tiny values; "-" where there is none."""
    if value is None or value != value:
        return "-"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1):
        return str(int(value)) if math.isfinite(value) else str(value)
    if value != 0 and abs(value) < 0.5 * 10.0**-digits:
        return f"{value:.2e}"
    return f"{value:.{digits}f}"


def p_text(value: float | None) -> str:
    """Return a p-value with 4 decimals, "<0.0001" below, "-" where there is none."""
    if value is None or value != value:
        return "-"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def interval(low: float | None, high: float | None, digits: int = 4) -> str:
    """Return "low to high", "-" where there is none."""
    if low is None or high is None or low != low or high != high:
        return "-"
    return f"{number(low, digits)} to {number(high, digits)}"


def print_table(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1
) -> None:
    """Print a table whose first `texts` columns are words (left) and the others numbers (right).

    A word that repeats the one above it in the first of several word columns is left blank. Lines are never
    folded: a table wider than the terminal runs on, so that its numbers stay whole.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < texts else "right", no_wrap=True)
    above = ""
    for row in rows:
        first, *others = row
        table.add_row("" if texts > 1 and first == above else first, *others)
        above = first
    console.print(title, style="bold")
    print_wide(console, table)


def print_wide(console: Console, table: Table) -> None:
    """Print a table without folding its lines, however narrow the terminal."""
    own_width = console.width
    console.width = _WIDEST
    console.print(table, crop=False)
    console.width = own_width
