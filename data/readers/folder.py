"""A folder with one sub-folder per class."""

from __future__ import annotations

import re
from pathlib import Path

from data.dataset import Dataset, DatasetInfo
from data.images.pixels import IMAGE_SUFFIXES
from data.images.window import Window
from data.readers.places import below, check_folder, list_folder
from data.readers.reader import WINDOW, Option, Reader
from data.readers.scan import ImageFile, dataset_of_files

_MASK_STEM = re.compile(r"(?P<image>.+)_mask(_\d+)?")

FOLDER_INFO = DatasetInfo(
    name="folder",
    title="Images in one folder per class",
    modality="as given",
    task="one class from the others",
    classes=(),
    class_counts=None,
    unit="image",
    licence="as given by its owner",
    citation="",
    homepage="",
    steps=(
        "Put the images into one folder per class: FOLDER/class_a/1.png, FOLDER/class_b/2.png "
        f"({', '.join(IMAGE_SUFFIXES)}; 8-bit grey or RGB, or single DICOM frames). Masks may lie beside "
        "them as 1_mask.png.",
        'Name the folder in the study file: dataset = "folder", options = { path = "FOLDER" } '
        "(relative to --data-root, or to the current folder).",
        'Several images of one patient? Use dataset = "manifest", which has a column for the patient.',
    ),
    n_groups=None,
)


def load_folder(path: Path, *, window: Window = "file") -> Dataset:
    """Read a class-per-folder data set; image_id is "class/stem".

    `window` is for DICOM files, see `data.images.dicom.decode_dicom`.
    A file `x_mask.png` or `x_mask_1.png` beside `x.png` is a mask of it, not an image.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : `path` is absent or no folder
    ValueError : fewer than two class folders, a class folder without images, no readable file
    """
    check_folder(path)
    folders = [part for part in list_folder(path) if part.is_dir()]
    if len(folders) < 2:
        found = ", ".join(part.name for part in folders) or "none"
        raise ValueError(
            f"The folder '{path}' needs at least two class folders with images, but has {found}. "
            "Put the images into one folder per class."
        )
    files = [
        file for folder in folders for file in images_of_class(folder, folder.name, prefix=f"{folder.name}/")
    ]
    return dataset_of_files(FOLDER_INFO, files, window=window)


def images_of_class(folder: Path, class_name: str, *, prefix: str = "") -> list[ImageFile]:
    """List the images of one class folder with their masks, sorted by name.

    Raises
    ------
    ValueError : the folder holds no image
    """
    paths = [path for path in list_folder(folder) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    stems = {path.stem for path in paths}
    masks: dict[str, list[Path]] = {}
    images = []
    for path in paths:
        match = _MASK_STEM.fullmatch(path.stem)
        if match is not None and match["image"] in stems:
            masks.setdefault(match["image"], []).append(path)
        else:
            images.append(path)
    if not images:
        raise ValueError(
            f"The class folder '{folder}' has no image ({', '.join(IMAGE_SUFFIXES)}). "
            "Put its images there, or remove the folder."
        )
    return [
        ImageFile(
            image_id=f"{prefix}{path.stem}",
            path=path,
            class_name=class_name,
            masks=tuple(masks.get(path.stem, ())),
        )
        for path in images
    ]


FOLDER = Reader(
    info=FOLDER_INFO,
    load=lambda data_root, options: load_folder(below(data_root, options["path"]), window=options["window"]),
    find=lambda data_root, options: check_folder(below(data_root, options["path"])),
    options=(
        Option(name="path", kind="text", help="the folder with one sub-folder per class", required=True),
        WINDOW,
    ),
)
