"""What a reader must know about a split: its counts, missing ids, leaks, and what groups did not allow."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from data.splits.counts import PARTS, label_counts, split_counts
from data.splits.leaks import given_leak_notes, image_leak_notes

Group = Literal["patient", "image"]


def split_notes(
    split: pd.DataFrame,
    manifest: pd.DataFrame,
    *,
    group: Group | None,
    train: float | None = None,
    val: float | None = None,
    test: float | None = None,
    stratify: bool = True,
) -> tuple[str, ...]:
    """Sentences on how far the parts of a split are independent and how near its counts are.

    Parameters
    ----------
    split, manifest : as given to and returned by `make_split`
    group : the choice that the split was drawn with, None where it was given
    train, val, test, stratify : the shares that were asked for; given all three, deviations are told

    Returns
    -------
    tuple of sentences, empty if there is nothing to say
    """
    ids = manifest["group_id"]
    notes = []
    if ids.isna().all():
        if group == "patient":
            notes.append(
                "The data set has no patient ids: images of one patient may lie in several parts of the "
                "split."
            )
    elif group == "image":
        notes += image_leak_notes(split, manifest)
    elif group is None:
        notes += given_leak_notes(split, manifest)
    elif ids.isna().any():
        notes.append(
            f"{int(ids.isna().sum())} of {len(ids)} images have no patient id; each counts as its own group."
        )
    if train is not None and val is not None and test is not None:
        notes += _deviation_notes(split, manifest, shares=(train, val, test), stratify=stratify)
    return tuple(notes)


def split_report(split: pd.DataFrame, manifest: pd.DataFrame, *, task: str = "") -> pd.DataFrame:
    """Count images and groups per part and class.

    Returns
    -------
    frame with task, split, class, label, n_images, n_groups; one row per part and class, zeros included;
    n_groups (patients or exams) is null where the data set has no ids
    """
    frame = manifest.merge(split, on="image_id", validate="one_to_one")
    rows = []
    for part in PARTS:
        for (name, label), members in frame.groupby(["class", "label"], sort=True):
            here = members[members["split"] == part]
            rows.append((task, part, name, label, len(here), here["group_id"].nunique()))
    report = pd.DataFrame(rows, columns=["task", "split", "class", "label", "n_images", "n_groups"])
    report["n_groups"] = report["n_groups"].astype("Int64")
    if manifest["group_id"].isna().all():
        report["n_groups"] = pd.array([None] * len(report), dtype="Int64")
    return report


def _deviation_notes(
    split: pd.DataFrame, manifest: pd.DataFrame, *, shares: tuple[float, float, float], stratify: bool
) -> list[str]:
    train, val, test = shares
    frame = manifest[["image_id", "label"]].merge(split, on="image_id", validate="one_to_one")
    total = split_counts(len(frame), train=train, val=val, test=test)
    counts = {str(value): int((frame["label"] == value).sum()) for value in (0, 1)}
    wanted = label_counts(counts, train=train, val=val, test=test)
    texts = []
    for part in PARTS:
        here = frame[frame["split"] == part]
        n, positive = len(here), int(here["label"].sum())
        if n != total[part] or (stratify and positive != wanted[part]["1"]):
            aim = f"{total[part]} ({wanted[part]['1']})" if stratify else f"{total[part]}"
            texts.append(f"{part} {n} ({positive})" + f" for {aim}")
    if not texts:
        return []
    return [
        f"Keeping groups together, images (positive) per part differ from what was asked: {'; '.join(texts)}."
    ]
