"""Which pictures a page can show: the images of the study's data sets, and the maps of `study gradcam`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data.dataset import Dataset
from data.registry import load_dataset
from data.store import Store
from data.tables import read_table
from study.config import parse_study
from study.explore.pictures import Budget, map_pictures, thumbnails
from study.imports.study_file import is_imported


def find_dataset(store: Store, task: str, data_root: Path | None) -> tuple[Dataset | None, str | None]:
    """Return the data set of a task, or None and why the page has no pictures of it."""
    text = store.read_study()
    if is_imported(text):
        return None, "the predictions were imported, and the store knows no image files"
    config = parse_study(text, source=str(store.root / "study.toml")).tasks.get(task)
    if config is None:
        return None, "the study file of the store has no such task"
    try:
        dataset = load_dataset(config.dataset, data_root=data_root, options=config.options, unreadable="list")
    except (ValueError, OSError) as error:
        return None, str(error)
    return dataset, None


def task_thumbnails(
    store: Store,
    task: str,
    image_ids: Sequence[str],
    *,
    data_root: Path | None,
    pixels: int,
    budget: Budget,
) -> tuple[dict[str, str], list[str]]:
    """Return pictures by image_id, and what is missing of them and why.

    An image whose file is another than in the store (SHA-256) is not shown.
    """
    if not budget.room:
        return {}, [f"Task {task}: no pictures were asked for."]
    dataset, reason = find_dataset(store, task, data_root)
    if dataset is None:
        return {}, [f"Task {task}: no pictures, since {reason}"]
    stored = store.read_manifest(task).set_index("image_id")["sha256"]
    here = dataset.manifest.set_index("image_id")["sha256"]
    same = [name for name in image_ids if name in here.index and here[name] == stored.get(name)]
    found = thumbnails(dataset, same, pixels=pixels, budget=budget)
    notes = []
    if len(same) < len(image_ids):
        notes.append(
            f"Task {task}: {len(image_ids) - len(same)} of {len(image_ids)} images have no picture, since "
            "the data set at hand lacks them or holds another file under their name (SHA-256)."
        )
    if len(found) < len(same):
        notes.append(
            f"Task {task}: pictures of {len(found)} of {len(same)} images, since their room of "
            f"{budget.room / 1e6:.3g} MB is spent. Test images come first, and of these the ones with the "
            "widest range of scores over all models."
        )
    return found, notes


def cell_maps(
    store: Store, cell_ids: Sequence[str], *, pixels: int, budget: Budget
) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Return the Grad-CAM overlays by (cell_id, image_id), and what is missing of them and why."""
    path = store.gradcam_dir() / "index.parquet"
    if not path.is_file() or not budget.room:
        return {}, []
    index = read_table(path)
    index = index[index["cell_id"].isin(list(cell_ids))]
    found = map_pictures(store.gradcam_dir(), index, pixels=pixels, budget=budget)
    if len(found) == len(index):
        return found, []
    return found, [
        f"Grad-CAM: {len(found)} of {len(index)} maps, since their room of "
        f"{budget.room / 1e6:.3g} MB is spent."
    ]
