"""Image files on disk to a data set: facts of every file, defects named, pixels read on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.dataset import Dataset, DatasetInfo
from data.images.pixels import ImageFacts, probe_image, read_mask_files, read_pixels
from data.images.window import Window
from data.readers.assemble import assemble

_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """One image on disk: its id, place, class, patient or exam if known, and mask files."""

    image_id: str
    path: Path
    class_name: str
    group_id: str | None = None
    masks: tuple[Path, ...] = ()


def dataset_of_files(
    info: DatasetInfo,
    files: Sequence[ImageFile],
    *,
    notes: Iterable[str] = (),
    published_split: pd.DataFrame | None = None,
    window: Window = "file",
) -> Dataset:
    """Make a data set of image files; every file is opened and checked. `window` is for DICOM files.

    An image that cannot be read, or whose mask cannot, stands in `unreadable` instead of the manifest.

    Raises
    ------
    ValueError : no file, or none that can be read; an id twice, or one file in two classes
    """
    _check_one_class_per_file(files)
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda file: _probe(file, window), files))
    readable = [(file, fact) for file, fact in zip(files, found, strict=True) if isinstance(fact, ImageFacts)]
    by_id = {file.image_id: file for file, _ in readable}
    return assemble(
        info,
        [_row(file, fact) for file, fact in readable],
        read_image=lambda image_id: read_pixels(_file(by_id, image_id).path, window=window),
        read_mask=lambda image_id: _mask(_file(by_id, image_id)),
        notes=[*notes, *_file_notes(readable)],
        unreadable=[fact for fact in found if not isinstance(fact, ImageFacts)],
        published_split=published_split,
    )


def class_counts(files: Iterable[ImageFile]) -> dict[str, int]:
    """Number of images per class."""
    return dict(Counter(file.class_name for file in files))


def _row(file: ImageFile, facts: ImageFacts) -> dict[str, Any]:
    return {
        "image_id": file.image_id,
        "path": str(file.path.resolve()),
        "group_id": file.group_id,
        "class": file.class_name,
        "sha256": facts.sha256,
        "width": facts.width,
        "height": facts.height,
        "mode": facts.mode,
        "mask_path": str(file.masks[0].resolve()) if file.masks else None,
    }


def _file_notes(readable: Iterable[tuple[ImageFile, ImageFacts]]) -> list[str]:
    """Each note on single files once, with the number of files and the first of them."""
    files: dict[str, list[str]] = {}
    for file, facts in readable:
        if facts.note is not None:
            files.setdefault(facts.note, []).append(file.image_id)
    return [f"{len(ids)} DICOM file(s) {note} (first '{ids[0]}')." for note, ids in files.items()]


def _probe(file: ImageFile, window: Window) -> ImageFacts | tuple[str, str]:
    """Facts of an image, or the file that is at fault and the reason."""
    path = file.path
    try:
        facts = probe_image(path, window=window)
        for path in file.masks:
            probe_image(path, is_mask=True)
    except FileNotFoundError:
        return str(path), "no such file"
    except OSError as error:
        return str(path), error.strerror or str(error)
    except ValueError as error:
        return str(path), str(error)
    return facts


def _check_one_class_per_file(files: Sequence[ImageFile]) -> None:
    seen: dict[Path, ImageFile] = {}
    for file in files:
        other = seen.setdefault(file.path.resolve(), file)
        if other.class_name != file.class_name:
            raise ValueError(
                f"Image '{file.image_id}' stands in 2 classes ({other.class_name}, {file.class_name}); "
                "an image has one class. Keep the right row or file."
            )


def _file(by_id: dict[str, ImageFile], image_id: str) -> ImageFile:
    if image_id not in by_id:
        raise ValueError(f"The data set has no image '{image_id}'.")
    return by_id[image_id]


def _mask(file: ImageFile) -> np.ndarray | None:
    if not file.masks:
        return None
    height, width = read_pixels(file.path).shape[:2]
    return read_mask_files(file.masks, shape=(height, width))
