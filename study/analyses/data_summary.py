"""Images per task, part and class, and how many of them have a sibling in training."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data.splits.folds import fold_split
from data.store import Store

SUMMARY_COLUMNS = (
    *("task", "split", "class", "label", "n_images", "n_groups"),
    *("n_patient_in_training", "n_copy_in_training"),
)
_SPLITS = ("train", "val", "test")
_UNITS = {"n_patient_in_training": "group_id", "n_copy_in_training": "duplicate_group"}


def data_summary(store: Store) -> pd.DataFrame:
    """Count images and patients per task, split and class; with cross-validation those of the first fold.

    Returns
    -------
    frame with SUMMARY_COLUMNS; n_groups counts patients or exams, null where there are no ids.
    n_patient_in_training and n_copy_in_training count the images of which training holds an image of the same
    patient or exam, or another image of the same picture; null for training, and where no ids or no
    duplicates are known
    """
    rows: list[dict[str, Any]] = []
    for task in store.tasks():
        split = fold_split(store.read_split(task), 0)
        joined = store.read_manifest(task).merge(split, on="image_id", validate="1:1")
        for (part, name, label), own in joined.groupby(["split", "class", "label"], sort=True):
            groups = own["group_id"].nunique() if own["group_id"].notna().any() else None
            rows.append(
                {"task": task, "split": part, "class": name, "label": label}
                | {"n_images": len(own), "n_groups": groups}
                | {name: _in_training(joined, own, unit) for name, unit in _UNITS.items()}
            )
    rows.sort(key=lambda row: (row["task"], _SPLITS.index(row["split"]), -row["label"], row["class"]))
    frame = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return frame.astype(dict.fromkeys(SUMMARY_COLUMNS[4:], "Int64"))


def _in_training(joined: pd.DataFrame, own: pd.DataFrame, unit: str) -> int | None:
    if unit not in joined or joined[unit].isna().all() or (own["split"] == "train").all():
        return None
    trained = joined.loc[(joined["split"] == "train") & joined[unit].notna(), unit]
    return int(own[unit].isin(set(trained)).sum())
