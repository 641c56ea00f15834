"""Which cells of a grid are explained, and their twins of other seeds."""

from collections.abc import Sequence

import pandas as pd

from data.store import Store
from study.grid import CELL_COLUMNS
from study.stores import planned_cells


def best_cells(store: Store) -> pd.DataFrame:
    """The done cell with a checkpoint and the highest validation AUC of each task (first of equals).

    Chosen on validation alone, at the epoch that the cell was scored with; with the column `val_auc`. A task
    without a checkpoint has no row.
    """
    return _ranked(store).drop_duplicates("task").sort_values("index", ignore_index=True)


def best_cells_per_pretraining(store: Store) -> pd.DataFrame:
    """As `best_cells`, for each pretraining of a task.

    With cross-validation all are of the fold of the task's best cell: other folds test other images.
    """
    ranked = _ranked(store)
    fold = ranked.drop_duplicates("task").set_index("task")["fold"]
    same = ranked[ranked["fold"] == ranked["task"].map(fold)]
    return same.drop_duplicates(["task", "pretrain"]).sort_values("index", ignore_index=True)


def named_cells(store: Store, cell_ids: Sequence[str]) -> pd.DataFrame:
    """These cells of the present grid, in its order.

    ValueError : one has no checkpoint; the message lists those that have one
    """
    planned = planned_cells(store)
    kept = [name for name in planned["cell_id"] if store.has_checkpoint(name)]
    without = [name for name in cell_ids if name not in kept]
    if without:
        raise ValueError(
            f"Cell {', '.join(without)} has no checkpoint in '{store.where}'; "
            f"these have one: {', '.join(kept)}."
        )
    return planned[planned["cell_id"].isin(list(cell_ids))].reset_index(drop=True)


def twins(store: Store, cell_id: str) -> pd.DataFrame:
    """Done cells that differ from this one in the seed alone, by seed."""
    done = planned_cells(store).query("status == 'done'")
    same = [name for name in CELL_COLUMNS if name != "seed" and name in done]
    keys = done[same].astype(object).where(done[same].notna(), None).apply(tuple, axis=1)
    own = keys[done["cell_id"] == cell_id]
    if own.empty:
        raise ValueError(f"Cell {cell_id} is not done in '{store.where}'; run the grid to the end first.")
    alike = done[(keys == own.iloc[0]) & (done["cell_id"] != cell_id)]
    return alike.sort_values("seed", ignore_index=True)


def _ranked(store: Store) -> pd.DataFrame:
    """Done cells with a checkpoint, highest validation AUC first; no row where there is none."""
    cells = planned_cells(store).query("status == 'done'")
    kept = cells[[store.has_checkpoint(cell_id) for cell_id in cells["cell_id"]]]
    if kept.empty:
        return kept.assign(val_auc=pd.Series(dtype=float))
    rows = store.cells()[["cell_id", "best_epoch"]]
    scored = store.read_history(cell_ids=list(kept["cell_id"])).merge(rows, on="cell_id")
    scored = scored.loc[scored["epoch"] == scored["best_epoch"], ["cell_id", "val_auc"]]
    ranked = kept.merge(scored, on="cell_id")
    return ranked.sort_values(["val_auc", "index"], ascending=[False, True], ignore_index=True)
