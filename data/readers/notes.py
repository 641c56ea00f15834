"""What a reader says about a data set: how it differs from the published one, copies, mixed patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from data.dataset import DatasetInfo

NAMED = 5


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def count_notes(info: DatasetInfo, found: Mapping[str, int], *, title: str) -> list[str]:
    """A note where this copy has other numbers of images per class than the published set."""
    published = info.class_counts or {}
    counts = {name: found.get(name, 0) for name in published}
    if counts == published:
        return []
    return [f"This copy of {title} has {_counts(counts)} images; the published set has {_counts(published)}."]


def duplicate_notes(manifest: pd.DataFrame) -> list[str]:
    """Name images whose files are identical byte for byte: across classes, and within one class."""
    doubled = manifest[manifest["sha256"].duplicated(keep=False)]
    conflicts: list[str] = []
    repeats: list[str] = []
    for _, same in doubled.groupby("sha256", sort=False):
        names = " = ".join(f"'{image_id}'" for image_id in same["image_id"])
        (conflicts if same["class"].nunique() > 1 else repeats).append(names)
    notes = []
    if conflicts:
        notes.append(
            f"{len(conflicts)} image(s) stand in two classes under different names (identical files): "
            f"{some(conflicts)}. At least one of the labels is wrong."
        )
    if repeats:
        notes.append(
            f"{len(repeats)} image(s) occur more than once in their class (identical files): "
            f"{some(repeats)}. A copy may lie in another part of the split."
        )
    return notes


def mixed_group_notes(manifest: pd.DataFrame) -> list[str]:
    """Name patients or exams with images of several classes: right for lesions, a slip for patients."""
    n_classes = manifest.dropna(subset="group_id").groupby("group_id")["class"].nunique()
    mixed = [f"'{group}'" for group in n_classes.index[n_classes > 1]]
    if not mixed:
        return []
    return [
        f"{len(mixed)} patient(s) or exam(s) have images in several classes: {some(mixed)}. "
        "That is right where the label is that of a lesion or an image, not of the patient."
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())
