"""Breast Ultrasound Images (BUSI), Al-Dhabyani et al. 2020, as the folders that its archive unpacks to."""

from __future__ import annotations

import re
from pathlib import Path

from data.dataset import Dataset, DatasetInfo
from data.readers.folder import images_of_class
from data.readers.notes import count_notes
from data.readers.places import find_folder
from data.readers.reader import Reader
from data.readers.scan import ImageFile, class_counts, dataset_of_files

_TOP = "Dataset_BUSI_with_GT"

BUSI_INFO = DatasetInfo(
    name="busi",
    title="Breast Ultrasound Images (BUSI)",
    modality="ultrasound, breast",
    task="malignant lesions from benign ones and normal tissue",
    classes=("benign", "malignant", "normal"),
    class_counts={"benign": 437, "malignant": 210, "normal": 133},
    unit="image",
    licence="unstated by source; mirrors differ (Kaggle copy: CC0 1.0; MedMNIST derivative: CC BY 4.0)",
    citation=(
        "Al-Dhabyani W, Gomaa M, Khaled H, Fahmy A. Dataset of breast ultrasound images. "
        "Data in Brief 2020;28:104863. doi:10.1016/j.dib.2019.104863"
    ),
    homepage="https://scholar.cu.edu.eg/?q=afahmy/pages/dataset",
    steps=(
        "Download the archive from https://scholar.cu.edu.eg/?q=afahmy/pages/dataset, or the Kaggle copy "
        "https://www.kaggle.com/datasets/aryashah2k/breast-ultrasound-images-dataset "
        "(archive SHA-256 7fffc86a517934da55021f66641d81383058d26a30adb0ffab3780ca7e52d57d).",
        f"Unpack it so that DATA_ROOT/{_TOP}/benign/benign (1).png exists (780 images beside their masks).",
        "Check it with: study data check busi --data-root DATA_ROOT",
        "Give the same --data-root DATA_ROOT to study run-grid.",
    ),
    n_groups=None,
)


def find_busi(data_root: Path | None) -> Path:
    """Return the folder that holds benign/, malignant/ and normal/.

    `data_root` may be that folder, the folder above it, or a folder with `busi/` in it.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : no data root given, or none of these folders is there
    ValueError : a class folder is missing
    """
    classes = BUSI_INFO.classes
    places = [_TOP, "busi", f"busi/{_TOP}"]
    return find_folder("busi", data_root, places=places, marks=classes, needs=classes)


def load_busi(data_root: Path | None) -> Dataset:
    """Read BUSI; image_id is the file's stem, e.g. "benign (1)". There are no patient ids.

    Several mask files of one image (`_mask`, `_mask_1`, ...) are merged. What differs from the published set
    and files that stand in two classes are reported in `notes`, not repaired.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : the data set is not at `data_root`
    ValueError : a class folder is missing or empty, a file in a wrong class folder, no readable file
    """
    folder = find_busi(data_root)
    files: list[ImageFile] = []
    ignored: list[ImageFile] = []
    for name in BUSI_INFO.classes:
        for file in images_of_class(folder / name, name):
            (files if _is_busi(file) else ignored).append(file)
    if not files:
        raise ValueError(
            f"'{folder}' has images, but none is named as in BUSI, e.g. 'benign (1).png' (first: "
            f"'{ignored[0].path.name}'). For images with other names use dataset = \"folder\"."
        )
    return dataset_of_files(BUSI_INFO, files, notes=_notes(files, ignored))


def _is_busi(file: ImageFile) -> bool:
    match = re.fullmatch(r"(benign|malignant|normal) \((\d+)\)", file.image_id)
    if match is None:
        return False
    if match[1] != file.class_name:
        raise ValueError(
            f"'{file.path.name}' lies in the class folder {file.class_name}, but its name says {match[1]}. "
            "Move it to its class, or unpack the archive again."
        )
    return True


def _notes(files: list[ImageFile], ignored: list[ImageFile]) -> list[str]:
    notes = count_notes(BUSI_INFO, class_counts(files), title="BUSI")
    if ignored:
        notes.append(
            f"{len(ignored)} file(s) are not named as in BUSI and were left out, first "
            f"'{ignored[0].path.name}'."
        )
    if not any(file.masks for file in files):
        notes.append("This copy of BUSI has no lesion masks.")
    return notes


BUSI = Reader(
    info=BUSI_INFO,
    load=lambda data_root, options: load_busi(data_root),
    find=lambda data_root, options: find_busi(data_root),
)
