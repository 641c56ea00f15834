"""Files of a store that every run writes anew: a damaged one is set aside first, so that it stops no run."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from data.store import Store


def set_aside_documents(root: Path | str) -> tuple[str, ...]:
    """Move provenance, study file, planned grid, networks and tables of tasks that cannot be read.

    A study file that can be read, but is none of this version or was imported, stays: that is no damage.

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
    yield "study.toml", lambda: tomllib.loads(store.read_study())
    yield "grid.parquet", store.read_grid
    yield "architecture.parquet", lambda: store.read_table("architecture.parquet")
    for task in store.tasks():
        yield f"manifest/{task}.parquet", lambda task=task: store.read_manifest(task)  # type: ignore[misc]
        yield f"splits/{task}.parquet", lambda task=task: store.read_split(task)  # type: ignore[misc]
