"""Which pictures a page can show: the images of the study's data sets, and the maps of `study gradcam`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.images.pixels import IMAGE_SUFFIXES, read_pixels
from data.registry import load_dataset
from data.store import Store
from study.config import parse_study
from study.explore.pictures import Budget, map_pictures, thumbnails
from study.imports.study_file import is_imported


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """Images that may be shown.

    Attributes
    ----------
    read_image : image_id -> uint8 array (height, width) or (height, width, 3)
    image_ids : those that may be shown, in the order asked for
    absent : why others may not, for "n of m images have no picture, since ..."
    """

    read_image: Callable[[str], np.ndarray]
    image_ids: list[str]
    absent: str


def find_images(store: Store, task: str, image_ids: Sequence[str], data_root: Path | None) -> ImageSource:
    """Return the images of a task: of its data set, or for imported predictions files named as the ids.

    Raises
    ------
    ValueError, OSError : they are not at hand; the message says why
    """
    text = store.read_study()
    if is_imported(text):
        return named_files(image_ids, data_root)
    config = parse_study(text, source=f"{store.where}/study.toml").tasks.get(task)
    if config is None:
        raise ValueError("The study file of the store has no such task.")
    dataset = load_dataset(config.dataset, data_root=data_root, options=config.options, unreadable="list")
    stored = store.read_manifest(task).set_index("image_id")["sha256"]
    here = dataset.manifest.set_index("image_id")["sha256"]
    same = [name for name in image_ids if name in here.index and here[name] == stored.get(name)]
    absent = "the data set at hand lacks them or holds another file under their name (SHA-256)"
    return ImageSource(read_image=dataset.read_image, image_ids=same, absent=absent)


def named_files(image_ids: Sequence[str], folder: Path | None) -> ImageSource:
    """Return the image files in `folder` that are named as an image id, with or without their suffix.

    Raises
    ------
    ValueError : no folder given, or it holds no such file
    """
    if folder is None:
        raise ValueError(
            "The predictions were imported, and the store knows no image files. "
            "Name the folder that holds a file per image id with --data-root."
        )
    found = {name: path for name in image_ids if (path := _named_file(folder, name)) is not None}
    if not found:
        raise ValueError(
            f"'{folder}' (--data-root) holds no file named as an image id, such as '{image_ids[0]}'."
        )
    return ImageSource(
        read_image=lambda name: read_pixels(found[name]),
        image_ids=list(found),
        absent="the folder of --data-root holds no file of their name",
    )


def task_thumbnails(
    store: Store,
    task: str,
    image_ids: Sequence[str],
    *,
    data_root: Path | None,
    pixels: int,
    budget: Budget,
) -> tuple[dict[str, str], list[str]]:
    """Return pictures by image_id, and what is missing of them and why."""
    if not budget.room:
        return {}, [f"Task {task}: no pictures were asked for."]
    try:
        source = find_images(store, task, image_ids, data_root)
    except (ValueError, OSError) as error:
        return {}, [f"Task {task}: no pictures. {error}"]
    known = source.image_ids
    found = thumbnails(source.read_image, known, pixels=pixels, budget=budget)
    notes = []
    if len(known) < len(image_ids):
        notes.append(
            f"Task {task}: {len(image_ids) - len(known)} of {len(image_ids)} images have no picture, since "
            f"{source.absent}."
        )
    if len(found) < len(known):
        notes.append(
            f"Task {task}: pictures of {len(found)} of {len(known)} images, since their room of "
            f"{budget.room / 1e6:.3g} MB is spent. Test images come first, and of these the ones with the "
            "widest range of scores over all models."
        )
    return found, notes


def cell_maps(
    store: Store, cell_ids: Sequence[str], *, pixels: int, budget: Budget
) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Return the Grad-CAM overlays by (cell_id, image_id), and what is missing of them and why."""
    index = store.read_table("gradcam/index.parquet")
    if index is None or not budget.room:
        return {}, []
    index = index[index["cell_id"].isin(list(cell_ids))]
    found = map_pictures(store.gradcam_dir(), index, pixels=pixels, budget=budget)
    if len(found) == len(index):
        return found, []
    return found, [
        f"Grad-CAM: {len(found)} of {len(index)} maps, since their room of "
        f"{budget.room / 1e6:.3g} MB is spent. "
        "Name fewer cells with --cells, or give more room with --picture-mb."
    ]


def _named_file(folder: Path, name: str) -> Path | None:
    root = folder.resolve()
    paths = ((root / f"{name}{suffix}").resolve() for suffix in ("", *IMAGE_SUFFIXES))
    # An id such as ../x must not lead out of the folder.
    return next((path for path in paths if path.is_relative_to(root) and path.is_file()), None)
