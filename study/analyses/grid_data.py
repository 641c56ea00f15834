"""What the analyses work on: the metrics of the done cells, and which planned cells are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from data.store import Store
from stats.levels import level_names, levels
from stats.metrics import METRIC_COLUMNS, joined_metrics
from study.analyses.cell_facts import TaskCells, cell_facts
from study.grid import CELL_COLUMNS

RUN_COLUMNS = ("best_epoch", "stopped_epoch", "n_parameters", "seconds", "device")
BOOKKEEPING = ("cell_id", "index", "status", "reason", "group_key", "collapsed_in", "backend")


@dataclass(frozen=True, slots=True, kw_only=True)
class GridData:
    """A store as the analyses see it.

    Attributes
    ----------
    store : where predictions are read; its rows are those of the moment when the grid was read
    planned : every planned cell with its design columns, status (done, failed, open) and reason
    metrics : one row per done cell (see `stats.metrics.metrics_table`), and `collapsed_in`: where the cell
        predicts one class only ("val", "test", "val and test", else null)
    facts : by task, what else the pass over all predictions has told
    """

    store: Store
    planned: pd.DataFrame
    metrics: pd.DataFrame
    facts: Mapping[str, TaskCells]

    @property
    def tasks(self) -> list[str]:
        """Tasks in grid order."""
        return list(dict.fromkeys(self.planned["task"]))

    def n_folds(self, task: str) -> int:
        """Folds of a task among the planned cells; 1 without cross-validation."""
        if "fold" not in self.planned:
            return 1
        return max(1, int(self.planned.loc[self.planned["task"] == task, "fold"].nunique()))

    def arms(self, contrast: str, task: str | None = None) -> list[str]:
        """Levels of a factor among the planned cells, sorted as in R; empty where no cell uses it."""
        cells = self.planned if task is None else self.planned[self.planned["task"] == task]
        if contrast not in cells.columns:
            return []
        return list(levels(cells[contrast].dropna()).names)

    def missing_note(self, cells: pd.DataFrame) -> str | None:
        """Name the failed and count the open ones of `cells`, rows of `planned`."""
        notes = []
        failed = cells[cells["status"] == "failed"]
        if len(failed):
            named = [
                f"{row.cell_id} ({str(row.reason or 'no reason').rstrip('.')})"
                for row in failed.head(3).itertuples()
            ]
            more = ", ..." if len(failed) > 3 else ""
            notes.append(f"{len(failed)} failed cells left out: {', '.join(named)}{more}")
        n_open = int((cells["status"] == "open").sum())
        if n_open:
            notes.append(f"{n_open} of {len(cells)} planned cells have not run")
        return "; ".join(notes) or None


def load_grid(store: Store) -> GridData:
    """Return the planned cells and the metrics of those that are done, from one pass over their predictions.

    Raises
    ------
    ValueError : no cell is done
    DamagedFileError : a file of a cell is damaged; no cell is left out in silence
    """
    store = store.whole()
    planned = planned_grid(store)
    done = planned[planned["status"] == "done"]
    if done.empty:
        raise ValueError(
            f"No cell of the store '{store.where}' is done "
            f"({int((planned['status'] == 'failed').sum())} failed). Run `study run-grid` on it first."
        )
    needs_val = not _is_imported(store)
    frames, facts = [], {}
    for task in dict.fromkeys(done["task"]):
        own = done[done["task"] == task].drop(columns="collapsed", errors="ignore")
        facts[task] = cell_facts(store, task, own["cell_id"].tolist(), needs_val=needs_val)
        cells = [facts[task].cells[cell_id] for cell_id in own["cell_id"]]
        table = joined_metrics(own, [cell.metrics for cell in cells])
        fallen = pd.Series([cell.collapsed_in for cell in cells], index=table.index)
        frames.append(table.assign(collapsed_in=fallen.astype(object)))
    metrics = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    return GridData(store=store, planned=planned, metrics=_with_run_columns(metrics, store), facts=facts)


def folds_note(cells: pd.DataFrame, *, names: Iterable[str]) -> str | None:
    """What to say where cells of several folds stand beside each other and `names` does not hold `fold`."""
    n_folds = cells["fold"].nunique() if "fold" in cells else 1
    if n_folds < 2 or "fold" in names:
        return None
    return f"cells of {n_folds} folds count as independent, though they share training images"


def varied_columns(cells: pd.DataFrame) -> list[str]:
    """Return the design columns with two levels or more among the cells that use them.

    A setting with one level tells no two cells apart, though it is missing where a head or schedule does not
    use it: `lr_decay_factor` is one number under beta decay and nothing under cosine.
    """
    return [name for name in design_columns(cells) if cells[name].nunique(dropna=True) > 1]


def design_columns(cells: pd.DataFrame) -> list[str]:
    """Return the columns that say how a cell was made: settings of a recipe, then those of imported models.

    What else stands in `cells` is bookkeeping or a metric.
    """
    known = [name for name in CELL_COLUMNS if name in cells]
    other = {*CELL_COLUMNS, *METRIC_COLUMNS, *RUN_COLUMNS, *BOOKKEEPING}
    return known + [name for name in cells.columns if name not in other]


def design_keys(cells: pd.DataFrame, names: Sequence[str]) -> list[tuple[str | None, ...]]:
    """Return one key per cell from the columns `names`."""
    if not names:
        return [()] * len(cells)
    return list(zip(*(level_names(cells[name]).tolist() for name in names), strict=True))


def _is_imported(store: Store) -> bool:
    """Imported predictions may lack validation images; cells that were trained here have them."""
    from study.imports.study_file import is_imported

    return store.has_study() and is_imported(store.read_study())


def planned_grid(store: Store) -> pd.DataFrame:
    """The grid of the study, or all cells of a store without one (imported predictions)."""
    if store.has_file("grid.parquet"):
        from study.stores import planned_cells

        return planned_cells(store)
    cells = store.cells()
    if cells.empty:
        raise ValueError(f"The store '{store.where}' holds no cell. Run `study run-grid` on it first.")
    return cells


def _with_run_columns(metrics: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Add what only the cells' own rows know."""
    cells = store.cells()
    names = [name for name in RUN_COLUMNS if name in cells and name not in metrics]
    return metrics.merge(cells[["cell_id", *names]], on="cell_id", how="left", validate="1:1")
