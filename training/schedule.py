"""Learning rate per epoch, in closed form."""

from __future__ import annotations

import math

from training.settings import CellSettings

_COSINE_FLOOR = 1 / 5  # eta_min = lr / 5 in the original study


def learning_rate(settings: CellSettings, epoch: int) -> float:
    """Learning rate of an epoch (0-based), constant within the epoch.

    "cosine": torch's CosineAnnealingLR with T_max = epochs and eta_min = lr / 5, stepped after each epoch
    "beta":   lr * lr_decay_factor ** epoch
    "none":   lr

    Raises
    ------
    ValueError : the epoch lies outside 0 .. epochs - 1
    """
    if not 0 <= epoch < settings.epochs:
        raise ValueError(f"`epoch` is {epoch}; this cell has epochs 0 to {settings.epochs - 1}.")
    if settings.lr_decay == "cosine":
        floor = settings.lr * _COSINE_FLOOR
        return floor + (settings.lr - floor) * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
    if settings.lr_decay == "beta":
        return settings.lr * float(settings.lr_decay_factor or 0.0) ** epoch
    return settings.lr
