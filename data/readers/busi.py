"""Breast Ultrasound Images (BUSI), Al-Dhabyani et al. 2020, as the folders that its archive unpacks to."""

from __future__ import annotations

import re
from pathlib import Path

from data.dataset import Dataset, DatasetInfo
from data.readers.folder import images_of_class
from data.readers.scan import ImageFile, dataset_of_files

_TOP = "Dataset_BUSI_with_GT"

BUSI_INFO = DatasetInfo(
    name="busi",
    title="Breast Ultrasound Images (BUSI)",
    modality="ultrasound, breast",
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
    if data_root is None:
        raise FileNotFoundError(
            f"The data set 'busi' needs --data-root, the folder that holds {_TOP}. "
            "See `study data list busi` for how to get it."
        )
    root = Path(data_root)
    if not root.exists():
        raise FileNotFoundError(f"There is no folder '{root}' (--data-root). Create it or name another one.")
    if not root.is_dir():
        raise NotADirectoryError(f"'{root}' (--data-root) is a file; name the folder that holds {_TOP}.")
    places = [root, root / _TOP, root / "busi", root / "busi" / _TOP]
    found = next(
        (place for place in places if any((place / name).is_dir() for name in BUSI_INFO.classes)), None
    )
    if found is None:
        raise FileNotFoundError(
            f"'{root}' holds neither {_TOP} nor the folders {', '.join(BUSI_INFO.classes)}. "
            "See `study data list busi` for how to get the data set."
        )
    missing = [name for name in BUSI_INFO.classes if not (found / name).is_dir()]
    if missing:
        raise ValueError(
            f"'{found}' lacks the class folder(s) {', '.join(missing)}; BUSI has "
            f"{', '.join(BUSI_INFO.classes)}. Unpack the archive again."
        )
    return found


def load_busi(data_root: Path | None) -> Dataset:
    """Read BUSI; image_id is the file's stem, e.g. "benign (1)". There are no patient ids.

    Several mask files of one image (`_mask`, `_mask_1`, ...) are merged. What differs from the published set
    and files that stand in two classes are reported in `notes`, not repaired.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : the data set is not at `data_root`
    ValueError : a class folder is missing or empty, files that cannot be read, a file in a wrong class folder
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
    notes = []
    published = BUSI_INFO.class_counts or {}
    counts = {name: sum(file.class_name == name for file in files) for name in published}
    if counts != published:
        found = ", ".join(f"{n} {name}" for name, n in counts.items())
        expected = ", ".join(f"{n} {name}" for name, n in published.items())
        notes.append(f"This copy of BUSI has {found} images; the published set has {expected}.")
    if ignored:
        notes.append(
            f"{len(ignored)} file(s) are not named as in BUSI and were left out, first "
            f"'{ignored[0].path.name}'."
        )
    if not any(file.masks for file in files):
        notes.append("This copy of BUSI has no lesion masks.")
    return notes
