"""Which store a command works on, and which of its cells belong to the study."""

from pathlib import Path

import pandas as pd

from data.store import Store
from data.tables import read_table


def newest_store(runs: Path = Path("runs")) -> Path:
    """The store under `runs` that was worked on last.

    Raises
    ------
    FileNotFoundError : there is none
    """
    stores = [path.parent for path in runs.glob("*/study.toml")] if runs.is_dir() else []
    if not stores:
        raise FileNotFoundError(
            f"There is no store under {runs}/ in the current folder. "
            "Run `study run-grid` first, or name the folder of a store."
        )
    return max(stores, key=_last_change)


def planned_cells(store: Store) -> pd.DataFrame:
    """Every cell of the present grid: its columns, `status` (done, failed, open) and `reason`.

    Cells of an earlier version of the study stay in the store, but are no part of its grid.
    """
    path = store.root / "grid.parquet"
    if not path.is_file():
        raise FileNotFoundError(
            f"The store '{store.root}' has no planned grid. Run `study run-grid` into it first."
        )
    grid = read_table(path).drop(columns="study")
    state = store.cells()
    if state.empty:
        return grid.assign(status="open", reason=None)
    joined = grid.merge(state[["cell_id", "status", "reason"]], on="cell_id", how="left", validate="1:1")
    return joined.assign(status=joined["status"].fillna("open"))


def _last_change(root: Path) -> float:
    watched = [root / "run.json", root / "study.toml", root / "results"]
    return max(path.stat().st_mtime for path in watched if path.exists())
