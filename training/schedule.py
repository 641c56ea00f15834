"""Learning rate per epoch, in closed form."""

from __future__ import annotations

import math

from training.settings import CellSettings

COSINE_FLOOR = 1 / 5  # eta_min = lr / 5 in the original study


def learning_rate(settings: CellSettings, epoch: int) -> float:
    """Learning rate of an epoch (0-based), constant within the epoch.

    With w = `warmup_epochs`, E = `epochs` and t = epoch - w, the rate in the epochs from w on is

    "cosine": lr / 5 + (lr - lr / 5) (1 + cos(pi t / (E - w))) / 2, that is torch's CosineAnnealingLR with
        T_max = E - w and eta_min = lr / 5, stepped after each epoch; the floor lr / 5 would be reached in
        epoch E, which is not trained
    "beta":   lr * lr_decay_factor ** t
    "none":   lr

    and before them lr (epoch + 1) / (w + 1): it rises in equal steps, the first of them above 0, and the
    first epoch after the warm-up is the first with the full lr, where the decay begins. That is torch's
    LinearLR(start_factor=1 / (w + 1), total_iters=w) followed by the decay. The decay is never multiplied
    onto the warm-up.

    Raises
    ------
    ValueError : the epoch lies outside 0 .. epochs - 1
    """
    if not 0 <= epoch < settings.epochs:
        raise ValueError(f"`epoch` is {epoch}; this cell has epochs 0 to {settings.epochs - 1}.")
    lr, warmup = settings.lr, settings.warmup_epochs
    if epoch < warmup:
        return lr * (epoch + 1) / (warmup + 1)
    after = epoch - warmup
    if settings.lr_decay == "cosine":
        floor = lr * COSINE_FLOOR
        return floor + (lr - floor) * (1 + math.cos(math.pi * after / (settings.epochs - warmup))) / 2
    if settings.lr_decay == "beta":
        return lr * float(settings.lr_decay_factor or 0.0) ** after
    return lr
