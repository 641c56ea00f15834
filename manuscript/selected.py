"""Which models the article speaks of: the selected cells of the plan's first contrast."""

from __future__ import annotations

import pandas as pd

from manuscript.load import Report


def main_selection(report: Report) -> pd.DataFrame | None:
    """The selected cells of the plan's first contrast: one row per task and arm."""
    chosen = report.table("selected")
    if chosen is None:
        return None
    first = chosen.iloc[0]
    rows = chosen[(chosen["contrast"] == first["contrast"]) & (chosen["select"] == first["select"])]
    # Two planned tests on the same contrast select the same cells.
    rows = rows.drop_duplicates(["task", "arm", "cell_id"])
    doubled = rows[rows.duplicated(["task", "arm"])]
    if not doubled.empty:
        raise ValueError(
            f"Two selected models for task {doubled['task'].iloc[0]}, arm {doubled['arm'].iloc[0]}. "
            "Run `study stats` on the store again."
        )
    return rows.reset_index(drop=True)
