"""Whether a disturbed store holds what an undisturbed one holds, byte for byte, no row lost or doubled."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.store import Store
from data.store.packs.pack import is_packed

# Everything that results are made of, the results themselves, and what was trained and drawn.
FOLDERS = (
    "results",
    "predictions",
    "history",
    "cells",
    "checkpoints",
    "manifest",
    "splits",
    "exclusions",
    "audit",
    "gradcam",
    "features",
    "packs",
)
FILES = ("study.toml", "grid.parquet", "architecture.parquet", "cells.parquet")

Content = Mapping[str, bytes]
Rows = Counter[tuple[object, ...]]
_KEY = ["cell_id", "split", "image_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a store differs from the undisturbed one.

    files : names whose bytes differ, or that only one of the two has
    lost, doubled : rows of predictions, as any program reads them from the folder
    """

    files: tuple[str, ...]
    lost: int
    doubled: int

    def __bool__(self) -> bool:
        return bool(self.files or self.lost or self.doubled)


def read_content(store: Path) -> dict[str, bytes]:
    """The files of a store by name, without those that say when and where (run.json) or help to work."""
    found = [path for folder in FOLDERS for path in (store / folder).rglob("*") if path.is_file()]
    found += [store / name for name in FILES if (store / name).is_file()]
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(found)
        if not path.name.startswith(".")
    }


def difference(store: Path, expected: Content, *, ignored: Sequence[str] = ()) -> Difference:
    """Compare a store with the content of an undisturbed one; `ignored` are beginnings of names."""
    found = {n: data for n, data in read_content(store).items() if not n.startswith(tuple(ignored))}
    names = sorted(set(found) | set(expected))
    lost, doubled = lost_and_doubled(store, expected)
    return Difference(
        files=tuple(name for name in names if found.get(name) != expected.get(name)),
        lost=lost,
        doubled=doubled,
    )


def lost_and_doubled(store: Path, expected: Content) -> tuple[int, int]:
    """Rows of predictions that a store lacks, and that it has too many, beside those of a content."""
    before, after = _rows(expected), _rows_in_folder(store)
    return sum((before - after).values()), sum((after - before).values())


def reads_otherwise(store: Path, other: Path) -> list[str]:
    """What a reader of two stores finds that is not the same, wherever their files lie (packs)."""
    found, expected = (_read_of_cells(Store.open(root)) for root in (store, other))
    names = sorted(set(found) | set(expected))
    return [f"{name} is read otherwise" for name in names if found.get(name) != expected.get(name)]


def _read_of_cells(store: Store) -> Content:
    """Every file of cells and results as the package reads it, without the files that hold many cells."""
    names = [n for folder in ("cells", "predictions", "history", "results") for n in store.files(folder)]
    return {name: store.place.read_bytes(name) for name in names if not is_packed(name)}


def _rows_in_folder(store: Path) -> Rows:
    """How often another program that reads the whole folder of predictions sees each (cell, split, image)."""
    folder = store / "predictions"
    if not folder.is_dir():
        return Counter()
    try:
        return _counted(pd.read_parquet(folder, columns=_KEY))
    except (OSError, ValueError):
        return Counter()  # nothing can be read: all is lost


def _rows(content: Content) -> Rows:
    """The same of a content."""
    parts = [data for name, data in content.items() if name.startswith("predictions/")]
    rows: Rows = Counter()
    for data in parts:
        rows.update(_counted(pd.read_parquet(io.BytesIO(data), columns=_KEY)))
    return rows


def _counted(frame: pd.DataFrame) -> Rows:
    return Counter(frame[_KEY].itertuples(index=False, name=None))
