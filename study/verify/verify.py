"""Verify a store: every file, then a sample of metrics against the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from data.analysed import ANALYSED
from data.store import Store
from data.store.cells import read_part, read_rows
from data.store.checksums import FILES
from data.store.damage import find_damage, remedy
from data.store.layout import CELLS, RESULT_INDEX, result_name, row_name, stem
from stats.metrics import METRIC_COLUMNS, metrics_table
from study.imports.study_file import is_imported
from study.verify.predictions import history_faults, prediction_faults
from study.verify.report import Verification
from study.verify.tables import verify_documents, verify_others, verify_results

_SAMPLE_SEED = 0


def verify(store: Store, *, sample: int = 20) -> Verification:
    """Check every file of a store, and recompute the metrics of `sample` cells.

    Returns
    -------
    faults (file, what is wrong, what to do), notes on what could not be checked, and counts
    """
    found = Verification(store=store.where)
    verify_documents(store, found)
    _verify_cells(store, found)
    verify_results(store, found)
    verify_others(store, found)
    _verify_rows_are_there(store, found)
    _verify_metrics(store, found, sample)
    return found


def _verify_cells(store: Store, found: Verification) -> None:
    again = remedy(store.place)
    damaged = find_damage(store.place)
    for item in damaged:
        found.add(item.name, [item.fault], again)
    broken = {(item.cell_id, item.part) for item in damaged}
    _verify_packs(store, found, {item.cell_id for item in damaged})
    rows = [row for row in read_rows(store.place) if (row["cell_id"], "row") not in broken]
    done = [row for row in rows if row["status"] == "done"]
    found.count("cells", len(rows))
    found.count("files", sum(1 + len(row.get(FILES, {})) for row in rows))
    unknown = [row["cell_id"] for row in done if FILES not in row]
    if unknown:
        found.notes.append(
            f"{len(unknown)} cell(s) were written without checksums (first {unknown[0]}): a changed number "
            "in their files is seen only where it breaks the rules below."
        )
    if len(unknown) < len(done) and store.results() and not store.has_file(RESULT_INDEX):
        told = ["it is missing, so the results cannot be checked"]
        found.add(RESULT_INDEX, told, f"Run `study stats {store.where}` to write the results anew.")
    grid = _grid_ids(store)
    tables = _task_tables(store)
    for row in done:
        cell_id, task = row["cell_id"], row["task"]
        manifest, split = tables.get(task, (None, None)) if cell_id in grid else (None, None)
        for part in ("predictions", "history"):
            if (cell_id, part) in broken or (part == "history" and not _has_history(store, row)):
                continue
            content, _ = read_part(store.place, part, row)
            name = f"{part}/task={task}/{cell_id}.parquet"
            faults = (
                prediction_faults(content, row, manifest=manifest, split=split)
                if part == "predictions"
                else history_faults(content, cell_id)
            )
            found.add(name, faults, f"Delete it and its row cells/{cell_id}.json. {again}")


def _verify_packs(store: Store, found: Verification, damaged: set[str]) -> None:
    """Packs as a whole, where no cell in them is damaged: their footers are read by other programs."""
    for name, (cells, fault) in store.pack_faults().items():
        if not cells & damaged:
            found.add(name, [fault], f"Run `study store compact {store.where}` to write it anew.")
    loose = store.unfinished_packs()
    if loose:
        found.notes.append(
            f"{len(loose)} joined file(s) have no index in packs/ (first {loose[0]}): a compaction was "
            "interrupted, or the index is gone and its cells count as not done. `study store compact` "
            "deletes what lies elsewhere too, and sets the rest aside."
        )


def _verify_rows_are_there(store: Store, found: Verification) -> None:
    """A cell is its row: one that results were made from must be there, one that was never done need not."""
    rows = {stem(name) for name in store.place.names(CELLS, ".json")}
    analysed: set[str] = set()
    # Named above where it is damaged; without the checksums of the results it cannot be trusted either.
    doubtful = {result_name(ANALYSED), RESULT_INDEX} & {item.name for item in found.faults}
    if ANALYSED in store.results() and not doubtful:
        analysed = set(store.read_result(ANALYSED)["cell_id"].dropna())
    again = remedy(store.place)
    for cell_id in sorted(analysed - rows):
        found.add(row_name(cell_id), ["it is missing, and the results were made from this cell"], again)
    without = sorted({stem(name) for name in store.files("predictions")} - rows - analysed)
    if without:
        found.notes.append(
            f"{len(without)} cell(s) have predictions and no row (first {without[0]}): a run was "
            f"interrupted, or the row is gone. They count as not done. {again}"
        )


def _has_history(store: Store, row: Mapping[str, Any]) -> bool:
    if FILES in row:
        return "history" in row[FILES]
    return store.has_file(f"history/task={row['task']}/{row['cell_id']}.parquet")


def _grid_ids(store: Store) -> set[str]:
    """Cells of the present study: only these were made from the manifests and splits that the store holds."""
    try:
        grid = store.read_grid()
    except ValueError:
        return set()  # the damaged table is reported with the other files
    return set() if grid is None else set(grid["cell_id"])


def _task_tables(store: Store) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    tables = {}
    for task in store.tasks():
        try:
            tables[task] = (store.read_manifest(task), store.read_split(task))
        except (ValueError, OSError):
            continue  # reported with the documents
    return tables


def _verify_metrics(store: Store, found: Verification, sample: int) -> None:
    """Recompute the metrics of some cells from their predictions; they must equal the results to the bit."""
    if sample <= 0 or found.faults or "metrics" not in store.results():
        if found.faults and sample > 0:
            found.notes.append("No metrics were recomputed, because files are damaged.")
        return
    written = store.read_result("metrics").set_index("cell_id")
    cells = store.cells().query("status == 'done'")
    chosen = _sampled(sorted(set(written.index) & set(cells["cell_id"])), sample)
    imported = store.has_study() and is_imported(store.read_study())
    for task, own in cells[cells["cell_id"].isin(chosen)].groupby("task", sort=False):
        predictions = store.read_predictions(task=str(task), cell_ids=list(own["cell_id"]))
        again = metrics_table(predictions, own[["cell_id", "status"]], needs_val=not imported).set_index(
            "cell_id"
        )
        for cell_id, values in again.iterrows():
            off = [name for name in METRIC_COLUMNS if not _equal(values[name], written.loc[cell_id, name])]
            faults = [
                f"`{name}` of cell {cell_id} is {written.loc[cell_id, name]!r}, its predictions give "
                f"{values[name]!r}"
                for name in off
            ]
            found.add("results/metrics.parquet", faults, f"Run `study stats {store.where}`.")
            found.count("metrics")


def _sampled(names: Sequence[str], n: int) -> list[str]:
    rng = np.random.default_rng(_SAMPLE_SEED)
    return sorted(rng.choice(names, size=min(n, len(names)), replace=False).tolist())


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b) or (pd.isna(a) and pd.isna(b))
