"""Two sets of the RadImageNet repository: ACL slices from MRNet, and BUSI with its own fold files."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from data.dataset import Dataset, DatasetInfo
from data.images.pixels import IMAGE_SUFFIXES
from data.readers.notes import count_notes, some
from data.readers.places import find_folder, list_folder
from data.readers.radimagenet_folds import (
    ACL_FOLDS,
    BREAST_FOLDS,
    N_FOLDS,
    PARTS,
    FoldFiles,
    fold_path,
    read_folds,
    split_of_folds,
)
from data.readers.reader import Reader
from data.readers.scan import ImageFile, class_counts, dataset_of_files

_CLONE = (
    "Get the repository: git clone https://github.com/BMEII-AI/RadImageNet && "
    "git -C RadImageNet checkout a12fb76"
)
_RADIMAGENET = "Mei X, et al. RadImageNet. Radiol Artif Intell 2022;4(5):e210315. doi:10.1148/ryai.210315"
_ACL_NAME = re.compile(r"(?P<exam>\d{4})_sagittal_\d{1,2}\.0{6}\.png")

RADIMAGENET_ACL_INFO = DatasetInfo(
    name="radimagenet-acl",
    title="ACL slices of the RadImageNet repository (from MRNet)",
    modality="MRI, knee, sagittal",
    task="slices of knees with a torn anterior cruciate ligament from those without",
    classes=("no", "yes"),
    class_counts={"no": 452, "yes": 569},
    unit="exam",
    licence=(
        "Repository MIT; the images come from MRNet, whose Stanford research-use agreement "
        "(non-commercial, no redistribution) the repository cannot replace"
    ),
    citation=(
        "Bien N, et al. Deep-learning-assisted diagnosis for knee magnetic resonance imaging (MRNet). "
        f"PLoS Med 2018;15(11):e1002699. doi:10.1371/journal.pmed.1002699. Slices: {_RADIMAGENET}"
    ),
    homepage="https://github.com/BMEII-AI/RadImageNet",
    steps=(
        "Register for MRNet and accept its research-use agreement: "
        "http://stanfordmlgroup.github.io/competitions/mrnet/",
        f"{_CLONE} (folder acl/: 1021 slices of 498 exams in acl/images, fold files in acl/dataframe).",
        "Put the repository, or its folder acl/ alone, below DATA_ROOT: RadImageNet/acl or acl.",
        "Check it with: study data check radimagenet-acl --data-root DATA_ROOT",
    ),
    n_groups=498,
)
RADIMAGENET_BREAST_INFO = DatasetInfo(
    name="radimagenet-breast",
    title="BUSI with the labels and folds of the RadImageNet repository",
    modality="ultrasound, breast",
    task="malignant lesions from benign ones and normal tissue",
    classes=("benign", "malignant"),
    class_counts={"benign": 570, "malignant": 210},
    unit="image",
    licence="Repository MIT; the images are those of BUSI, whose source states no licence",
    citation=(
        "Al-Dhabyani W, Gomaa M, Khaled H, Fahmy A. Dataset of breast ultrasound images. "
        f"Data in Brief 2020;28:104863. doi:10.1016/j.dib.2019.104863. Folds: {_RADIMAGENET}"
    ),
    homepage="https://github.com/BMEII-AI/RadImageNet",
    steps=(
        f"{_CLONE} (folder breast/: 780 images in breast/images, fold files in breast/dataframe; "
        "the 133 normal images are labelled benign).",
        "Put the repository, or its folder breast/ alone, below DATA_ROOT: RadImageNet/breast or breast.",
        "Check it with: study data check radimagenet-breast --data-root DATA_ROOT",
    ),
    n_groups=None,
)


def load_radimagenet(info: DatasetInfo, files: FoldFiles, data_root: Path | None) -> Dataset:
    """Read the images that the fold files of one task list; image_id is the file name without ".png".

    An ACL slice belongs to the exam in the first four digits of its name; breast images have no patients.
    `published_split` holds the authors' five folds, or a note says why they cannot be used.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : the set is not there
    ValueError : a fold file is missing, or see `read_folds`; a file name without exam; no readable image
    """
    folder = find_radimagenet(info, files, data_root)
    rows = read_folds(folder, files)
    listed = rows.drop_duplicates("image_id")
    images = [
        ImageFile(
            image_id=row.image_id,
            path=folder / row.filename,
            class_name=row.label,
            group_id=_exam(Path(row.filename).name, row.file) if files is ACL_FOLDS else None,
        )
        for row in listed.rename(columns={"class": "label"}).itertuples(index=False)
    ]
    notes = [*count_notes(info, class_counts(images), title=info.name), *_unlisted(folder, listed)]
    folds: pd.DataFrame | None = None
    try:
        folds = split_of_folds(rows)
    except ValueError as error:
        notes.append(f"The authors' folds cannot be used as a split: {error}")
    return dataset_of_files(info, images, notes=notes, published_split=folds)


def find_radimagenet(info: DatasetInfo, files: FoldFiles, data_root: Path | None) -> Path:
    """The folder of one task: it holds images/ and dataframe/ with fifteen fold files."""
    names = [
        fold_path(Path(), files, part, number).as_posix()
        for number in range(1, N_FOLDS + 1)
        for part in PARTS
    ]
    places = [f"RadImageNet/{files.task}", files.task]
    return find_folder(info.name, data_root, places=places, marks=names[:1], needs=["images", *names])


def _exam(name: str, file: str) -> str:
    match = _ACL_NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f"{file}: '{name}' is not named as an ACL slice, e.g. 0007_sagittal_12.000000.png; its exam "
            "cannot be told. Get the fold files again."
        )
    return match["exam"]


def _unlisted(folder: Path, listed: pd.DataFrame) -> list[str]:
    known = {Path(name).name for name in listed["filename"]}
    extra = [
        f"'{path.name}'"
        for path in list_folder(folder / "images")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name not in known
    ]
    if not extra:
        return []
    return [f"{len(extra)} image(s) stand in no fold file, have no label and were left out: {some(extra)}."]


def _reader(info: DatasetInfo, files: FoldFiles) -> Reader:
    return Reader(
        info=info,
        load=lambda data_root, options: load_radimagenet(info, files, data_root),
        find=lambda data_root, options: find_radimagenet(info, files, data_root),
    )


RADIMAGENET_ACL = _reader(RADIMAGENET_ACL_INFO, ACL_FOLDS)
RADIMAGENET_BREAST = _reader(RADIMAGENET_BREAST_INFO, BREAST_FOLDS)
