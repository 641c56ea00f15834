"""BreastMNIST of MedMNIST v2 (Yang et al. 2023): one .npz file per image size, labels by name."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.dataset import Dataset, DatasetInfo
from data.fetch.sources import SOURCES
from data.readers.assemble import assemble
from data.readers.notes import count_notes
from data.readers.places import find_folder
from data.readers.reader import Option, Reader

SIZES = (28, 64, 128, 224)
PARTS = ("train", "val", "test")
# MedMNIST codes malignant as 0, against the custom that the sought class is 1; here classes have names.
CLASSES = ("malignant", "normal or benign")
_MD5 = {source.options["size"]: source.md5 for source in SOURCES["breastmnist"]}

BREASTMNIST_INFO = DatasetInfo(
    name="breastmnist",
    title="BreastMNIST (MedMNIST v2)",
    modality="ultrasound, breast",
    task="malignant lesions from benign ones and normal tissue",
    classes=CLASSES,
    class_counts={"malignant": 210, "normal or benign": 570},
    unit="image",
    licence="CC BY 4.0 (the source of the images, BUSI, states none)",
    citation=(
        "Yang J, et al. MedMNIST v2: a large-scale lightweight benchmark for 2D and 3D biomedical image "
        "classification. Sci Data 2023;10:41. doi:10.1038/s41597-022-01721-8. Images: Al-Dhabyani W, et al. "
        "Data in Brief 2020;28:104863. doi:10.1016/j.dib.2019.104863"
    ),
    homepage="https://medmnist.com",
    steps=(
        "Fetch it with: study data fetch breastmnist --data-root DATA_ROOT -o size=224. Or download the file "
        "of the size you want from https://zenodo.org/records/10519652: breastmnist.npz "
        "(28 px), breastmnist_64.npz, breastmnist_128.npz or breastmnist_224.npz. MD5: "
        + ", ".join(f"{size} px {digest}" for size, digest in _MD5.items())
        + ".",
        "Put it into DATA_ROOT, or DATA_ROOT/breastmnist.",
        "Check it with: study data check breastmnist --data-root DATA_ROOT -o size=224",
        "Its own train, val and test parts come along. They were drawn by image, so copies of one picture in "
        "BUSI may lie in two of them.",
    ),
    n_groups=None,
    sources=SOURCES["breastmnist"],
)


def breastmnist_file(size: int) -> str:
    """Name of the file with images of `size` pixels."""
    return "breastmnist.npz" if size == 28 else f"breastmnist_{size}.npz"


def find_breastmnist(data_root: Path | None, *, size: int) -> Path:
    """The .npz file of one size, in the data root or in breastmnist/ below it."""
    name = breastmnist_file(size)
    folder = find_folder(
        "breastmnist", data_root, places=["breastmnist"], marks=[name], needs=[name], shown=name
    )
    return folder / name


def load_breastmnist(data_root: Path | None, *, size: int) -> Dataset:
    """Read BreastMNIST; image_id is part and row, e.g. "train-0007". There are no patient ids.

    `published_split` is the file's own division. A file with another MD5 than the published one is read if
    its arrays are sound, and a note says so.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : the file is not there
    ValueError : it is damaged, or lacks an array, or an array has another shape, kind or label
    """
    path = find_breastmnist(data_root, size=size)
    arrays, digest = _read(path)
    images: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    for part in PARTS:
        pixels, labels = _checked_part(path, arrays, part, size)
        for index, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            image_id = f"{part}-{index:04d}"
            images[image_id] = image
            rows.append(
                {
                    "image_id": image_id,
                    "path": f"{path.resolve()}#{part}/{index}",
                    "class": CLASSES[label],
                    "sha256": hashlib.sha256(image.tobytes()).hexdigest(),
                    "width": size,
                    "height": size,
                    "mode": "uint8",
                }
            )
    found = {name: sum(row["class"] == name for row in rows) for name in CLASSES}
    return assemble(
        BREASTMNIST_INFO,
        rows,
        read_image=lambda image_id: _image(images, image_id),
        read_mask=lambda image_id: None,
        notes=[
            *_digest_notes(path, digest, size),
            *count_notes(BREASTMNIST_INFO, found, title="BreastMNIST"),
        ],
        published_split=_split(rows),
    )


def _read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of the file and its MD5."""
    content = path.read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    try:
        if not zipfile.is_zipfile(io.BytesIO(content)):
            raise ValueError("it is no ZIP archive")  # numpy would take it for a pickle
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}, digest
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, TypeError, OSError) as error:
        raise ValueError(
            f"'{path}' is damaged or no .npz file ({error}). Its MD5 is {digest}; download it again."
        ) from error


def _checked_part(
    path: Path, arrays: Mapping[str, np.ndarray], part: str, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, size, size) and labels (n,) of one part."""
    missing = [f"{part}_{kind}" for kind in ("images", "labels") if f"{part}_{kind}" not in arrays]
    if missing:
        raise ValueError(
            f"'{path}' lacks the array(s) {', '.join(missing)}; it has {', '.join(arrays) or 'none'}. "
            "Download it again."
        )
    images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    if images.dtype != np.uint8 or images.shape[1:] != (size, size):
        raise ValueError(
            f"'{path}': {part}_images must be uint8 of shape (n, {size}, {size}), but it is "
            f"{images.dtype} of shape {images.shape}. Give the `size` of this file, or download it again."
        )
    if labels.shape != (len(images), 1) or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"'{path}': {part}_labels must hold 0 or 1 in shape ({len(images)}, 1), but it has shape "
            f"{labels.shape} and values {np.unique(labels)[:5].tolist()}. Download it again."
        )
    return images, labels[:, 0].astype(int)


def _split(rows: list[dict[str, Any]]) -> pd.DataFrame:
    ids = [row["image_id"] for row in rows]
    return pd.DataFrame({"image_id": ids, "split": [image_id.partition("-")[0] for image_id in ids]})


def _digest_notes(path: Path, digest: str, size: int) -> list[str]:
    if digest == _MD5[size]:
        return []
    return [
        f"'{path.name}' has the MD5 {digest}, the published file of {size} px has {_MD5[size]}: it is "
        "another file than MedMNIST's."
    ]


def _image(images: Mapping[str, np.ndarray], image_id: str) -> np.ndarray:
    if image_id not in images:
        raise ValueError(f"The data set has no image '{image_id}'.")
    return images[image_id].copy()


BREASTMNIST = Reader(
    info=BREASTMNIST_INFO,
    load=lambda data_root, options: load_breastmnist(data_root, **options),
    find=lambda data_root, options: find_breastmnist(data_root, size=options["size"]),
    options=(Option(name="size", kind="whole number", help="pixels per side", default=28, choices=SIZES),),
)
