"""Files of a store that every run writes anew: their checksums, and damaged ones, which must stop no run."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from data.store import Store
from data.store.checksums import Checksum
from study.config import parse_study
from study.imports.study_file import is_imported

DOCUMENTS = "documents"  # the key of run.json: name -> size and sha256
_OF_STUDY = ("study.toml", "grid.parquet", "architecture.parquet")
_OF_TASKS = ("manifest", "splits", "exclusions", "audit")


def document_checksums(store: Store, tasks: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of the study file and of all tables that belong to some tasks and no cell."""
    names = [name for name in _OF_STUDY if store.has_file(name)]
    for task in tasks:
        for folder in _OF_TASKS:
            own = (f"{folder}/{task}.parquet", f"{folder}/{task}/")
            names += [name for name in store.files(folder) if name.startswith(own)]
    return {name: Checksum.of(content).to_dict() for name, content in store.place.read_many(names).items()}


def set_aside_documents(root: Path | str) -> tuple[str, ...]:
    """Move provenance, study file, planned grid, networks and tables of tasks that cannot be read.

    A study file that is none of this version or was imported stays where it is the one that was written: that
    is no damage.

    Returns
    -------
    one line per file that was moved below `damaged/`
    """
    store = Store.at(root)
    lines = []
    for name, read in _readers(store):
        try:
            read()
        except (FileNotFoundError, NotADirectoryError):  # a file in the way is named where the store is made
            continue
        except ValueError as error:
            lines.append(store.set_aside(name, fault=f"{type(error).__name__}: {error}"))
    return tuple(lines)


def _readers(store: Store) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "run.json", store.read_run
    yield "study.toml", lambda: _check_study(store)
    yield "grid.parquet", store.read_grid
    yield "architecture.parquet", lambda: store.read_table("architecture.parquet")
    for task in store.tasks():
        yield f"manifest/{task}.parquet", lambda task=task: store.read_manifest(task)  # type: ignore[misc]
        yield f"splits/{task}.parquet", lambda task=task: store.read_split(task)  # type: ignore[misc]


def _check_study(store: Store) -> None:
    text = store.read_study()
    tomllib.loads(text)
    if is_imported(text):
        return
    try:
        parse_study(text, source="study.toml")
    except ValueError:
        if _is_changed(store, "study.toml", text.encode("utf-8")):
            raise


def _is_changed(store: Store, name: str, content: bytes) -> bool:
    """Whether a document is another one than the last run wrote, as far as run.json knows."""
    try:
        record = store.read_run()[DOCUMENTS][name]
        return Checksum.parse(record).fault(content) is not None
    except (KeyError, TypeError, ValueError, OSError):
        return False
