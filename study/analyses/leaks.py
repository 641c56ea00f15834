"""Patients who were trained on and are tested on: a plan that takes patients as units cannot use them."""

from __future__ import annotations

from data.store import Store
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
