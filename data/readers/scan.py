"""Image files on disk to a data set: facts of every file, defects named, pixels read on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from data.dataset import Dataset, DatasetInfo, make_manifest
from data.images.pixels import ImageFacts, probe_image, read_mask_files, read_pixels

_THREADS = 2
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """One image on disk: its id, place, class, patient or exam if known, and mask files."""

    image_id: str
    path: Path
    class_name: str
    group_id: str | None = None
    masks: tuple[Path, ...] = ()


def dataset_of_files(info: DatasetInfo, files: Sequence[ImageFile], *, notes: Iterable[str] = ()) -> Dataset:
    """Make a data set of image files; every file is opened and checked.

    `class_counts` and `n_groups` of the returned info are those of the files.

    Raises
    ------
    ValueError : no file; files that cannot be read (the first are named, all are counted); an id twice,
        or one file in two classes
    """
    _check_one_class_per_file(files)
    facts = _probe_all(files)
    manifest = make_manifest(
        {
            "image_id": file.image_id,
            "path": str(file.path.resolve()),
            "group_id": file.group_id,
            "class": file.class_name,
            "sha256": fact.sha256,
            "width": fact.width,
            "height": fact.height,
            "mask_path": str(file.masks[0].resolve()) if file.masks else None,
        }
        for file, fact in zip(files, facts, strict=True)
    )
    by_id = {file.image_id: file for file in files}
    return Dataset(
        info=_described(info, manifest),
        manifest=manifest,
        read_image=lambda image_id: read_pixels(_file(by_id, image_id).path),
        read_mask=lambda image_id: _mask(_file(by_id, image_id)),
        notes=(*notes, *duplicate_notes(manifest)),
    )


def duplicate_notes(manifest: pd.DataFrame) -> tuple[str, ...]:
    """Name images whose files are identical byte for byte: across classes, and within one class."""
    doubled = manifest[manifest["sha256"].duplicated(keep=False)]
    conflicts: list[str] = []
    repeats: list[str] = []
    for _, same in doubled.groupby("sha256", sort=False):
        names = " = ".join(f"'{image_id}'" for image_id in same["image_id"])
        (conflicts if same["class"].nunique() > 1 else repeats).append(names)
    notes = []
    if conflicts:
        notes.append(
            f"{len(conflicts)} image(s) stand in two classes under different names (identical files): "
            f"{_some(conflicts)}. At least one of the labels is wrong."
        )
    if repeats:
        notes.append(
            f"{len(repeats)} image(s) occur more than once in their class (identical files): "
            f"{_some(repeats)}. A copy may lie in another part of the split."
        )
    return tuple(notes)


def _probe_all(files: Sequence[ImageFile]) -> list[ImageFacts]:
    with ThreadPoolExecutor(_THREADS) as pool:
        results = list(pool.map(_probe, files))
    broken = [text for text in results if isinstance(text, str)]
    if broken:
        raise ValueError(
            f"{len(broken)} of {len(files)} images cannot be read: {_some(broken)}. "
            "Get these files again, convert them, or remove them."
        )
    return [fact for fact in results if isinstance(fact, ImageFacts)]


def _probe(file: ImageFile) -> ImageFacts | str:
    path = file.path
    try:
        facts = probe_image(path)
        for path in file.masks:
            probe_image(path)
    except FileNotFoundError:
        return f"'{path}' (no such file)"
    except OSError as error:
        return f"'{path}' ({error.strerror or error})"
    except ValueError as error:
        return f"'{path}' ({error})"
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


def _described(info: DatasetInfo, manifest: pd.DataFrame) -> DatasetInfo:
    counts = manifest["class"].value_counts()
    order = [*info.classes, *sorted(set(counts.index) - set(info.classes))]
    n_groups = int(manifest["group_id"].nunique()) if manifest["group_id"].notna().any() else info.n_groups
    return replace(
        info,
        classes=tuple(order),
        class_counts={name: int(counts.get(name, 0)) for name in order},
        n_groups=n_groups,
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


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
