"""What a data set is: facts, one row per image, and two functions that read pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from data.fetch.source import SourceFile

MANIFEST_COLUMNS = (
    "image_id",
    "path",
    "group_id",
    "class",
    "sha256",
    "width",
    "height",
    "mode",
    "mask_path",
)
UNREADABLE_COLUMNS = ("path", "reason")
_HASHED_COLUMNS = ("image_id", "class", "group_id", "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """Facts about a data set that stand in the paper's data section.

    Attributes
    ----------
    task : what is to be told from what
    class_counts : images per class where the source states them, else None
    unit : finest unit of which independence can be claimed: "image", "patient" or "exam"
    steps : exact steps to get the data, in order
    n_groups : number of patients or exams, None where no ids exist or the number is not known
    sources : files that anybody may download; empty where the steps are the only way
    """

    name: str
    title: str
    modality: str
    task: str
    classes: tuple[str, ...]
    class_counts: dict[str, int] | None
    unit: str
    licence: str
    citation: str
    homepage: str
    steps: tuple[str, ...]
    n_groups: int | None
    sources: tuple[SourceFile, ...] = ()


def no_unreadable() -> pd.DataFrame:
    """An empty table of unreadable files."""
    return pd.DataFrame(columns=list(UNREADABLE_COLUMNS), dtype="object")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One data set, ready to read.

    Attributes
    ----------
    manifest : one row per image with MANIFEST_COLUMNS, sorted by image_id; group_id and mask_path null
        where there is none; width and height in pixels of the file; mode is Pillow's mode of the file
        ("L", "RGB"), the photometric interpretation of a DICOM file, or "uint8" for images of an array
    read_image : image_id -> uint8 array (height, width) for grey files or (height, width, 3) for RGB
    read_mask : image_id -> bool array (height, width), True = lesion; None where the set has no mask
    notes : defects and peculiarities found while reading; whoever shows the data set prints them
    unreadable : files that are listed but cannot be read (UNREADABLE_COLUMNS), in the order of the data
        set; their images are not in the manifest
    published_split : the division that the data set brings: image_id and split ("train", "val", "test"),
        with folds also fold (from 0, one row per image and fold); None where it brings none
    """

    info: DatasetInfo
    manifest: pd.DataFrame
    read_image: Callable[[str], np.ndarray]
    read_mask: Callable[[str], np.ndarray | None]
    notes: tuple[str, ...] = ()
    unreadable: pd.DataFrame = field(default_factory=no_unreadable)
    published_split: pd.DataFrame | None = None


def make_manifest(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Make the manifest frame from one mapping per image; missing keys become null.

    Raises
    ------
    ValueError : there is no row, or an image_id comes twice (in two classes: both are named)
    """
    frame = pd.DataFrame(list(rows), columns=list(MANIFEST_COLUMNS))
    if frame.empty:
        raise ValueError("The data set has no image. Check the folder or manifest that was given.")
    _check_unique(frame)
    for name in ("width", "height"):
        frame[name] = frame[name].astype("int64")
    for name in ("group_id", "mode", "mask_path"):
        frame[name] = frame[name].astype("object").where(frame[name].notna(), None)
    return frame.sort_values("image_id", kind="stable", ignore_index=True)


def manifest_hash(manifest: pd.DataFrame) -> str:
    """SHA-256 (hex) of the data that a manifest names: ids, classes, groups and pixel files.

    Paths and row order do not matter, so a copy of the data elsewhere has the same hash.
    """
    frame = manifest.loc[:, list(_HASHED_COLUMNS)].sort_values("image_id", kind="stable")
    digest = hashlib.sha256()
    for row in frame.itertuples(index=False, name=None):
        values = [None if pd.isna(value) else str(value) for value in row]
        digest.update(json.dumps(values, ensure_ascii=True).encode("ascii") + b"\n")
    return digest.hexdigest()


def _check_unique(frame: pd.DataFrame) -> None:
    doubled = frame[frame["image_id"].duplicated(keep=False)]
    if doubled.empty:
        return
    image_id = doubled["image_id"].iloc[0]
    classes = sorted(doubled.loc[doubled["image_id"] == image_id, "class"].unique())
    n = doubled["image_id"].nunique()
    if len(classes) > 1:
        raise ValueError(
            f"Image '{image_id}' stands in {len(classes)} classes ({', '.join(classes)}); "
            f"an image has one class. {n} image(s) are listed more than once: keep one row for each."
        )
    raise ValueError(
        f"Image '{image_id}' is listed {(doubled['image_id'] == image_id).sum()} times (class {classes[0]}). "
        f"{n} image(s) are listed more than once: keep one row for each."
    )
