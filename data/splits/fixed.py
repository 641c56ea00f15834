"""A split that is given, by a file or by the data set itself: read, checked, never drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.atomic import parquet_bytes, write_bytes
from data.readers.csv_file import check_file, read_rows, refuse_empty
from data.readers.notes import some
from data.splits.counts import PARTS
from data.splits.split import check_labels
from data.tables import SPLIT_TYPES, csv_text, read_table

_WAY_OUT = "Correct the split, or take one that is drawn."


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSplit:
    """A given split of the images at hand.

    Attributes
    ----------
    split : image_id and split, with folds also fold; sorted by fold and image_id
    left_out : ids of the images at hand that the split does not name, sorted
    """

    split: pd.DataFrame
    left_out: tuple[str, ...]


def read_split_file(path: Path) -> pd.DataFrame:
    """Read image_id, split and, where the file has it, fold; other columns are not read.

    CSV (UTF-8, any line ends) or, where the name ends in .parquet, a table as `splits/` of a store holds it.

    Raises
    ------
    FileNotFoundError, IsADirectoryError : `path` is absent or a folder
    ValueError : no such table, an empty field, or a fold that is no whole number
    """
    needed = ("image_id", "split")
    if path.suffix.lower() == ".parquet":
        check_file(path)
        frame = read_table(path)
        absent = [name for name in needed if name not in frame]
        if absent or frame.empty or frame[[*needed]].isna().to_numpy().any():
            raise ValueError(
                f"'{path}' must have the columns image_id and split, with a value for every image; "
                f"it has {', '.join(frame.columns)} and {len(frame)} rows."
            )
    else:
        rows = read_rows(path, needed=needed, example="image_id,split or image_id,split,fold")
        named = [name for name in (*needed, "fold") if name in rows[0][1]]
        refuse_empty(path, rows, named)
        frame = pd.DataFrame([row for _, row in rows], columns=named)
    kept = frame[["image_id", "split"]].astype("str")
    if "fold" not in frame:
        return kept
    fold = pd.to_numeric(frame["fold"], errors="coerce")
    if fold.isna().any() or (fold % 1 != 0).any():
        wrong = frame.loc[fold.isna() | (fold % 1 != 0), "fold"].iloc[0]
        raise ValueError(f"'{path}': `fold` must be a whole number in every row, but {wrong!r} came.")
    return kept.assign(fold=fold.astype("int64"))


def write_split_file(path: Path, split: pd.DataFrame) -> str:
    """Write a split so that `read_split_file` gives it back; returns the SHA-256 (hex) of the file.

    Raises
    ------
    ValueError : the name ends neither in .csv nor in .parquet
    FileExistsError : there is such a file with another content: a split is data, and never written over
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"The split file '{path}' must end in .csv or .parquet.")
    content = csv_text(split).encode("utf-8") if suffix == ".csv" else parquet_bytes(path, split, SPLIT_TYPES)
    if path.exists() and path.read_bytes() != content:
        raise FileExistsError(
            f"'{path}' exists and holds another split or table. Give another name, or delete it first."
        )
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def given_split(
    manifest: pd.DataFrame,
    table: pd.DataFrame,
    *,
    source: str,
    folds: int | None,
    others: str = "refuse",
    excluded: Collection[str] = (),
) -> GivenSplit:
    """Give the images the parts that a table names.

    Parameters
    ----------
    manifest : frame with image_id and label of the images at hand
    table : image_id, split ("train", "val", "test"), and fold where there are several
    source : what gives the split, as errors name it
    folds : number of folds that the study asks for; None = one split
    others : "refuse" images that the table does not name, or "leave out"
    excluded : images of the data set that are not at hand on purpose; the table may name them

    Raises
    ------
    ValueError : another number of folds; a part that does not exist; an image twice, unknown, or in some
        folds only; an image that is not named; with folds, an image that is not tested once; a part without
        positive or without negative images
    """
    table = _checked_parts(table, source, folds)
    known = set(manifest["image_id"])
    unknown = sorted(set(table["image_id"]) - known - set(excluded))
    if unknown:
        raise ValueError(
            f"{source} names {len(unknown)} image(s) that the data set does not have: {_some(unknown)}. "
            f"{_WAY_OUT}"
        )
    missing = sorted(known - set(table["image_id"]))
    if missing and others == "refuse":
        raise ValueError(
            f"{source} does not name {len(missing)} of {len(known)} images: {_some(missing)}. Add them, or "
            'write others = "leave out" beside it to do without them.'
        )
    own = table[table["image_id"].isin(known)].sort_values(["fold", "image_id"], ignore_index=True)
    if own.empty:
        raise ValueError(f"{source} names no image of the data set. {_WAY_OUT}")
    _check_folds(own, source, folds)
    _check_both_labels(own, manifest, source, folds)
    return GivenSplit(split=own if folds is not None else own.drop(columns="fold"), left_out=tuple(missing))


def _checked_parts(table: pd.DataFrame, source: str, folds: int | None) -> pd.DataFrame:
    """The table with a column fold; its folds are 0 ... folds - 1 and its parts exist."""
    frame = table[["image_id", "split"]].assign(fold=table.get("fold", 0))
    wrong = frame.loc[~frame["split"].isin(PARTS)]
    if len(wrong):
        raise ValueError(
            f"{source} gives {len(wrong)} row(s) a part that does not exist, first "
            f"{wrong['split'].iloc[0]!r} to '{wrong['image_id'].iloc[0]}'; parts are {', '.join(PARTS)}."
        )
    found = sorted(int(value) for value in frame["fold"].unique())
    if len(found) != (folds or 1):
        asked = "no `folds` are" if folds is None else f"folds = {folds} is"
        advice = f"write folds = {len(found)}" if len(found) > 1 else "leave out `folds`"
        raise ValueError(f"{source} has {len(found)} fold(s), but {asked} asked for; {advice} in `split`.")
    if found != list(range(len(found))):
        raise ValueError(
            f"The folds of {source} must be numbered 0 to {len(found) - 1}, but they are "
            f"{', '.join(map(str, found))}. Renumber them."
        )
    return frame


def _check_folds(own: pd.DataFrame, source: str, folds: int | None) -> None:
    doubled = sorted(own.loc[own.duplicated(["fold", "image_id"]), "image_id"].unique())
    where = "" if folds is None else " in one fold"
    if doubled:
        raise ValueError(
            f"{source} names {len(doubled)} image(s) more than once{where}: {_some(doubled)}. Keep one row."
        )
    if folds is None:
        return
    n_folds = own.groupby("image_id")["fold"].size()
    partly = sorted(n_folds.index[n_folds < folds])
    if partly:
        raise ValueError(
            f"{source} names {len(partly)} image(s) in some folds only: {_some(partly)}. "
            "Every image has one part in each fold."
        )
    tested = own.loc[own["split"] == "test", "image_id"].value_counts()
    wrong = sorted({*tested.index[tested > 1], *set(n_folds.index).difference(tested.index)})
    if wrong:
        raise ValueError(
            f"With folds every image is tested once, but {source} tests {len(wrong)} image(s) never or more "
            f"than once: {_some(wrong)}. {_WAY_OUT}"
        )


def _check_both_labels(own: pd.DataFrame, manifest: pd.DataFrame, source: str, folds: int | None) -> None:
    label = own["image_id"].map(manifest.set_index("image_id")["label"]).to_numpy(dtype=np.int64)
    part = own["split"].map(PARTS.index).to_numpy(dtype=np.int64)
    for fold in range(folds or 1):
        here = (own["fold"] == fold).to_numpy()
        where = f" from {source}" + ("" if folds is None else f", fold {fold}")
        check_labels(label[here], part[here], where=where, advice="Give it some, or correct `positive`.")


def _some(image_ids: Collection[str]) -> str:
    return some([f"'{image_id}'" for image_id in image_ids])
