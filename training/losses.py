"""The loss of a training step: cross-entropy with class weights and label smoothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.settings import CLASS_WEIGHTS, CellSettings


@dataclass(frozen=True, slots=True)
class TrainingLoss:
    """Cross-entropy of a batch, as torch's `cross_entropy` defines it.

    With K = 2 classes, weights w, smoothing e and p the softmax of an image's logits, image i has the loss
    (1 - e) w[y_i] (-log p[y_i]) + e / K sum over c of w[c] (-log p[c]), and the batch has the sum of these
    over the sum of w[y_i]. A batch with one class only is therefore not weighted.

    weights : float32 (2,), or None for no weights
    label_smoothing : in [0, 1)
    """

    weights: Tensor | None = None
    label_smoothing: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss (scalar, float32) of logits (b, 2) and labels int64 (b,); half precision is widened first."""
        return functional.cross_entropy(
            logits.float(), labels, weight=self.weights, label_smoothing=self.label_smoothing
        )


def training_loss(settings: CellSettings, train_labels: Tensor, *, device: torch.device) -> TrainingLoss:
    """The loss of a cell; `train_labels` int64 (n,) are those of the whole training part."""
    weights = class_weights(settings.class_weights, train_labels)
    return TrainingLoss(
        weights=None if weights is None else weights.to(device), label_smoothing=settings.label_smoothing
    )


def class_weights(name: str, labels: Tensor) -> Tensor | None:
    """Weights of the negative and the positive class, float32 (2,), or None for "none".

    "balanced": n / (2 n_class), so that both classes have the same total weight and the mean weight is 1.

    Raises
    ------
    ValueError : unknown name, or a class has no image
    """
    if name not in CLASS_WEIGHTS:
        raise ValueError(f"`class_weights` is {name!r}; allowed are {', '.join(CLASS_WEIGHTS)}.")
    if name == "none":
        return None
    counts = torch.bincount(labels, minlength=2)
    if len(counts) != 2 or not counts.all():
        raise ValueError(
            f"Balanced class weights need images of classes 0 and 1; got the counts {counts.tolist()}."
        )
    return (len(labels) / (2 * counts.to(torch.float64))).to(torch.float32)
