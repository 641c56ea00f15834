"""The parts of a data set put together: counts of its images, notes, unreadable files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from data.dataset import UNREADABLE_COLUMNS, Dataset, DatasetInfo, make_manifest
from data.readers.notes import duplicate_notes, mixed_group_notes, some


def assemble(
    info: DatasetInfo,
    rows: Iterable[Mapping[str, Any]],
    *,
    read_image: Callable[[str], np.ndarray],
    read_mask: Callable[[str], np.ndarray | None],
    notes: Iterable[str] = (),
    unreadable: Sequence[tuple[str, str]] = (),
    published_split: pd.DataFrame | None = None,
) -> Dataset:
    """Make a data set; `class_counts` and `n_groups` of its info are those of the images at hand.

    Parameters
    ----------
    rows : one mapping per readable image, see `make_manifest`
    unreadable : (path, reason) of each file that cannot be read

    Raises
    ------
    ValueError : no image can be read, there is none, or one is listed twice
    """
    rows = list(rows)
    if unreadable and not rows:
        raise ValueError(_unreadable_text(unreadable, n_readable=0))
    manifest = make_manifest(rows)
    left_out = [_unreadable_text(unreadable, n_readable=len(manifest))] if unreadable else []
    return Dataset(
        info=_described(info, manifest),
        manifest=manifest,
        read_image=read_image,
        read_mask=read_mask,
        notes=(*left_out, *notes, *duplicate_notes(manifest), *mixed_group_notes(manifest)),
        unreadable=pd.DataFrame(unreadable, columns=list(UNREADABLE_COLUMNS), dtype="object"),
        published_split=published_split,
    )


def refuse_unreadable(dataset: Dataset) -> None:
    """Raise where files of the data set cannot be read: the first five are named, all are counted."""
    if len(dataset.unreadable):
        pairs = list(dataset.unreadable.itertuples(index=False, name=None))
        raise ValueError(_unreadable_text(pairs, n_readable=len(dataset.manifest)))


def _unreadable_text(unreadable: Sequence[tuple[str, str]], *, n_readable: int) -> str:
    named = [f"'{path}' ({reason})" for path, reason in unreadable]
    return (
        f"{len(named)} of {len(named) + n_readable} images cannot be read: {some(named)}. "
        "Get these files again, convert them, or remove them; `study data check` lists all of them."
    )


def _described(info: DatasetInfo, manifest: pd.DataFrame) -> DatasetInfo:
    counts = manifest["class"].value_counts()
    order = [*info.classes, *sorted(set(counts.index) - set(info.classes))]
    n_groups = int(manifest["group_id"].nunique()) if manifest["group_id"].notna().any() else info.n_groups
    return replace(
        info,
        classes=tuple(order),
        class_counts={name: int(counts.get(name, 0)) for name in order},
        n_groups=n_groups,
    )
