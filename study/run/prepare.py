"""Before training: data sets, labels, splits and weights of a study, checked as a whole.

Everything that can be wrong with the input shows here, before anything is written or trained.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.dataset import Dataset, manifest_hash
from data.images.decode import decode_images
from data.registry import load_dataset
from data.splits.folds import fold_split
from data.splits.split import split_hash
from study.config import TaskConfig
from study.grid import CELL_COLUMNS, Cell, cell_id, group_cells
from study.run.divide import Division, divide

if TYPE_CHECKING:
    from training.weights import Weights


@dataclass(frozen=True, kw_only=True)
class PreparedTask:
    """One task, ready to train: its data set, and the images that take part with labels and parts."""

    name: str
    config: TaskConfig
    dataset: Dataset
    division: Division

    @property
    def manifest(self) -> pd.DataFrame:
        """The images that take part, with label."""
        return self.division.manifest

    @property
    def split(self) -> pd.DataFrame:
        """image_id and split, with cross-validation fold too (a row per image and fold), as stored."""
        return self.division.split

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about data set and split."""
        return (*self.dataset.notes, *self.division.notes)

    @cached_property
    def manifest_hash(self) -> str:
        """Hash of images, classes and groups, and of which classes are positive."""
        positive = ",".join(sorted(self.config.positive))
        return f"{manifest_hash(self.manifest)}:{positive}"

    @cached_property
    def split_hashes(self) -> tuple[str, ...]:
        """Hash of the split of every fold; one without cross-validation."""
        return tuple(split_hash(self.fold_split(fold)) for fold in range(self.config.split.folds or 1))

    def fold_split(self, fold: int) -> pd.DataFrame:
        """image_id and split of one fold (0 without cross-validation)."""
        return fold_split(self.split, fold)

    def counts(self, fold: int = 0) -> dict[str, int]:
        """Images per part of the split of one fold."""
        found = self.fold_split(fold)["split"].value_counts()
        return {part: int(found.get(part, 0)) for part in ("train", "val", "test")}

    def all_counts(self) -> tuple[dict[str, int], ...]:
        """Images per part of every fold; one entry without cross-validation."""
        return tuple(self.counts(fold) for fold in range(self.config.split.folds or 1))

    def images(self, size: int) -> np.ndarray:
        """All images of the manifest, uint8, shape (n, channels, size, size)."""
        return decode_images(self.dataset, list(self.manifest["image_id"]), size)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCell:
    """A cell with its identity and its weights."""

    cell: Cell
    cell_id: str
    weights: "Weights"


def prepare_task(
    name: str,
    config: TaskConfig,
    data_root: Path | None,
    *,
    report: Callable[[str, int, int], None] | None = None,
) -> PreparedTask:
    """Load, label and split the data set of one task; `report` gets label, done and total images.

    Raises
    ------
    ValueError, OSError : the data set is unknown, absent or damaged; a class does not exist; a part of the
        split lacks a class. The message begins with the task.
    """
    try:
        dataset = load_dataset(config.dataset, data_root=data_root, options=config.options)
        progress = None if report is None else partial(report, f"{name}: duplicates")
        division = divide(dataset, config, data_root, progress=progress)
    except (ValueError, OSError) as error:
        raise type(error)(f"Task `{name}`: {error}") from error
    return PreparedTask(name=name, config=config, dataset=dataset, division=division)


def find_weights(
    pairs: Iterable[tuple[str, str]], *, weights_dir: Path
) -> dict[tuple[str, str], "Weights | None"]:
    """Weights of every (pretrain, backbone) pair, those of a fusion's parts before it.

    None for what `make_missing` makes: phantom weights that are not there yet, and fusions.

    Raises
    ------
    FileNotFoundError : weights are missing or damaged; all of them are named with the steps to get them
    """
    from training.fusion import pretrain_parts
    from training.weights import resolve_weights, weights_available

    asked = list(dict.fromkeys(pairs))
    singles = [(part, backbone) for pretrain, backbone in asked for part in pretrain_parts(pretrain)]
    found: dict[tuple[str, str], Weights | None] = {}
    missing: list[str] = []
    for pretrain, backbone in dict.fromkeys(singles):
        if pretrain == "phantom" and not weights_available(pretrain, backbone, weights_dir)[0]:
            found[pretrain, backbone] = None
            continue
        try:
            found[pretrain, backbone] = resolve_weights(pretrain, backbone, weights_dir=weights_dir)
        except (ValueError, OSError) as error:
            missing.append(str(error))
    if missing:
        raise FileNotFoundError("Weights are missing or damaged; nothing was trained.\n" + "\n".join(missing))
    return found | {pair: None for pair in asked if pair not in found}


def make_missing(
    found: dict[tuple[str, str], "Weights | None"],
    *,
    weights_dir: Path,
    note: Callable[[str], None],
    report: Callable[[str, int, int], None],
) -> dict[tuple[str, str], "Weights"]:
    """The same weights, with those that need no download made; `report` gets label, done and total images."""
    from training.fusion import pretrain_parts
    from training.weights import combine_weights

    complete: dict[tuple[str, str], Weights] = {}
    for (pretrain, backbone), weights in found.items():
        parts = pretrain_parts(pretrain)
        if len(parts) > 1:
            weights = combine_weights([complete[part, backbone] for part in parts])
        elif weights is None:
            from training.pretrain import make_phantom_weights

            note(f"{backbone}: short pretraining on phantoms (once; kept in {weights_dir})")
            weights = make_phantom_weights(
                backbone, weights_dir=weights_dir, progress=partial(report, f"{backbone}: pretraining")
            )
        complete[pretrain, backbone] = weights
    return complete


def check_training(
    cells: Sequence[Cell], tasks: Mapping[str, PreparedTask], device: str, backend: str
) -> None:
    """Refuse what cannot be trained before anything is written: settings, batch sizes, device, backend."""
    from training.backends import check_backend
    from training.fit import check_batch_size
    from training.group_input import check_jobs, resolve_device
    from training.settings import CellJob, CellSettings

    check_backend(backend, resolve_device(device))
    for members in group_cells(cells).values():
        jobs = [
            CellJob(cell_id=f"cell-{cell.index}", index=cell.index, settings=CellSettings(**cell.columns))
            for cell in members
        ]
        check_jobs(jobs, backbone=members[0].recipe["backbone"])
        for job in jobs:
            check_batch_size(job.settings, tasks[members[0].task].counts(members[0].fold)["train"])


def plan_cells(
    cells: Sequence[Cell],
    tasks: dict[str, PreparedTask],
    weights: dict[tuple[str, str], "Weights"],
    *,
    backend: str = "torch",
) -> list[PlannedCell]:
    """Give each cell its identity, which needs data, split, weights and what runs the frozen trunk."""
    from training.settings import SCHEMA_VERSION

    planned = []
    for cell in cells:
        task = tasks[cell.task]
        found = weights[cell.recipe["pretrain"], cell.recipe["backbone"]]
        identity = cell_id(
            cell,
            split_hash=task.split_hashes[cell.fold],
            manifest_hash=task.manifest_hash,
            weights_hash=found.sha256,
            schema=SCHEMA_VERSION,
            backend=backend,
        )
        planned.append(PlannedCell(cell=cell, cell_id=identity, weights=found))
    return planned


def grid_frame(planned: Sequence[PlannedCell]) -> pd.DataFrame:
    """The planned grid as a table: index, cell_id and every column of the cell."""
    rows: list[dict[str, Any]] = [
        {"index": item.cell.index, "cell_id": item.cell_id, **item.cell.columns} for item in planned
    ]
    frame = pd.DataFrame(rows, columns=["index", "cell_id", *CELL_COLUMNS])
    # Levels may be of two types ("all" beside numbers); a parquet column has one.
    frame["unfreeze"] = frame["unfreeze"].map(str)
    return frame
