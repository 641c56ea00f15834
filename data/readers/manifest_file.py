"""A CSV that lists images: path, label and, where known, patient."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from data.dataset import Dataset, DatasetInfo
from data.readers.scan import ImageFile, dataset_of_files

_NEEDED = ("path", "label")

MANIFEST_INFO = DatasetInfo(
    name="manifest",
    title="Images listed in a CSV file",
    modality="as given",
    classes=(),
    class_counts=None,
    unit="image",
    licence="as given by its owner",
    citation="",
    homepage="",
    steps=(
        "Write a CSV file with the header path,label or path,label,patient: one row per image; paths are "
        "relative to the CSV file; images of one patient share the text in `patient`.",
        'Name it in the study file: dataset = "manifest", options = { path = "images.csv" } '
        "(relative to --data-root, or to the current folder).",
    ),
    n_groups=None,
)


def load_manifest(path: Path) -> Dataset:
    """Read a manifest CSV; image_id is the text of its column `path`.

    UTF-8 with or without byte order mark, any line ends, any order of columns; further columns are ignored.

    Raises
    ------
    FileNotFoundError, IsADirectoryError : `path` is absent or a folder
    ValueError : a column is missing, a field is empty, `patient` is filled in part, an image is listed twice
        or in two classes, or image files cannot be read
    """
    rows = _rows(path)
    has_patient = any(row.get("patient") for _, row in rows)
    for name in (*_NEEDED, "patient") if has_patient else _NEEDED:
        empty = [line for line, row in rows if not row[name]]
        if empty:
            raise ValueError(
                f"'{path}': `{name}` is empty in {len(empty)} row(s), first in line {empty[0]}. "
                f"Fill it in{' for every image, or remove the column' if name == 'patient' else ''}."
            )
    files = [
        ImageFile(
            image_id=row["path"],
            path=_place(path.parent, row["path"]),
            class_name=row["label"],
            group_id=row["patient"] if has_patient else None,
        )
        for _, row in rows
    ]
    return dataset_of_files(MANIFEST_INFO, files)


def check_manifest(path: Path) -> None:
    """Raise where `path` is not an existing file."""
    if not path.exists():
        raise FileNotFoundError(f"There is no manifest '{path}'. Check `path` and --data-root.")
    if path.is_dir():
        raise IsADirectoryError(f"'{path}' is a folder, but a CSV file is needed. Name the file in it.")


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    check_manifest(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return _parsed(path, csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not UTF-8 text ({error}). Save the CSV file as UTF-8.") from error
    except csv.Error as error:
        raise ValueError(f"'{path}' is not a CSV file ({error}). Save it as CSV with commas.") from error


def _parsed(path: Path, reader: Any) -> list[tuple[int, dict[str, str]]]:
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in _NEEDED if name not in header]
    if missing or len(set(header)) != len(header):
        raise ValueError(
            f"'{path}' must begin with the header path,label or path,label,patient (commas between), "
            f"but its first line is {','.join(header)!r}."
        )
    rows = []
    for fields in reader:
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(header):
            raise ValueError(
                f"'{path}' line {reader.line_num} has {len(fields)} fields, but the header "
                f'has {len(header)}. Put texts with commas between quotes ("...").'
            )
        row = {name: field.strip() for name, field in zip(header, fields, strict=True)}
        rows.append((reader.line_num, row))
    if not rows:
        raise ValueError(f"'{path}' lists no image. Add one row per image below the header.")
    return rows


def _place(folder: Path, text: str) -> Path:
    # Manifests written on Windows are read elsewhere too.
    return folder / (text.replace("\\", "/") if os.sep == "/" else text)
