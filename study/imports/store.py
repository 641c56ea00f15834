"""Write imported predictions into a store, so that statistics and manuscript work on them."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import pandas as pd

from data.names import check_name
from data.store import Store
from data.tables import MANIFEST_TYPES
from stats.levels import levels
from study.config.analysis import AnalysisPlan
from study.imports.models import ImportedModel, ImportedTable
from study.imports.study_file import (
    ImportedStudy,
    ImportedTask,
    default_plan,
    is_imported,
    parse_imported,
    study_text,
)
from study.run.documents import document_checksums
from study.run.provenance import begin_run, finish_run

RESERVED = (
    *("cell_id", "index", "status", "reason", "seconds", "files", "sha256"),
    *("split", "label", "score", "image_id", "group_id", "class"),
)


def import_predictions(
    table: ImportedTable,
    root: Path,
    *,
    task: str,
    source: Path,
    plan: AnalysisPlan | None = None,
) -> Store:
    """Write the models of a table as the cells of one task; a store of imported cells may grow by more.

    Parameters
    ----------
    root : folder of the store;  task : name of the task
    source : file that the table came from, recorded with its SHA-256
    plan : analyses; None keeps those of the store, else DeLong and McNemar between the levels of every factor

    Raises
    ------
    ValueError : the store holds cells that were trained here; unusable task or factor names
    """
    check_name("task", task)
    for name in dict.fromkeys(key for model in table.models for key in model.factors):
        if name in (*RESERVED, "task"):
            raise ValueError(f"`{name}` cannot be the name of a factor; rename this column.")
    earlier = _earlier_study(root)
    store = Store.create(root)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    token = secrets.token_hex(8)
    begin_run(store, {"imported": str(source), "sha256": digest, "task": task}, token=token)
    images = table.models[0].predictions
    unknown = {name: None for name in MANIFEST_TYPES if name not in images}
    store.write_manifest(
        task, images.drop(columns=["split", "score"]).assign(**unknown)[list(MANIFEST_TYPES)]
    )
    store.write_split(task, images[["image_id", "split"]])
    rows = [_write_cell(store, model, task) for model in table.models]
    grid = _written_grid(store, rows, task)
    store.write_study(study_text(_study(root.name, earlier, table, task, grid, plan)))
    store.refresh_index()
    documents = document_checksums(store, [task])
    finish_run(store, {"cells": len(rows)}, token=token, documents=documents)
    return store


def _earlier_study(root: Path) -> ImportedStudy | None:
    path = root / "study.toml"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    if not is_imported(text):
        raise ValueError(
            f"The store '{root}' holds cells that were trained by `study run-grid`; imported predictions "
            "need a store of their own. Give another folder with --as."
        )
    return parse_imported(text, source=str(path))


def _write_cell(store: Store, model: ImportedModel, task: str) -> dict[str, Any]:
    factors = dict(model.factors)
    seed, fold = int(factors.pop("seed", 0) or 0), int(factors.pop("fold", 0) or 0)
    content = model.predictions.to_csv(index=False)
    identity = [task, seed, fold, factors, hashlib.sha256(content.encode()).hexdigest()]
    canonical = json.dumps(identity, sort_keys=True, default=str)
    cell_id = hashlib.sha256(canonical.encode()).hexdigest()[:12]
    row = {"cell_id": cell_id, "task": task, "seed": seed, "fold": fold, **factors}
    predictions = model.predictions.drop(columns="class").assign(cell_id=cell_id, seed=seed, fold=fold)
    store.write_cell({**row, "status": "done", "reason": None, "seconds": None}, predictions)
    return row


def _written_grid(store: Store, rows: list[dict[str, Any]], task: str) -> pd.DataFrame:
    """grid.parquet: the cells of this task are those of the table, other tasks keep theirs."""
    earlier, frame = store.read_grid(), pd.DataFrame(rows)
    if earlier is not None:
        others = earlier.drop(columns=["study", "index"])
        frame = pd.concat([others[others["task"] != task], frame], ignore_index=True)
    frame.insert(0, "index", range(len(frame)))
    for name in [name for name in frame.columns if frame[name].dtype == object]:
        kinds = {type(value) for value in frame[name].dropna()}
        if len(kinds) > 1:  # text and numbers in one column
            frame[name] = frame[name].map(str, na_action="ignore")
    store.write_grid(frame.assign(study="imported"))
    return frame


def _study(
    name: str,
    earlier: ImportedStudy | None,
    table: ImportedTable,
    task: str,
    grid: pd.DataFrame,
    plan: AnalysisPlan | None,
) -> ImportedStudy:
    factors = {
        column: list(levels(grid[column].dropna()).names)
        for column in grid.columns
        if column not in (*RESERVED, "task", "seed", "fold")
    }
    tasks = {**(earlier.tasks if earlier else {}), task: ImportedTask(positive=(table.positive,))}
    kept = plan or (earlier.analysis if earlier else None)
    varied = [column for column, names in factors.items() if len(names) > 1]
    return ImportedStudy(
        name=name,
        title=earlier.title if earlier else "",
        description=earlier.description if earlier else "",
        imported=True,
        tasks=tasks,
        factors={key: tuple(value) for key, value in factors.items()},
        analysis=kept or default_plan(varied),
    )
