"""A CSV that lists images: path, label and, where known, patient and mask."""

from __future__ import annotations

import os
from pathlib import Path

from data.dataset import Dataset, DatasetInfo
from data.images.window import Window
from data.readers.csv_file import check_file, read_rows, refuse_empty
from data.readers.places import below
from data.readers.reader import WINDOW, Option, Reader
from data.readers.scan import ImageFile, dataset_of_files

_NEEDED = ("path", "label")

MANIFEST_INFO = DatasetInfo(
    name="manifest",
    title="Images listed in a CSV file",
    modality="as given",
    task="one class from the others",
    classes=(),
    class_counts=None,
    unit="image",
    licence="as given by its owner",
    citation="",
    homepage="",
    steps=(
        "Write a CSV file with the header path,label or path,label,patient: one row per image; paths are "
        "relative to the CSV file; images of one patient share the text in `patient`. A column `mask` may "
        "name the mask file of an image.",
        'Name it in the study file: dataset = "manifest", options = { path = "images.csv" } '
        "(relative to --data-root, or to the current folder).",
    ),
    n_groups=None,
)


def load_manifest(path: Path, *, window: Window = "file") -> Dataset:
    """Read a manifest CSV; image_id is the text of its column `path`.

    UTF-8 with or without byte order mark, any line ends, any order of columns; `patient` and `mask` are
    optional, further columns are ignored. An image without mask leaves its field empty.
    `window` is for DICOM files, see `data.images.dicom.decode_dicom`.

    Raises
    ------
    FileNotFoundError, IsADirectoryError : `path` is absent or a folder
    ValueError : a column is missing, a field is empty, `patient` is filled in part, an image is listed twice
        or in two classes, or no image can be read
    """
    check_manifest(path)
    rows = read_rows(path, needed=_NEEDED, example="path,label or path,label,patient")
    has_patient = any(row.get("patient") for _, row in rows)
    refuse_empty(path, rows, _NEEDED)
    if has_patient:
        refuse_empty(path, rows, ("patient",), advice=" for every image, or remove the column")
    files = [
        ImageFile(
            image_id=row["path"],
            path=_place(path.parent, row["path"]),
            class_name=row["label"],
            group_id=row["patient"] if has_patient else None,
            masks=(_place(path.parent, row["mask"]),) if row.get("mask") else (),
        )
        for _, row in rows
    ]
    return dataset_of_files(MANIFEST_INFO, files, window=window)


def check_manifest(path: Path) -> Path:
    """The path itself; raises where it is not an existing file."""
    if not path.exists():
        raise FileNotFoundError(f"There is no manifest '{path}'. Check `path` and --data-root.")
    check_file(path)
    return path


def _place(folder: Path, text: str) -> Path:
    # Manifests written on Windows are read elsewhere too.
    return folder / (text.replace("\\", "/") if os.sep == "/" else text)


MANIFEST = Reader(
    info=MANIFEST_INFO,
    load=lambda data_root, options: load_manifest(
        below(data_root, options["path"]), window=options["window"]
    ),
    find=lambda data_root, options: check_manifest(below(data_root, options["path"])),
    options=(Option(name="path", kind="text", help="the CSV file", required=True), WINDOW),
)
