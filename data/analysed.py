"""What result tables were made from: the plan of the study file and the predictions of each cell.

`study stats` keeps it as the result table `analysed`; who shows results compares it with the store as it is.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable

import pandas as pd

from data.store import Store

ANALYSED = "analysed"  # the result table: what ("plan", "predictions"), cell_id, sha256
NO_RECORD = "do not say what they were made from (an earlier version wrote them)"


def plan_hash(study_text: str) -> str:
    """SHA-256 of the analysis plan in a study file; comments, layout and other tables do not matter."""
    plan = tomllib.loads(study_text).get("analysis", {})
    return hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode()).hexdigest()


def analysis_inputs(store: Store, cells: pd.DataFrame) -> pd.DataFrame:
    """The present inputs of an analysis: one row for the plan, one for each of the done cells.

    Parameters
    ----------
    cells : cell_id and task of the done cells

    Returns
    -------
    what, cell_id (None for the plan), sha256 (of the file of predictions, as the cell's row records it)
    """
    rows: list[tuple[str, str | None, str]] = [("plan", None, plan_hash(store.read_study()))]
    hashes = store.predictions_hashes(dict(zip(cells["cell_id"], cells["task"], strict=True)))
    rows += [("predictions", cell_id, sha256) for cell_id, sha256 in hashes.items()]
    return pd.DataFrame(rows, columns=["what", "cell_id", "sha256"])


def predictions_hash(store: Store, cells: pd.DataFrame) -> str:
    """SHA-256 of the predictions of all these cells, in the order of their ids; empty without cells."""
    hashes = _hashes(analysis_inputs(store, cells), "predictions").sort_index()
    return hashlib.sha256("".join(hashes).encode()).hexdigest() if len(hashes) else ""


def what_changed(store: Store, cells: pd.DataFrame) -> str | None:
    """How the store differs from what its results were made from, to follow "The results"; None if equal.

    Parameters
    ----------
    cells : cell_id and task of the cells that are done now and belong to the grid
    """
    if ANALYSED not in store.results():
        return NO_RECORD
    before, now = store.read_result(ANALYSED), analysis_inputs(store, cells)
    old, new = (_hashes(frame, "predictions") for frame in (before, now))
    if set(old.index) != set(new.index):
        fresh, gone = len(set(new.index) - set(old.index)), len(set(old.index) - set(new.index))
        return f"describe {len(old)} cells, but {len(new)} cells are done ({fresh} not analysed, {gone} gone)"
    changed = [cell_id for cell_id in new.index if old[cell_id] != new[cell_id]]
    if changed:
        noun = "cell" if len(changed) == 1 else "cells"
        return f"are older than the predictions of {len(changed)} {noun} ({_first(changed)})"
    if list(_hashes(before, "plan")) != list(_hashes(now, "plan")):
        return "follow another analysis plan than the study file of the store"
    return None


def _hashes(frame: pd.DataFrame, what: str) -> pd.Series:
    rows = frame[frame["what"] == what]
    return rows.set_index("cell_id")["sha256"]


def _first(names: Iterable[str], most: int = 3) -> str:
    shown = [f"'{name}'" for name in names]
    return ", ".join([*shown[:most], *(["…"] if len(shown) > most else [])])
