"""Which store a command works on, and which of its cells belong to the study."""

from pathlib import Path

import pandas as pd

from data.store import Store
from manuscript.load import find_store


def newest_store() -> Path:
    """The store that the manuscript would show: `STUDY_STORE`, else the one worked on last under runs/.

    Raises
    ------
    FileNotFoundError : there is none
    """
    found = find_store()
    if found is None:
        raise FileNotFoundError(
            "There is no store under runs/ in the current folder. "
            "Run `study run-grid` first, or name the folder of a store."
        )
    return found


def planned_cells(store: Store) -> pd.DataFrame:
    """Every cell of the present grid: its columns, `status` (done, failed, open) and `reason`.

    Cells of an earlier version of the study stay in the store, but are no part of its grid.
    """
    grid = store.read_grid()
    if grid is None:
        raise FileNotFoundError(
            f"The store '{store.where}' has no planned grid. Run `study run-grid` into it first."
        )
    grid = grid.drop(columns="study", errors="ignore")
    state = store.cells()
    if state.empty:
        return grid.assign(status="open", reason=None)
    joined = grid.merge(state[["cell_id", "status", "reason"]], on="cell_id", how="left", validate="1:1")
    return joined.assign(status=joined["status"].fillna("open"))
