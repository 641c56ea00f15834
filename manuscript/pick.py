"""Numbers for the prose: one cell of a result table, chosen by keys, or an error that stops the render."""

from __future__ import annotations

from typing import Any

import pandas as pd


def pick_row(frame: pd.DataFrame, **keys: Any) -> pd.Series:
    """The one row of `frame` whose columns equal `keys`.

    Raises
    ------
    ValueError : an unknown column; no row; more than one row
    """
    unknown = [name for name in keys if name not in frame.columns]
    if unknown:
        raise ValueError(
            f"`{unknown[0]}` is not a column of this table; columns are {', '.join(map(str, frame.columns))}."
        )
    chosen = pd.Series(True, index=frame.index)
    for name, value in keys.items():
        chosen &= frame[name].isna() if value is None else frame[name].eq(value).fillna(False).astype(bool)
    rows = frame[chosen]
    if len(rows) != 1:
        asked = ", ".join(f"{name} = {value!r}" for name, value in keys.items()) or "no key"
        what = "No row" if rows.empty else f"{len(rows)} rows"
        raise ValueError(
            f"{what} with {asked}, where exactly one is needed. "
            "Run `study stats` on the store again; if it stays, choose the row by more keys."
        )
    return rows.iloc[0]


def pick(frame: pd.DataFrame, column: str, **keys: Any) -> Any:
    """The value of `column` in the one row chosen by `keys`.

    Raises
    ------
    ValueError : an unknown column; no row; more than one row; a missing value
    """
    if column not in frame.columns:
        raise ValueError(
            f"`{column}` is not a column of this table; columns are {', '.join(map(str, frame.columns))}."
        )
    value = pick_row(frame, **keys)[column]
    if pd.isna(value):
        asked = ", ".join(f"{name} = {level!r}" for name, level in keys.items())
        raise ValueError(
            f"`{column}` is missing in the row with {asked}; run `study stats` on the store again."
        )
    return value
