"""The split that a store already holds: kept, changed with the study file, never redrawn without a word."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from data.splits.folds import fold_split
from data.splits.split import split_hash
from data.store import Store
from study.run.prepare import PreparedTask


def task_records(tasks: Mapping[str, PreparedTask]) -> dict[str, Any]:
    """What `run.json` keeps of every task: its entry in the study file, hashes, and what gives the split."""
    return {
        name: {
            "entry": _entry(task),
            "manifest": task.manifest_hash,
            "split": list(task.split_hashes),
            "split_from": dict(task.division.source),
            "n_images": len(task.manifest),
            "n_excluded": len(task.division.exclusions),
        }
        for name, task in tasks.items()
    }


def check_stored_splits(root: Path | str, tasks: Mapping[str, PreparedTask]) -> tuple[str, ...]:
    """Compare the splits of a run with those that the store holds; notes on what changed.

    Raises
    ------
    ValueError : the study file is as before, but data or split file changed so that images would change part
    """
    store, notes = Store.at(root), []
    for name, task in tasks.items():
        if not store.has_split(name):
            continue
        split, record = store.read_split(name), _last_record(store, name)
        if _hashes(split) == task.split_hashes:
            if record and record["manifest"] != task.manifest_hash:
                notes.append(f"{name}: {_changes(store, task)}; its cells are trained anew.")
            continue
        what = (
            f"{_moved(split, task.split)} image(s) of task `{name}` that this store holds change their part"
        )
        if record and record["entry"] == _entry(task):
            raise ValueError(_refusal(store, task, record, what))
        notes.append(
            f"{what}, because its entry in the study file is another one. "
            "Cells of the earlier split stay in the store, but are no part of the grid."
        )
    return tuple(notes)


def _entry(task: PreparedTask) -> dict[str, Any]:
    return task.config.model_dump(mode="json", exclude={"protocol"})


def _last_record(store: Store, name: str) -> dict[str, Any] | None:
    runs = store.read_run()["runs"] if store.has_run() else []
    found = [run["tasks"][name] for run in runs if name in run.get("tasks", {})]
    return found[-1] if found else None


def _hashes(split: pd.DataFrame) -> tuple[str, ...]:
    folds = sorted(int(fold) for fold in split["fold"].unique()) if "fold" in split else [0]
    return tuple(split_hash(fold_split(split, fold)) for fold in folds)


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Images of both splits whose part differs in some fold."""
    frames = [frame.assign(fold=frame.get("fold", 0)) for frame in (before, after)]
    both = frames[0].merge(frames[1], on=["image_id", "fold"], suffixes=("_before", "_after"))
    return int(both.loc[both["split_before"] != both["split_after"], "image_id"].nunique())


def _changes(store: Store, task: PreparedTask) -> str:
    """How the images at hand differ from those of the store, in words."""
    key = ["image_id", "class", "group_id", "sha256"]
    before, after = (f[key].set_index("image_id") for f in (store.read_manifest(task.name), task.manifest))
    new, gone = sorted(set(after.index) - set(before.index)), sorted(set(before.index) - set(after.index))
    stayed = after.index.intersection(before.index)
    same = before.loc[stayed].fillna("").eq(after.loc[stayed].fillna("")).all(axis=1)
    groups = (("new", new), ("gone", gone), ("changed", sorted(stayed[~same.to_numpy()])))
    words = [f"{len(ids)} {word} (first '{ids[0]}')" for word, ids in groups if ids]
    return f"images differ from those of the store: {', '.join(words)}" if words else "no image differs"


def _refusal(store: Store, task: PreparedTask, record: Mapping[str, Any], what: str) -> str:
    gone = set(store.read_manifest(task.name)["image_id"]) - set(task.manifest["image_id"])
    cause = _changes(store, task)
    if record["split_from"] != task.division.source:
        cause = f"the split file '{task.config.split.file}' has another content than before, and {cause}"
    path = f"{store.where}/splits/{task.name}.parquet"
    keep = f'split = {{ file = "{path}", others = "leave out" }} in the study file'
    if gone:
        keep += ", from a copy of this table without the images that are gone"
    return (
        f"{what}, although its entry in the study file is as before: {cause}. A split is not redrawn under "
        "the cells that were trained on it. Restore the data or the split file, give another folder with "
        f"--store, or keep the stored split: {keep}."
    )
