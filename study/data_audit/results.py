"""What the statistics and the manuscript read of the audits in a store."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data.names import check_name
from data.store import Store
from data.tables import read_table
from study.data_audit.findings import FINDING_COLUMNS
from study.data_audit.shortcut import SHORTCUT_COLUMNS

AUDIT_COLUMNS = ("task", *(name for name in FINDING_COLUMNS if name != "images"))
SHORTCUT_RESULT_COLUMNS = ("task", *SHORTCUT_COLUMNS)


def stored_findings(store: Store) -> pd.DataFrame:
    """Findings of every task of the store, in AUDIT_COLUMNS; none for tasks that were not audited."""
    return _read_all(store, "findings", AUDIT_COLUMNS)


def stored_shortcuts(store: Store) -> pd.DataFrame:
    """Shortcut figures of every task of the store, in SHORTCUT_RESULT_COLUMNS."""
    return _read_all(store, "shortcut", SHORTCUT_RESULT_COLUMNS)


def audit_folder(store: Store, task: str) -> Path:
    """Folder of the audit of a task."""
    return store.root / "audit" / check_name("task", task)


def _read_all(store: Store, table: str, columns: tuple[str, ...]) -> pd.DataFrame:
    paths = {task: audit_folder(store, task) / f"{table}.parquet" for task in store.tasks()}
    frames = [read_table(path).assign(task=task) for task, path in paths.items() if path.is_file()]
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(filled, ignore_index=True)[list(columns)]
