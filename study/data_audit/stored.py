"""The audits of a run: told as notes, and written to `audit/<task>/` in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pyarrow as pa

from data.store import Store
from study.data_audit.audit import DataAudit, audit_task
from study.data_audit.files import image_table
from study.data_audit.findings import findings_frame
from study.data_audit.printed import note_lines
from study.data_audit.results import audit_name
from study.run.prepare import PreparedTask

_TYPES = {
    "images": pa.list_(pa.string()),
    "group_id": pa.string(),
    "annotations": pa.string(),
    "duplicate_group": pa.string(),
    "similarity": pa.float64(),
    "method": pa.string(),
    "note": pa.string(),
    **dict.fromkeys(("image_a", "image_b", "kind", "change"), pa.string()),
    **dict.fromkeys(("code", "severity", "sentence", "why", "do"), pa.string()),
}


def audit_tasks(
    tasks: Mapping[str, PreparedTask],
    *,
    note: Callable[[str], None],
    report: Callable[[str, int, int], None],
) -> dict[str, DataAudit]:
    """Audit every task of a run and tell its errors and warnings; `report` gets label, done and total."""
    audits = {}
    for name, task in tasks.items():
        audits[name] = audit_task(task, progress=partial(report, f"{name}: audit"))
        for line in note_lines(audits[name]):
            note(f"{name}: {line}")
    return audits


def write_audit(store: Store, audit: DataAudit) -> None:
    """Write the tables of a task's audit into the store."""
    tables = {
        "findings": findings_frame(audit.findings),
        "images": image_table(audit),
        "pairs": audit.pairs,
        "shortcut": audit.shortcut.to_frame(),
    }
    for name, table in tables.items():
        types = {key: kind for key, kind in _TYPES.items() if key in table}
        store.write_table(audit_name(str(audit.task), name), table, types)
