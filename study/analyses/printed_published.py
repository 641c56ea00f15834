"""What `study stats --published` prints: the paper's tables beside the same computed, and more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console

from manuscript.published.compare import TABLE_NAMES
from manuscript.published.value import VERDICTS, PublishedValue
from stats.results import records
from study.analyses.printed import print_comparisons
from study.rich_tables import interval, number, p_text, print_table

if TYPE_CHECKING:
    from manuscript.published.beyond import BeyondPublished

_MEANINGS = {
    "equal": "equal in every printed digit",
    "within rounding": "as near as the rounding of the printed inputs allows",
    "optimiser": "differ in the last digit where optimisers stop at different places",
    "not equal": "not equal",
}


def print_published(console: Console, values: Sequence[PublishedValue]) -> None:
    """Print the paper's tables, printed beside computed anew, and count the verdicts."""
    for table, title in TABLE_NAMES.items():
        rows = [
            (v.row, v.quantity, v.printed, v.shown, _verdict(v), _all_digits(v))
            for v in values
            if v.table == table
        ]
        columns = ("row", "quantity", "printed", "computed", "verdict", "all digits")
        print_table(console, title, columns, rows, texts=2)
    counts = {name: sum(v.verdict == name for v in values) for name in VERDICTS}
    console.print(
        f"{len(values)} values: {', '.join(f'{n} {_MEANINGS[name]}' for name, n in counts.items())}."
    )
    console.print("Tables 8, 9 and 14 come from the paper's own figures; no predictions were published.")


def print_beyond(console: Console, beyond: BeyondPublished) -> None:
    """Print the exploratory analyses of the published grid and the notes on the paper's models."""
    console.print("\nBeyond the paper (exploratory, after looking at its results)", style="bold")
    rows = beyond.comparisons
    for analysis in dict.fromkeys(rows["analysis"]):
        print_comparisons(console, rows[rows["analysis"] == analysis], analysis, mark=False)
    _interactions(console, beyond.interactions)
    _replicates(console, beyond.replicates)
    _collapsed(console, beyond.collapsed)
    for formula, notes in beyond.advice.items():
        console.print(f"On {formula}", style="bold")
        for note in notes:
            console.print(f"- {note}")


def _verdict(value: PublishedValue) -> str:
    if value.verdict in ("equal", "within rounding"):
        return value.verdict
    return f"{value.verdict}, {value.units_off} off" if value.units_off < 100 else value.verdict


def _all_digits(value: PublishedValue) -> str:
    computed = value.computed.value
    return "" if isinstance(computed, str) else f"{computed:.10g}"


def _replicates(console: Console, rows: pd.DataFrame) -> None:
    shown = [
        (
            row["heads"],
            "both" if pd.isna(row["task"]) else row["task"],
            str(row["n"]),
            number(row["sd_of_a_run"], 4),
            number(row["largest_gap"], 3),
            number(row["mean_difference"], 4),
            interval(row["conf_low"], row["conf_high"], 3),
            p_text(row["p_value"]),
        )
        for row in records(rows)
    ]
    names = ("heads", "task", "pairs", "SD of a run", "largest gap", "1.0 - 0.5", "interval", "p")
    print_table(console, "Test AUC of pairs that differ in the FC ratio alone", names, shown, texts=2)


def _collapsed(console: Console, rows: pd.DataFrame) -> None:
    shown = [tuple(str(value) for value in row) for row in rows.itertuples(index=False)]
    names = ("task", "backbone", "pretrain", "models", "collapsed", "all negative", "all positive")
    print_table(console, "Models that predict one class for every test image", names, shown, texts=3)


def _interactions(console: Console, rows: pd.DataFrame) -> None:
    shown = [
        (
            row["term"],
            number(row["statistic"], 2),
            number(row["df1"], 0),
            number(row["df2"], 1),
            p_text(row["p_value"]),
        )
        for row in records(rows)
    ]
    print_table(console, "Interactions of the pretraining", ("term", "F", "df1", "df2", "p"), shown, texts=1)
