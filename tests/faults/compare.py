"""Whether a disturbed store holds what an undisturbed one holds, byte for byte, no row lost or doubled."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
)
FILES = ("study.toml", "grid.parquet", "architecture.parquet", "cells.parquet")

Content = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a store differs from the undisturbed one.

    files : names whose bytes differ, or that only one of the two has
    lost, doubled : rows of predictions
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
    before, after = (_rows(content) for content in (expected, found))
    return Difference(
        files=tuple(name for name in names if found.get(name) != expected.get(name)),
        lost=sum((before - after).values()),
        doubled=sum((after - before).values()),
    )


def _rows(content: Content) -> Counter[tuple[object, ...]]:
    """How often each (cell, split, image) stands in the predictions."""
    rows: Counter[tuple[object, ...]] = Counter()
    for name, data in content.items():
        if name.startswith("predictions/"):
            frame = pd.read_parquet(io.BytesIO(data), columns=["cell_id", "split", "image_id"])
            rows.update(frame.itertuples(index=False, name=None))
    return rows
