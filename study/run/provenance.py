"""Where a store came from: versions, machine, commit, hashes, times."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from data.store import Store
from study.run.documents import DOCUMENTS
from study.run.private import without_private

_PACKAGES = (
    "transfer-study",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "pillow",
    "torch",
    "torchvision",
    "captum",
    "onnx",
    "onnxruntime",
    "statsmodels",
)


def now() -> str:
    """Time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def environment() -> dict[str, Any]:
    """Versions and machine, as far as they can change a result."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "commit": _commit(),
    }


def begin_run(
    store: Store, entry: Mapping[str, Any], *, token: str, documents: Mapping[str, Any] | None = None
) -> None:
    """Append a run to `run.json` as unfinished, under the name of its runner, without log-ins and secrets.

    documents : checksums of the documents that it wrote (`study.run.documents.document_checksums`)

    The caller holds the store's lease: two runs may not read and write the list at once.
    """
    record = store.read_run() if store.has_run() else {}
    begun = without_private({**entry, "command": sys.argv[1:]})
    runs = [*record.get("runs", []), {**begun, "runner": token, "started": now(), "finished": None}]
    store.write_run(_with_documents({**record, "environment": environment(), "runs": runs}, documents))


def finish_run(
    store: Store, entry: Mapping[str, Any], *, token: str, documents: Mapping[str, Any] | None = None
) -> None:
    """Complete the entry that `begin_run` made; the caller holds the store's lease."""
    record = store.read_run()
    for run in record["runs"]:
        if run.get("runner") == token:
            run |= {**without_private(entry), "finished": now()}
    store.write_run(_with_documents(record, documents))


def _with_documents(record: dict[str, Any], documents: Mapping[str, Any] | None) -> dict[str, Any]:
    """Documents of tasks that are no part of this run keep their checksums."""
    return {**record, DOCUMENTS: {**record.get(DOCUMENTS, {}), **(documents or {})}}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Commit of the source tree that runs, with `+changes` where files differ; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
