"""The files of MRNet: volumes as .npy, labels as CSV without header, and a CSV that chooses slices."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from data.readers.csv_file import read_bare_rows, read_rows
from data.readers.notes import some
from data.readers.places import list_folder

PARTS = ("train", "valid")
PLANES = ("axial", "coronal", "sagittal")
TASKS = ("acl", "abnormal", "meniscus")
_SIDE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Where one slice lies: its file and its index, counted from 0."""

    path: Path
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFacts:
    """SHA-256 of the pixels of each chosen slice, and their (height, width)."""

    sha256: dict[int, str]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Which slices of a volume are used.

    Attributes
    ----------
    rule : "middle", "all", or the file that lists them
    listed : exam -> indices, from a file
    """

    rule: str
    listed: Mapping[str, tuple[int, ...]] | None = None

    def of(self, exam: str, n: int) -> tuple[int, ...]:
        """Indices in a volume of n slices.

        Raises
        ------
        ValueError : the file asks for a slice that does not exist
        """
        if self.listed is None:
            return (n // 2,) if self.rule == "middle" else tuple(range(n))
        beyond = [index for index in self.listed[exam] if index >= n]
        if beyond:
            raise ValueError(
                f"'{self.rule}' asks for slice {beyond[0]} of exam {exam}, which has {n} slices "
                f"(0 to {n - 1}). Correct the file."
            )
        return self.listed[exam]

    def check(self, exams: Collection[str]) -> list[str]:
        """A note on exams that the file leaves out; raises where it names exams that have no label."""
        if self.listed is None:
            return []
        unknown = sorted(set(self.listed) - set(exams))
        if unknown:
            raise ValueError(
                f"'{self.rule}' names {len(unknown)} exam(s) that have no label: {some(unknown)}. "
                "Correct the file."
            )
        absent = sorted(set(exams) - set(self.listed))
        if not absent:
            return []
        return [f"{len(absent)} exam(s) have no slice in '{self.rule}' and are left out: {some(absent)}."]


def label_path(folder: Path, part: str, task: str) -> Path:
    """Place of the label file of one part and task."""
    return folder / f"{part}-{task}.csv"


def read_labels(folder: Path, task: str) -> dict[str, tuple[str, int]]:
    """exam -> (part, label 0 or 1), from the label files of both parts, in their order.

    Raises
    ------
    FileNotFoundError : a label file is missing
    ValueError : a header, an id that is not four digits, a label that is not 0 or 1, an exam twice
    """
    labels: dict[str, tuple[str, int]] = {}
    for part in PARTS:
        path = label_path(folder, part, task)
        for line, (exam, label) in read_bare_rows(path, n_fields=2, header=("id", "exam", "label", task)):
            if re.fullmatch(r"\d{4}", exam) is None:
                raise ValueError(
                    f"'{path}' line {line}: {exam!r} is no exam id of four digits, such as 0007. "
                    "Spreadsheet programs drop leading zeros: get the file again."
                )
            if label not in ("0", "1"):
                raise ValueError(f"'{path}' line {line}: the label must be 0 or 1, but {label!r} came.")
            if exam in labels:
                raise ValueError(
                    f"'{path}' line {line}: exam {exam} is listed a second time. Keep one row for each exam."
                )
            labels[exam] = (part, int(label))
    return labels


def read_slice_file(path: Path) -> dict[str, tuple[int, ...]]:
    """exam -> indices of slices, from a CSV file with the header exam,slice.

    Raises
    ------
    FileNotFoundError : no such file
    ValueError : another header, an exam id that is not four digits, no whole number, a slice twice
    """
    found: dict[str, list[int]] = {}
    for line, row in read_rows(path, needed=("exam", "slice"), example="exam,slice"):
        exam, text = row["exam"], row["slice"]
        if re.fullmatch(r"\d{4}", exam) is None or re.fullmatch(r"\d+", text) is None:
            raise ValueError(
                f"'{path}' line {line}: an exam of four digits and a slice from 0 are needed, such as "
                f"0007,12, but {exam},{text} came."
            )
        if int(text) in found.setdefault(exam, []):
            raise ValueError(f"'{path}' line {line}: slice {text} of exam {exam} is listed a second time.")
        found[exam].append(int(text))
    return {exam: tuple(sorted(indices)) for exam, indices in found.items()}


def probe_volume(path: Path, slices: Slices, exam: str) -> VolumeFacts | str:
    """Facts of the chosen slices of one volume, or the reason why it cannot be read.

    Raises
    ------
    ValueError : the slice file asks for a slice that the volume lacks
    """
    try:
        volume = open_memmap(path, mode="r")
    except FileNotFoundError:
        return "no such file"
    except (OSError, ValueError, EOFError) as error:
        return f"damaged or no .npy file: {error}"
    if volume.dtype != np.uint8 or volume.shape[1:] != (_SIDE, _SIDE):
        return f"not uint8 of shape (slices, {_SIDE}, {_SIDE}), but {volume.dtype} of shape {volume.shape}"
    if not len(volume):
        return "it has no slice"
    digests = {
        index: hashlib.sha256(np.ascontiguousarray(volume[index]).tobytes()).hexdigest()
        for index in slices.of(exam, len(volume))
    }
    return VolumeFacts(sha256=digests, shape=(_SIDE, _SIDE))


def read_slice(place: Volume) -> np.ndarray:
    """Pixels of one slice, uint8 (256, 256)."""
    return np.array(open_memmap(place.path, mode="r")[place.index])


def unlabelled(folder: Path, plane: str, labels: Mapping[str, object]) -> list[str]:
    """A note on volumes without label."""
    extra = [
        path.stem
        for part in PARTS
        for path in list_folder(folder / part / plane)
        if path.suffix == ".npy" and path.stem not in labels
    ]
    if not extra:
        return []
    return [f"{len(extra)} volume(s) have no label and were left out: {some(extra)}."]
