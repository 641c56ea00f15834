"""Train one cell whose trunk is partly or wholly unfrozen, epoch by epoch.

The result depends on the job and the inputs alone, so cells of a group can advance together: each trains one
epoch on the maps that the frozen layers below gave, in any order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from training.backbones import FrozenTrunk
from training.features import exact_convolutions
from training.fit import FitResult, check_batch_size, check_classes
from training.heads import build_head, count_parameters
from training.layer_groups import same_levels
from training.seeds import epoch_order
from training.settings import CellJob, CellSettings
from training.stopping import best_epoch
from training.trainer import CellTrainer
from training.trunk_inputs import InputTable
from training.unfrozen_model import UnfrozenModel
from training.workers import CancelledError

_SCORE_ROWS = 16  # images per forward pass when scoring


class UnfrozenCell:
    """A cell in training.

    ::

        cell = UnfrozenCell(job, trunk, labels=labels, device=device)
        while not cell.finished:
            cell.train_epoch(train_inputs_of_epoch, val_inputs)
        result = cell.result(test_inputs)

    Parameters
    ----------
    trunk : where the cell's layers start; it is copied, not changed
    labels : "train", "val" and "test" -> int64 (n,), 1 = positive

    Raises
    ------
    OneClassError : train, validation or test holds one class only
    ValueError : the batch size leaves a batch of one image
    """

    def __init__(
        self, job: CellJob, trunk: FrozenTrunk, *, labels: Mapping[str, Tensor], device: torch.device
    ) -> None:
        check_classes(labels)
        check_batch_size(job.settings, len(labels["train"]))
        self.job, self._labels, self._device = job, labels, device
        head = build_head(job.settings, trunk.n_features)
        self._model = UnfrozenModel(trunk, head, job.settings).to(device)
        self._model.to(memory_format=torch.channels_last)
        self._n_parameters = count_parameters(self._model)
        self._trainer = CellTrainer(job, self._model, train_labels=labels["train"], device=device)
        self._seconds = 0.0

    @property
    def finished(self) -> bool:
        return self._trainer.finished

    @property
    def epoch(self) -> int:
        """The next epoch, 0-based."""
        return self._trainer.epoch

    @property
    def seconds(self) -> float:
        """Time spent on this cell."""
        return self._seconds

    def train_epoch(self, train: InputTable, val: InputTable, *, stop: threading.Event | None = None) -> None:
        """Train the next epoch on its inputs and score validation.

        Raises
        ------
        NonFiniteLossError : the loss of a training batch or of validation is not finite
        FrozenChangedError : a layer that is frozen in this epoch has changed
        CancelledError : `stop` was set
        """
        begin, settings = time.perf_counter(), self.job.settings
        self._model.set_epoch(self._trainer.epoch)
        self._trainer.begin_epoch()
        order = epoch_order(len(train), task=settings.task, seed=settings.seed, epoch=self._trainer.epoch)
        with exact_convolutions(self._device):
            for rows in torch.from_numpy(order).split(settings.batch_size):
                if stop is not None and stop.is_set():
                    raise CancelledError
                inputs = train.batch(rows, self._device)
                self._trainer.step(inputs, self._labels["train"][rows].to(self._device))
            self._trainer.end_epoch(self._score(val), self._labels["val"].numpy())
        self._seconds += time.perf_counter() - begin

    def result(self, test: InputTable) -> FitResult:
        """Score test with the best epoch; `state` holds what a checkpoint keeps.

        Raises
        ------
        FrozenChangedError : a frozen layer has changed
        """
        trainer = self._trainer
        self._model.check_frozen()
        state = trainer.restore_best()
        history = trainer.history()
        with exact_convolutions(self._device):
            test_logits = self._score(test)
        notes = [*trainer.notes(), *filter(None, [level_note(self.job.settings)])]
        return FitResult(
            best_epoch=best_epoch(history, self.job.settings.checkpoint),
            history=history,
            val_logits=trainer.best_logits,
            test_logits=test_logits,
            state=self._model.trained_tensors(state),
            n_parameters=self._n_parameters,
            optimizer=trainer.implementation,
            stopped_epoch=trainer.stopped_epoch,
            notes=tuple(notes),
        )

    def _score(self, table: InputTable) -> np.ndarray:
        """Logits float32 (n, 2) in evaluation mode."""
        self._model.eval()
        with torch.inference_mode():
            parts = [
                self._model(table.batch(slice(start, start + _SCORE_ROWS), self._device))
                for start in range(0, len(table), _SCORE_ROWS)
            ]
        return torch.cat(parts).to("cpu", torch.float32).numpy()


def level_note(settings: CellSettings) -> str | None:
    """Where another level of `unfreeze` trains exactly the same layers: which layers, and which levels."""
    same = same_levels(settings.backbone, settings.unfreeze, settings.unfreeze_count)
    if not same:
        return None
    names = ", ".join(settings.trained_children()) or "no layer"
    return (
        f"`unfreeze` {settings.unfreeze} ({settings.unfreeze_count}) trains {names} of the trunk, as do the "
        f"levels {', '.join(map(str, same))}"
    )
