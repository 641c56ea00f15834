"""Train one module batch by batch: the part that all ways of training a cell have in common."""

from __future__ import annotations

import time
from operator import itemgetter

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from training.heads import Head
from training.losses import training_loss
from training.metrics import EpochMetrics, epoch_metrics
from training.optimizers import build_optimizer
from training.precision import OptimizerStep, choose_precision
from training.schedule import learning_rate
from training.seeds import torch_stream
from training.settings import CellJob
from training.snapshot import Snapshot
from training.stopping import EpochWatch, has_diverged


class NonFiniteLossError(ArithmeticError):
    """Training left the finite numbers; `epoch` (0-based) says when."""

    def __init__(self, epoch: int, part: str) -> None:
        super().__init__(
            f"the {part} loss is not finite in epoch {epoch} (0-based); lower `lr` or check the weights"
        )
        self.epoch = epoch


class CellTrainer:
    """Optimiser, schedule, loss, history and best tensors of one cell; the caller brings the batches.

    ::

        trainer = CellTrainer(job, module, train_labels=labels, device=device)
        while not trainer.finished:
            trainer.begin_epoch()
            for inputs, labels in batches:
                trainer.step(inputs, labels)
            trainer.end_epoch(val_logits, val_labels)   # scored by the caller, dropout off
        state = trainer.restore_best()

    The result depends on the job and the batches, not on other trainers that work in between.

    Parameters
    ----------
    job : the cell
    module : inputs of a batch -> logits (b, 2), on `device`; its parameters that take gradients are trained.
        Dropout of every `Head` inside is seeded from (cell, epoch).
    train_labels : int64 (n,), labels of the whole training part, from which class weights follow
    device : where the module and the batches lie

    Attributes
    ----------
    epoch : the running epoch, 0-based; between epochs the next one
    finished : no epoch is left, or patience has run out
    stopped_epoch : the last epoch, where patience ended the training before `epochs`; else None
    best_epoch : the best epoch so far by the checkpoint rule, None before the first
    best_logits : validation logits float32 (n, 2) of the best epoch
    implementation : the optimiser that ran, for example "adam (fused)"
    """

    def __init__(
        self, job: CellJob, module: nn.Module, *, train_labels: Tensor, device: torch.device
    ) -> None:
        self._job, self._module, self._device = job, module, device
        settings, precision = job.settings, choose_precision(job.settings.amp, device)
        self._optimizer, self.implementation = build_optimizer(settings, module, device=device)
        self._update = OptimizerStep(
            self._optimizer, clip_norm=settings.clip_norm, dtype=precision.dtype, device=device
        )
        self._loss = training_loss(settings, train_labels, device=device)
        self._precision_note = precision.note
        self._watch = EpochWatch(settings.checkpoint, patience=settings.patience)
        self._rows: list[dict[str, float | int]] = []
        self._logits: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._start = 0.0
        self.epoch = 0
        self._best = Snapshot()
        self.best_logits = np.empty((0, 2), dtype=np.float32)

    @property
    def finished(self) -> bool:
        return self.epoch >= self._job.settings.epochs or self._watch.exhausted

    @property
    def stopped_epoch(self) -> int | None:
        early = self._watch.exhausted and self.epoch < self._job.settings.epochs
        return self.epoch - 1 if early else None

    @property
    def best_epoch(self) -> int | None:
        return self._watch.best

    def history(self) -> pd.DataFrame:
        """One row per epoch that has ended."""
        return pd.DataFrame(self._rows)

    def notes(self) -> list[str]:
        """What ran otherwise than the settings say or a reader would expect, for the row of the cell."""
        notes = [self._precision_note] if self._precision_note else []
        if self.stopped_epoch is not None:
            notes.append(
                f"stopped early after epoch {self.stopped_epoch} (0-based): no better "
                f"{self._job.settings.checkpoint} since epoch {self.best_epoch}"
            )
        worst = max(
            (row for row in self._rows if row["diverged"]), key=itemgetter("train_loss"), default=None
        )
        if worst is not None:
            notes.append(
                f"diverged: the training loss was {worst['train_loss']:.3g} in epoch {worst['epoch']} "
                f"(0-based), above 10 ln 2 and above the first epoch's {self._rows[0]['train_loss']:.3g}"
            )
        return notes

    def begin_epoch(self) -> None:
        """Set the epoch's learning rate, train mode and the stream of dropout."""
        self._start = time.perf_counter()
        self._logits, self._labels = [], []
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._job.settings, self.epoch)
        self._module.train()
        dropout = torch_stream("dropout", self._job.cell_id, self.epoch, device=self._device)
        for part in self._module.modules():
            if isinstance(part, Head):
                part.set_dropout(dropout)

    def step(self, inputs: Tensor, labels: Tensor) -> None:
        """One optimiser step on a batch; its logits, made before the step, enter the train metrics."""
        with self._update.forward():
            logits = self._module(inputs)
        self._update.backward(self._loss(logits, labels))
        self._logits.append(logits.detach())
        self._labels.append(labels)

    def _train_metrics(self) -> EpochMetrics:
        """Metrics of the batches of the running epoch, each before its step and with dropout on.

        Raises
        ------
        NonFiniteLossError : a batch had a loss that is not finite
        """
        logits = torch.cat(self._logits).to("cpu", torch.float32).numpy()
        _check_finite(logits, self.epoch, "training")
        return epoch_metrics(logits, torch.cat(self._labels).cpu().numpy())

    def end_epoch(self, val_logits: np.ndarray, val_labels: np.ndarray) -> bool:
        """Close the epoch with the validation logits; True where it is the best so far.

        Parameters
        ----------
        val_logits : float32 (n, 2) of the module as it is now, in evaluation mode
        val_labels : int (n,), 1 = positive

        Raises
        ------
        NonFiniteLossError : the loss of a training batch or of validation is not finite
        """
        trained = self._train_metrics()
        _check_finite(val_logits, self.epoch, "validation")
        scored = epoch_metrics(val_logits, val_labels)
        lr = learning_rate(self._job.settings, self.epoch)
        row = _history_row(self.epoch, lr, trained, scored, time.perf_counter() - self._start)
        first = self._rows[0]["train_loss"] if self._rows else trained.loss
        self._rows.append({**row, "diverged": has_diverged(trained.loss, first)})
        best = self._watch.add(self.epoch, val_auc=scored.auc, val_loss=scored.loss)
        if best:
            self._best.keep(self._module)
            self.best_logits = val_logits
        self.epoch += 1
        return best

    def restore_best(self) -> dict[str, Tensor]:
        """Put the tensors of the best epoch back into the module; training is over then.

        Returns
        -------
        these tensors by name, on the CPU
        """
        del self._optimizer, self._update  # the moments are twice the size of the module
        return self._best.restore(self._module)


def _history_row(
    epoch: int, lr: float, trained: EpochMetrics, scored: EpochMetrics, seconds: float
) -> dict[str, float | int]:
    return {
        "epoch": epoch,
        "lr": lr,
        "train_loss": trained.loss,
        "val_loss": scored.loss,
        "train_auc": trained.auc,
        "val_auc": scored.auc,
        "train_f1": trained.f1,
        "val_f1": scored.f1,
        "train_accuracy": trained.accuracy,
        "val_accuracy": scored.accuracy,
        "train_positive_rate": trained.positive_rate,
        "val_positive_rate": scored.positive_rate,
        "seconds": seconds,
    }


def _check_finite(logits: np.ndarray, epoch: int, part: str) -> None:
    # Cross-entropy of finite logits is finite, so this is the loss's own condition.
    if not np.isfinite(logits).all():
        raise NonFiniteLossError(epoch, part)
