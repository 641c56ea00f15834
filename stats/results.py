"""The one row format of every comparison: RESULT_COLUMNS and the dataclass that fills it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

RESULT_COLUMNS: tuple[str, ...] = (
    "analysis",
    "family",
    "comparison",
    "task",
    "arm_a",
    "arm_b",
    "metric",
    "estimate_a",
    "estimate_b",
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "p_adjusted",
    "conf_low",
    "conf_high",
    "conf_level",
    "alternative",
    "method",
    "n",
    "n_positive",
    "n_groups",
    "planned",
    "note",
)
FLOAT_COLUMNS: tuple[str, ...] = (
    "estimate_a",
    "estimate_b",
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "p_adjusted",
    "conf_low",
    "conf_high",
    "conf_level",
)
COUNT_COLUMNS: tuple[str, ...] = ("n", "n_positive", "n_groups")
_TEXT_COLUMNS = tuple(
    name for name in RESULT_COLUMNS if name not in FLOAT_COLUMNS and name not in (*COUNT_COLUMNS, "planned")
)
NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonResult:
    """One comparison of two arms, unrounded.

    `estimate` is arm a minus arm b in the unit of `metric`; `df` is NaN for a normal statistic;
    `method` names the method really used; `note` says what a reader must know about this row.
    `family` groups the rows that are adjusted for multiplicity together.
    """

    analysis: str
    method: str
    family: str | None = None
    comparison: str | None = None
    task: str | None = None
    arm_a: str | None = None
    arm_b: str | None = None
    metric: str | None = None
    estimate_a: float = NAN
    estimate_b: float = NAN
    estimate: float = NAN
    std_error: float = NAN
    statistic: float = NAN
    df: float = NAN
    p_value: float = NAN
    p_adjusted: float = NAN
    conf_low: float = NAN
    conf_high: float = NAN
    conf_level: float = 0.95
    alternative: str = "two-sided"
    n: int | None = None
    n_positive: int | None = None
    n_groups: int | None = None
    planned: bool = True
    note: str | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS; missing text and counts are null, missing numbers NaN."""
        return results_frame([self])


def results_frame(results: Iterable[ComparisonResult]) -> pd.DataFrame:
    """Return one row per result in RESULT_COLUMNS, with the same column types for any number of rows."""
    frame = pd.DataFrame([asdict(result) for result in results], columns=list(RESULT_COLUMNS))
    types: dict[str, Any] = dict.fromkeys(FLOAT_COLUMNS, np.float64)
    types |= dict.fromkeys(COUNT_COLUMNS, "Int64") | dict.fromkeys(_TEXT_COLUMNS, object) | {"planned": bool}
    return frame.astype(types)


def joined_notes(*notes: str | None) -> str | None:
    """Return the notes that are not empty, joined with "; ", or None."""
    kept = [note for note in notes if note]
    return "; ".join(dict.fromkeys(kept)) if kept else None


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
