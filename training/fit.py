"""Train one head on cached features. The result depends on the job and the data, not on what ran before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from training.heads import build_head, count_parameters
from training.seeds import epoch_order
from training.settings import CellJob, CellSettings
from training.stopping import best_epoch
from training.trainer import CellTrainer
from training.workers import CancelledError

_SCORE_ROWS = 256  # images per forward pass when scoring


class OneClassError(ValueError):
    """A part of the split holds one class only, so that its AUC does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadData:
    """Features and labels of one group.

    train : epoch -> float32 (n_train, F); val, test : float32 (n, F)
    *_labels : int64 (n,), 1 = positive
    """

    train: Callable[[int], Tensor]
    val: Tensor
    test: Tensor
    train_labels: Tensor
    val_labels: Tensor
    test_labels: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A trained cell.

    best_epoch : epoch (0-based) that the checkpoint rule chose
    history : one row per epoch that was trained; losses are plain cross-entropies
    val_logits, test_logits : float32 (n, 2) of the chosen epoch
    state : tensors of the head in the chosen epoch, on the CPU
    optimizer : the implementation that ran, for example "adam (fused)"
    stopped_epoch : the last epoch (0-based), where `patience` ended the training early; else None
    notes : what ran otherwise than the settings say, early stopping, divergence
    """

    best_epoch: int
    history: pd.DataFrame
    val_logits: np.ndarray
    test_logits: np.ndarray
    state: dict[str, Tensor]
    n_parameters: int
    optimizer: str
    stopped_epoch: int | None = None
    notes: tuple[str, ...] = ()


def train_head(
    job: CellJob, data: HeadData, *, device: torch.device, stop: threading.Event | None = None
) -> FitResult:
    """Train the head of a cell, choose its epoch on validation, score validation and test with it.

    Train metrics are those of the running epoch (each batch before its step, dropout on); validation is
    scored after each epoch with dropout off. Test is scored once, with the chosen epoch. Training ends after
    `epochs`, or before where `patience` runs out. The caller fixes the
    number of torch threads (see `training.threads`); setting `stop` ends the training early.

    Raises
    ------
    NonFiniteLossError : the loss of a training batch or of validation is not finite
    OneClassError : train, validation or test holds one class only
    CancelledError : `stop` was set
    ValueError : the batch size leaves a batch of one image (see `check_batch_size`)
    """
    settings = job.settings
    check_classes({"train": data.train_labels, "val": data.val_labels, "test": data.test_labels})
    check_batch_size(settings, len(data.train_labels))
    head = build_head(settings, data.val.shape[1]).to(device)
    val, val_labels = data.val.to(device), data.val_labels.numpy()
    trainer = CellTrainer(job, head, train_labels=data.train_labels, device=device)
    while not trainer.finished:
        trainer.begin_epoch()
        for features, labels in _batches(job, data, trainer.epoch):
            if stop is not None and stop.is_set():
                raise CancelledError
            trainer.step(features.to(device), labels.to(device))
        trainer.end_epoch(score(head, val), val_labels)
    state = trainer.restore_best()
    history = trainer.history()
    return FitResult(
        best_epoch=best_epoch(history, settings.checkpoint),
        history=history,
        val_logits=trainer.best_logits,
        test_logits=score(head, data.test.to(device)),
        state=state,
        n_parameters=count_parameters(head),
        optimizer=trainer.implementation,
        stopped_epoch=trainer.stopped_epoch,
        notes=tuple(trainer.notes()),
    )


def score(head: nn.Module, features: Tensor) -> np.ndarray:
    """Logits float32 (n, 2) with dropout off and running BatchNorm statistics."""
    head.eval()
    with torch.inference_mode():
        parts = [head(features[i : i + _SCORE_ROWS]) for i in range(0, len(features), _SCORE_ROWS)]
    return torch.cat(parts).to("cpu", torch.float32).numpy()


def check_batch_size(settings: CellSettings, n_train: int) -> None:
    """Refuse a batch size whose last batch is a single image: a live BatchNorm has no variance there.

    Raises
    ------
    ValueError : names the number of training images, the batch size and the nearest sizes that work
    """
    if not _leaves_one(n_train, settings.batch_size):
        return
    if settings.head != "Linear":
        who = f"the head {settings.head} has BatchNorm"
    elif not settings.has_fixed_features():
        who = f"{settings.backbone} has BatchNorm in train mode"
    else:
        return
    size = settings.batch_size
    near = [b for b in range(max(2, size - 8), size + 9) if not _leaves_one(n_train, b)]
    near.sort(key=lambda b: (abs(b - size), b))
    fine = (
        f"sizes that work near it: {', '.join(map(str, sorted(near[:4])))}"
        if near
        else "no size near it works"
    )
    raise ValueError(
        f"`batch_size` {size} leaves a batch of one image for {n_train} training images, and {who}, which "
        f"needs two; {fine}."
    )


def _leaves_one(n_train: int, batch_size: int) -> bool:
    return batch_size == 1 or n_train % batch_size == 1


def _batches(job: CellJob, data: HeadData, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Features and labels of each batch of an epoch, in the epoch's order."""
    settings, features = job.settings, data.train(epoch)
    order = torch.from_numpy(epoch_order(len(features), task=settings.task, seed=settings.seed, epoch=epoch))
    for rows in order.split(settings.batch_size):
        yield features[rows], data.train_labels[rows]


def check_classes(labels_of: Mapping[str, Tensor]) -> None:
    """Raises OneClassError where a part ("train", "val", "test") holds one class only."""
    for part, labels in labels_of.items():
        positive, n = int((labels == 1).sum()), len(labels)
        if positive in (0, n):
            raise OneClassError(
                f"the {part} part has {positive} positive of {n} images; training and AUC need both classes"
            )
