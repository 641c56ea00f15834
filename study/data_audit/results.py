"""What the statistics and the manuscript read of the audits in a store."""

from __future__ import annotations

import pandas as pd

from data.names import check_name
from data.store import Store
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


def audit_name(task: str, table: str) -> str:
    """Name of a table of the audit of a task below the store."""
    return f"audit/{check_name('task', task)}/{table}.parquet"


def _read_all(store: Store, table: str, columns: tuple[str, ...]) -> pd.DataFrame:
    frames = {task: store.read_table(audit_name(task, table)) for task in store.tasks()}
    filled = [frame.assign(task=task) for task, frame in frames.items() if frame is not None and len(frame)]
    if not filled:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(filled, ignore_index=True)[list(columns)]
