"""Where cells to explain come from: the store, the images of their task, their weights."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.store import Store
from study.config import StudyConfig
from study.gradcam.masks import lesion_masks
from study.grid import build_cells
from study.run.perform import cell_job
from study.run.prepare import PreparedTask, plan_cells, prepare_task
from training.group import run_group
from training.saliency.explained import ExplainedCell, open_cell
from training.weights import Weights, resolve_weights


@dataclass(frozen=True, kw_only=True)
class CellSource:
    """Opens rows of the planned grid; tasks and the images of the last one are read once.

    `data_root` : folder of the image data; `weights_dir` : folder of weight files
    """

    store: Store
    config: StudyConfig
    data_root: Path | None
    weights_dir: Path
    _tasks: dict[str, PreparedTask] = field(default_factory=dict)
    _images: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)

    def task(self, name: str) -> PreparedTask:
        """Data set, manifest and split of a task."""
        if name not in self._tasks:
            self._tasks[name] = prepare_task(name, self.config.tasks[name], self.data_root)
        return self._tasks[name]

    def open(self, row: Any) -> ExplainedCell:
        """Network and test images of a row of the grid (task, cell_id, pretrain, backbone, image_size).

        FileNotFoundError, ValueError : see `training.saliency.explained.open_cell`
        """
        return open_cell(
            self.store,
            row.cell_id,
            images=self._decoded(row.task, int(row.image_size)),
            manifest=self.task(row.task).manifest,
            weights=self._weights(row),
        )

    def test_masks(self, cell: ExplainedCell) -> dict[str, np.ndarray]:
        """Lesions of the cell's test images, by image id."""
        read = self.task(cell.settings.task).dataset.read_mask
        return lesion_masks(read, cell.test["image_id"], cell.settings.image_size)

    def training_masks(self, cell: ExplainedCell) -> dict[str, np.ndarray]:
        """Lesions of the images that the cell was trained on, by image id."""
        task = self.task(cell.settings.task)
        split = task.fold_split(cell.settings.fold)
        trained = split.loc[split["split"] == "train", "image_id"]
        return lesion_masks(task.dataset.read_mask, trained, cell.settings.image_size)

    def keep_checkpoint(self, row: Any) -> None:
        """Train a done cell of the grid again, from its cached features, to keep its checkpoint.

        The same job on the same inputs gives the same tensors; `open` checks the scores against the store.

        Raises
        ------
        ValueError : study file, data or weights are no longer those that the cell was trained with
        """
        if self.store.has_checkpoint(row.cell_id):
            return
        task, weights = self.task(row.task), self._weights(row)
        cells = [cell for cell in build_cells(self.config) if cell.index == row.index]
        stored = self.store.cells().set_index("cell_id").loc[row.cell_id]
        backend = stored.get("backend") or "torch"
        planned = plan_cells(
            cells, {row.task: task}, {(row.pretrain, row.backbone): weights}, backend=backend
        )
        if [item.cell_id for item in planned] != [row.cell_id]:
            raise ValueError(
                f"Cell {row.cell_id} cannot be trained again: study file, data or weights have changed. "
                "Run `study run-grid` again."
            )
        run_group(
            [cell_job(planned[0])],
            images=self._decoded(row.task, int(row.image_size)),
            manifest=task.manifest,
            split=task.fold_split(int(row.fold)),
            weights=weights,
            store=self.store,
            device=str(stored["device"]),
            backend=backend,
        )

    def _weights(self, row: Any) -> Weights:
        return resolve_weights(row.pretrain, row.backbone, weights_dir=self.weights_dir)

    def _decoded(self, name: str, size: int) -> np.ndarray:
        if (name, size) not in self._images:
            self._images.clear()  # decoded images of a large task fill the memory
            self._images[name, size] = self.task(name).images(size)
        return self._images[name, size]
