"""Train one head on cached features. The result depends on the job and the data, not on what ran before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.heads import Head, build_head, count_parameters
from training.metrics import EpochMetrics, epoch_metrics
from training.optimizers import build_optimizer
from training.schedule import learning_rate
from training.seeds import epoch_order, torch_stream
from training.settings import CellJob, CellSettings
from training.workers import CancelledError

_SCORE_ROWS = 256  # images per forward pass when scoring


class NonFiniteLossError(ArithmeticError):
    """Training left the finite numbers; `epoch` (0-based) says when."""

    def __init__(self, epoch: int, part: str) -> None:
        super().__init__(
            f"the {part} loss is not finite in epoch {epoch} (0-based); lower `lr` or check the weights"
        )
        self.epoch = epoch


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
    history : one row per epoch
    val_logits, test_logits : float32 (n, 2) of the chosen epoch
    state : tensors of the head in the chosen epoch, on the CPU
    optimizer : the implementation that ran, for example "adam (fused)"
    """

    best_epoch: int
    history: pd.DataFrame
    val_logits: np.ndarray
    test_logits: np.ndarray
    state: dict[str, Tensor]
    n_parameters: int
    optimizer: str


def train_head(
    job: CellJob, data: HeadData, *, device: torch.device, stop: threading.Event | None = None
) -> FitResult:
    """Train the head of a cell, choose its epoch on validation, score validation and test with it.

    Train metrics are those of the running epoch (each batch before its step, dropout on); validation is
    scored after each epoch with dropout off. Test is scored once, with the chosen epoch. The caller fixes the
    number of torch threads (see `training.threads`); setting `stop` ends the training early.

    Raises
    ------
    NonFiniteLossError : the loss of a training batch or of validation is not finite
    OneClassError : train, validation or test holds one class only
    CancelledError : `stop` was set
    ValueError : the batch size leaves a batch of one image (see `check_batch_size`)
    """
    settings = job.settings
    _check_classes(data)
    check_batch_size(settings, len(data.train_labels))
    head = build_head(settings, data.val.shape[1]).to(device)
    n_parameters = count_parameters(head)
    optimizer, implementation = build_optimizer(settings, head.parameters(), device=device)
    val, val_labels = data.val.to(device), data.val_labels.numpy()
    rows: list[dict[str, float | int]] = []
    best_state: dict[str, Tensor] = {}
    best_logits = np.empty((0, 2), dtype=np.float32)
    for epoch in range(settings.epochs):
        start = time.perf_counter()
        lr = learning_rate(settings, epoch)
        trained = _train_epoch(head, optimizer, job, data, epoch=epoch, lr=lr, device=device, stop=stop)
        logits = score(head, val)
        _check_finite(logits, epoch, "validation")
        scored = epoch_metrics(logits, val_labels)
        rows.append(_history_row(epoch, lr, trained, scored, time.perf_counter() - start))
        if best_epoch(pd.DataFrame(rows), settings.checkpoint) == epoch:
            _keep(head, best_state)
            best_logits = logits
    history = pd.DataFrame(rows)
    del optimizer
    head.load_state_dict(best_state)
    return FitResult(
        best_epoch=best_epoch(history, settings.checkpoint),
        history=history,
        val_logits=best_logits,
        test_logits=score(head, data.test.to(device)),
        state=best_state,
        n_parameters=n_parameters,
        optimizer=implementation,
    )


def best_epoch(history: pd.DataFrame, checkpoint: str) -> int:
    """Epoch of the highest validation AUC ("val_auc") or lowest loss ("val_loss"); the first wins ties."""
    place = history["val_auc"].argmax() if checkpoint == "val_auc" else history["val_loss"].argmin()
    return int(history["epoch"].iloc[int(place)])


def score(head: nn.Module, features: Tensor) -> np.ndarray:
    """Logits float32 (n, 2) with dropout off and running BatchNorm statistics."""
    head.eval()
    with torch.inference_mode():
        parts = [head(features[i : i + _SCORE_ROWS]) for i in range(0, len(features), _SCORE_ROWS)]
    return torch.cat(parts).to("cpu", torch.float32).numpy()


def check_batch_size(settings: CellSettings, n_train: int) -> None:
    """Refuse a batch size whose last batch is a single image: BatchNorm in the head has no variance there.

    Raises
    ------
    ValueError : names the number of training images, the batch size and the nearest sizes that work
    """
    if settings.head == "Linear" or not _leaves_one(n_train, settings.batch_size):
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
        f"`batch_size` {size} leaves a batch of one image for {n_train} training images, and the head "
        f"{settings.head} has BatchNorm, which needs two; {fine}."
    )


def _leaves_one(n_train: int, batch_size: int) -> bool:
    return batch_size == 1 or n_train % batch_size == 1


def _train_epoch(
    head: Head,
    optimizer: torch.optim.Optimizer,
    job: CellJob,
    data: HeadData,
    *,
    epoch: int,
    lr: float,
    device: torch.device,
    stop: threading.Event | None,
) -> EpochMetrics:
    settings = job.settings
    for group in optimizer.param_groups:
        group["lr"] = lr
    head.train()
    head.set_dropout(torch_stream("dropout", job.cell_id, epoch, device=device))
    features = data.train(epoch)
    order = torch.from_numpy(epoch_order(len(features), task=settings.task, seed=settings.seed, epoch=epoch))
    collected = []
    for rows in order.split(settings.batch_size):
        if stop is not None and stop.is_set():
            raise CancelledError
        logits = head(features[rows].to(device))
        loss = functional.cross_entropy(logits, data.train_labels[rows].to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        collected.append(logits.detach())
    logits = torch.cat(collected).to("cpu", torch.float32).numpy()
    _check_finite(logits, epoch, "training")
    return epoch_metrics(logits, data.train_labels[order].numpy())


def _keep(head: Head, state: dict[str, Tensor]) -> None:
    """Copy the head's tensors into `state`, over the former ones: large heads leave no room for more."""
    for name, tensor in head.state_dict().items():
        if name in state:
            state[name].copy_(tensor)
        else:
            state[name] = tensor.to("cpu", copy=True)


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
        "val_positive_rate": scored.positive_rate,
        "seconds": seconds,
    }


def _check_finite(logits: np.ndarray, epoch: int, part: str) -> None:
    # Cross-entropy of finite logits is finite, so this is the loss's own condition.
    if not np.isfinite(logits).all():
        raise NonFiniteLossError(epoch, part)


def _check_classes(data: HeadData) -> None:
    for part, labels in (("train", data.train_labels), ("val", data.val_labels), ("test", data.test_labels)):
        positive, n = int((labels == 1).sum()), len(labels)
        if positive in (0, n):
            raise OneClassError(
                f"the {part} part has {positive} positive of {n} images; training and AUC need both classes"
            )
