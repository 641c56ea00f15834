"""The fold files of the RadImageNet repository: which images, their labels, the authors' five folds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.readers.csv_file import read_rows, refuse_empty
from data.readers.notes import some

PARTS = ("train", "val", "test")
N_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldFiles:
    """How the fold files of one task are named and headed.

    Attributes
    ----------
    prefix : what stands before "train_fold1.csv"
    label : name of the column with the class
    classes : texts that it may hold
    """

    task: str
    prefix: str
    label: str
    classes: tuple[str, ...]


ACL_FOLDS = FoldFiles(task="acl", prefix="", label="acl_label", classes=("no", "yes"))
BREAST_FOLDS = FoldFiles(task="breast", prefix="breast_", label="label", classes=("benign", "malignant"))
_TASKS = {files.task: files for files in (ACL_FOLDS, BREAST_FOLDS)}


def fold_path(folder: Path, files: FoldFiles, part: str, number: int) -> Path:
    """Place of one fold file; `number` counts from 1, as the authors do."""
    return folder / "dataframe" / f"{files.prefix}{part}_fold{number}.csv"


def read_folds(folder: Path, files: FoldFiles) -> pd.DataFrame:
    """Rows of all fifteen fold files of a task.

    Parameters
    ----------
    folder : acl/ or breast/ of the repository

    Returns
    -------
    frame : image_id (file name without its ending), filename (relative to `folder`), class, fold (0 to 4 for
        the authors' 1 to 5), split, file (name of the fold file)

    Raises
    ------
    FileNotFoundError : a fold file is missing
    ValueError : another header, an unknown label, an image twice in a file or with two labels
    """
    frames = [
        _read_file(fold_path(folder, files, part, number), files, part, number)
        for number in range(1, N_FOLDS + 1)
        for part in PARTS
    ]
    rows = pd.concat(frames, ignore_index=True)
    n_labels = rows.groupby("image_id", sort=False)["class"].nunique()
    doubled = n_labels.index[n_labels > 1]
    if len(doubled):
        raise ValueError(
            f"The fold files in '{folder / 'dataframe'}' give {len(doubled)} image(s) two labels: "
            f"{_names(doubled)}. Get the files again."
        )
    return rows


def authors_folds(folder: Path, task: str) -> pd.DataFrame:
    """The authors' five folds of a task as a split.

    Parameters
    ----------
    folder : acl/ or breast/ of the RadImageNet repository
    task : "acl" or "breast"

    Returns
    -------
    frame : image_id, fold (0 to 4 for the authors' 1 to 5), split; every image once in each fold

    Raises
    ------
    FileNotFoundError : a fold file is missing
    ValueError : unknown task; see `read_folds`; parts of a fold overlap, a fold lacks images, or the test
        parts of the folds do not hold every image once
    """
    if task not in _TASKS:
        raise ValueError(f"`task` must be one of {', '.join(_TASKS)}, but {task!r} came.")
    return split_of_folds(read_folds(folder, _TASKS[task]))


def split_of_folds(rows: pd.DataFrame) -> pd.DataFrame:
    """The split that the rows of `read_folds` describe.

    Raises
    ------
    ValueError : as `authors_folds`
    """
    everything = set(rows["image_id"])
    for fold, own in rows.groupby("fold"):
        shared = own.loc[own["image_id"].duplicated(), "image_id"].unique()
        if len(shared):
            parts = ", ".join(own.loc[own["image_id"] == shared[0], "split"])
            raise ValueError(
                f"The authors' fold {int(fold) + 1} has {len(shared)} image(s) in several parts "
                f"({_names(shared)}; the first in {parts}). An image has one part in a fold; get the fold "
                "files again."
            )
        absent = sorted(everything - set(own["image_id"]))
        if absent:
            raise ValueError(
                f"The authors' fold {int(fold) + 1} lacks {len(absent)} image(s) that other folds list: "
                f"{_names(absent)}. Get the fold files again."
            )
    tested = rows.loc[rows["split"] == "test", "image_id"]
    repeated = tested[tested.duplicated()].unique()
    untested = sorted(everything - set(tested))
    if len(repeated) or untested:
        raise ValueError(
            f"The test parts of the authors' folds must hold every image once, but {len(repeated)} image(s) "
            f"come twice and {len(untested)} never ({_names([*repeated, *untested])}). "
            "Get the fold files again."
        )
    return rows[["image_id", "fold", "split"]].sort_values(["fold", "image_id"], ignore_index=True)


def _read_file(path: Path, files: FoldFiles, part: str, number: int) -> pd.DataFrame:
    needed = ("filename", files.label)
    rows = read_rows(path, needed=needed, example=",".join(needed))
    refuse_empty(path, rows, needed)
    for line, row in rows:
        if row[files.label] not in files.classes:
            raise ValueError(
                f"'{path}' line {line}: the label {row[files.label]!r} is unknown; labels are "
                f"{', '.join(files.classes)}."
            )
    frame = pd.DataFrame(
        {
            "image_id": [Path(row["filename"]).stem for _, row in rows],
            "filename": [row["filename"] for _, row in rows],
            "class": [row[files.label] for _, row in rows],
            "fold": number - 1,
            "split": part,
            "file": path.name,
        }
    )
    doubled = frame.loc[frame["image_id"].duplicated(), "image_id"].unique()
    if len(doubled):
        raise ValueError(
            f"'{path}' lists {len(doubled)} image(s) more than once: {_names(doubled)}. "
            "Keep one row for each image."
        )
    return frame


def _names(image_ids: object) -> str:
    return some([f"'{image_id}'" for image_id in list(image_ids)])  # type: ignore[call-overload]
