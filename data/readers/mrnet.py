"""MRNet (Bien et al. 2018): knee MRI volumes of three planes, slices chosen by a rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.dataset import Dataset, DatasetInfo
from data.readers.assemble import assemble
from data.readers.mrnet_files import (
    PARTS,
    PLANES,
    TASKS,
    Slices,
    Volume,
    label_path,
    probe_volume,
    read_labels,
    read_slice,
    read_slice_file,
    unlabelled,
)
from data.readers.places import below, find_folder
from data.readers.reader import Option, Reader

CLASSES = ("no", "yes")

MRNET_INFO = DatasetInfo(
    name="mrnet",
    title="MRNet knee MRI (training and validation exams)",
    modality="MRI, knee",
    task="exams with the finding of the option `task` from those without",
    classes=CLASSES,
    class_counts=None,
    unit="exam",
    licence=(
        "Stanford research-use agreement, shown at registration: non-commercial, no redistribution (its text "
        "was not read for this entry; licences claimed elsewhere contradict each other)"
    ),
    citation=(
        "Bien N, et al. Deep-learning-assisted diagnosis for knee magnetic resonance imaging: development "
        "and retrospective validation of MRNet. PLoS Med 2018;15(11):e1002699. "
        "doi:10.1371/journal.pmed.1002699"
    ),
    homepage="http://stanfordmlgroup.github.io/competitions/mrnet/",
    steps=(
        "Register and accept the research-use agreement at "
        "http://stanfordmlgroup.github.io/competitions/mrnet/; the link to the archive comes by mail.",
        "Unpack it below DATA_ROOT: MRNet-v1.0/train/sagittal/0000.npy, MRNet-v1.0/train-acl.csv, "
        "MRNet-v1.0/valid/... (1130 and 120 exams; the test exams were not released; a hash is not stated).",
        "Check it with: study data check mrnet --data-root DATA_ROOT -o plane=sagittal -o task=acl",
        "No map from exams to patients is published: 1130 training exams come from 1088 patients, so an exam "
        "is the finest unit that can be kept together.",
    ),
    n_groups=1250,
)


def find_mrnet(data_root: Path | None, *, task: str, plane: str) -> Path:
    """The folder with train/, valid/ and the label files of one task."""
    labels = [label_path(Path(), part, task).as_posix() for part in PARTS]
    volumes = [f"{part}/{plane}" for part in PARTS]
    return find_folder(
        "mrnet", data_root, places=["MRNet-v1.0", "mrnet"], marks=labels[:1], needs=[*labels, *volumes]
    )


def load_mrnet(data_root: Path | None, *, task: str, plane: str, slices: str | Path) -> Dataset:
    """Read slices of MRNet volumes; image_id is exam, plane and slice, e.g. "0000-sagittal-12".

    Parameters
    ----------
    task : "acl", "abnormal" or "meniscus";  plane : "axial", "coronal" or "sagittal"
    slices : "middle" (index n // 2 of n slices, counted from 0), "all", or a CSV file with the header
        exam,slice (relative to the data root; slices counted from 0); exams that it leaves out are left out

    Notes
    -----
    Every slice has the label of its exam, and `group_id` is the exam. SHA-256 is that of a slice's pixels.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : the set, a label file or the slice file is not there
    ValueError : a label file with a header, an id without leading zeros, an unknown label, an exam twice; a
        slice that does not exist; no volume can be read
    """
    folder = find_mrnet(data_root, task=task, plane=plane)
    chosen = Slices(rule=str(slices)) if slices in ("middle", "all") else _listed(data_root, slices)
    labels = read_labels(folder, task)
    notes = [*unlabelled(folder, plane, labels), *chosen.check(set(labels))]
    volumes: dict[str, Volume] = {}
    rows: list[dict[str, Any]] = []
    unreadable: list[tuple[str, str]] = []
    for exam, (part, label) in labels.items():
        if chosen.listed is not None and exam not in chosen.listed:
            continue
        path = folder / part / plane / f"{exam}.npy"
        found = probe_volume(path, chosen, exam)
        if isinstance(found, str):
            unreadable.append((str(path), found))
            continue
        for index, digest in found.sha256.items():
            image_id = f"{exam}-{plane}-{index:02d}"
            volumes[image_id] = Volume(path=path, index=index)
            rows.append(_row(image_id, path, index, exam, CLASSES[label], digest, found.shape))
    return assemble(
        MRNET_INFO,
        rows,
        read_image=lambda image_id: _image(volumes, image_id),
        read_mask=lambda image_id: None,
        notes=notes,
        unreadable=unreadable,
    )


def _row(
    image_id: str, path: Path, index: int, exam: str, label: str, digest: str, shape: tuple[int, int]
) -> dict[str, Any]:
    return {
        "image_id": image_id,
        "path": f"{path.resolve()}#{index}",
        "group_id": exam,
        "class": label,
        "sha256": digest,
        "width": shape[1],
        "height": shape[0],
        "mode": "uint8",
    }


def _listed(data_root: Path | None, name: str | Path) -> Slices:
    path = below(data_root, name)
    return Slices(rule=str(path), listed=read_slice_file(path))


def _image(volumes: Mapping[str, Volume], image_id: str) -> np.ndarray:
    if image_id not in volumes:
        raise ValueError(f"The data set has no image '{image_id}'.")
    return read_slice(volumes[image_id])


MRNET = Reader(
    info=MRNET_INFO,
    load=lambda data_root, options: load_mrnet(data_root, **options),
    find=lambda data_root, options: find_mrnet(data_root, task=options["task"], plane=options["plane"]),
    options=(
        Option(name="task", kind="text", help="the finding", default="acl", choices=TASKS),
        Option(name="plane", kind="text", help="the plane", default="sagittal", choices=PLANES),
        Option(
            name="slices",
            kind="text",
            help='which slices of a volume: "middle", "all", or a CSV file with the header exam,slice',
            default="middle",
        ),
    ),
)
