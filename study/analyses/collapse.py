"""Which cells call every image of validation or test alike."""

from __future__ import annotations

import pandas as pd

from stats.metrics import THRESHOLD


def collapsed_in(predictions: pd.DataFrame) -> pd.Series:
    """Return, by cell_id, where a cell predicts one class only: "val", "test", "val and test", else None.

    Parameters
    ----------
    predictions : cell_id, split ("val" and "test" are looked at), score; positive is score >= 0.5
    """
    called = predictions.assign(positive=predictions["score"] >= THRESHOLD)
    kinds = called.groupby(["cell_id", "split"], sort=False)["positive"].nunique()
    rows = {}
    for cell_id in dict.fromkeys(predictions["cell_id"]):
        parts = [part for part in ("val", "test") if kinds.get((cell_id, part)) == 1]
        rows[cell_id] = " and ".join(parts) or None
    return pd.Series(rows, dtype=object, name="collapsed_in")
