"""Patients and pictures that were trained on and are tested on: marked in every row, refused as units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from data.splits.folds import fold_split
from data.splits.leaks import leak_share
from data.store import Store
from stats.results import joined_notes
from study.config import AnalysisPlan
from study.config.analysis import SELECTED_KINDS

_BY_PATIENT = (*SELECTED_KINDS, "recipe", "winner", "pairs")


def check_patients(store: Store, plan: AnalysisPlan, tasks: list[str]) -> None:
    """Refuse a plan with `group = "patient"` where a patient has images in training and in the test set.

    Raises
    ------
    ValueError : names the task, how many patients, and the first of them
    """
    entries = [entry for kind in _BY_PATIENT for entry in getattr(plan, kind)]
    if not any(entry.group == "patient" for entry in entries):
        return
    known = set(store.tasks())
    for task in (task for task in tasks if task in known):
        both = _patients_in_both(store, task)
        if both:
            raise ValueError(
                f"{len(both)} patients of task {task} have images in training and in the test set, first "
                f"{both[0]!r}: what is learned from a patient is then tested on the same patient, so "
                'group = "patient" in the plan cannot make them independent. Split the data by patient '
                '(split group = "patient") and train again.'
            )


def leak_marks(store: Store, tasks: Sequence[str]) -> dict[str, str]:
    """What to say of the results of tasks whose test images have siblings: task -> note, the others left out.

    Siblings are images of the same patient or exam, or of the same picture, in training or, of the same
    picture, among the test images. With cross-validation the shares are those of all folds together.
    """
    known = set(store.tasks())
    notes = {task: _mark(store, task) for task in tasks if task in known}
    return {task: note for task, note in notes.items() if note is not None}


def marked(rows: pd.DataFrame, marks: Mapping[str, str]) -> pd.DataFrame:
    """The rows with the marks of their task, or of all tasks where a row has none, at the end of `note`."""
    if not marks or rows.empty:
        return rows
    everywhere = "; ".join(f"task {task}: {mark}" for task, mark in marks.items())
    tasks = rows["task"] if "task" in rows else pd.Series(None, index=rows.index, dtype="object")
    own = [everywhere if pd.isna(task) else marks.get(task) for task in tasks]
    pairs = zip(rows["note"], own, strict=True)
    notes = [joined_notes(None if pd.isna(note) else note, mark) for note, mark in pairs]
    return rows.assign(note=pd.Series(notes, index=rows.index, dtype="object"))


def _mark(store: Store, task: str) -> str | None:
    split, manifest = store.read_split(task), store.read_manifest(task)
    units = {"group_id": "an image of the same patient or exam", "duplicate_group": "a copy"}
    parts = []
    for unit, what in units.items():
        if unit in manifest and (share := _tested_share(split, manifest, unit)) > 0:
            parts.append(f"{share:.0%} of the test images have {what} in training")
    leaks = f"the split leaks: {' and '.join(parts)}" if parts else None
    return joined_notes(leaks, _copies_within(split, manifest))


def _copies_within(split: pd.DataFrame, manifest: pd.DataFrame) -> str | None:
    """How many test images show a picture that another test image of their fold shows too."""
    if "duplicate_group" not in manifest or manifest["duplicate_group"].isna().all():
        return None
    joined = split[split["split"] == "test"].merge(manifest[["image_id", "duplicate_group"]], on="image_id")
    keys = ["duplicate_group", *(["fold"] if "fold" in joined else [])]
    n = int((joined["duplicate_group"].notna() & joined.duplicated(keys, keep=False)).sum())
    return (
        f"{n} of {len(joined)} test images are copies of another one and count as independent" if n else None
    )


def _tested_share(split: pd.DataFrame, manifest: pd.DataFrame, unit: str) -> float:
    folds = sorted(int(fold) for fold in split["fold"].unique()) if "fold" in split else [0]
    own = [fold_split(split, fold) for fold in folds]
    sizes = [int((part["split"] == "test").sum()) for part in own]
    leaking = sum(n * leak_share(part, manifest, unit=unit) for n, part in zip(sizes, own, strict=True) if n)
    return leaking / sum(sizes) if sum(sizes) else 0.0


def _patients_in_both(store: Store, task: str) -> list[str]:
    """Patients with images in training and in the test set of the same fold, in the order of these."""
    split = store.read_split(task)
    images = store.read_manifest(task).merge(split, on="image_id", validate="1:m")
    images = images[images["group_id"].notna()]
    parts = [part for _, part in images.groupby("fold", sort=True)] if "fold" in images else [images]
    found: list[str] = []
    for part in parts:
        trained = set(part.loc[part["split"] == "train", "group_id"])
        found += [p for p in part.loc[part["split"] == "test", "group_id"].unique() if p in trained]
    return list(dict.fromkeys(found))
