"""Which epoch of a cell is kept, when training stops early, and what counts as divergence."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

# Checkpoint rule -> column of the history and the sign that makes larger values better.
_RULES = {"val_auc": ("val_auc", 1.0), "val_loss": ("val_loss", -1.0)}

# A model that knows nothing of two classes has a loss of ln 2; ten times that is confident and wrong.
DIVERGED_LOSS = 10 * math.log(2)


def best_epoch(history: pd.DataFrame, checkpoint: str) -> int:
    """Epoch of the highest validation AUC ("val_auc") or lowest loss ("val_loss"); the first wins ties.

    Raises
    ------
    ValueError : the history is empty or holds a value that is not finite: no epoch is the best then
    """
    column, sign = _RULES[checkpoint]
    values = sign * history[column].to_numpy(dtype=np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"`{column}` of the history has {len(values)} values, {int(np.isfinite(values).sum())} of them "
            "finite; the best epoch needs one or more, all of them finite."
        )
    return int(history["epoch"].iloc[int(values.argmax())])


class EpochWatch:
    """Follows the checkpoint metric from epoch to epoch; ties are no improvement, so the first epoch stays.

    Parameters
    ----------
    checkpoint : "val_auc" or "val_loss"
    patience : epochs in a row without improvement that end the training; 0 = never

    Attributes
    ----------
    best : the best epoch so far (0-based), None before the first
    waited : epochs since then
    """

    def __init__(self, checkpoint: str, *, patience: int = 0) -> None:
        self._column, self._sign = _RULES[checkpoint]
        self._patience = patience
        self._value = -math.inf
        self.best: int | None = None
        self.waited = 0

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return 0 < self._patience <= self.waited

    def add(self, epoch: int, *, val_auc: float, val_loss: float) -> bool:
        """Note an epoch and say whether it is the best so far.

        Raises
        ------
        ValueError : the metric is not finite
        """
        value = self._sign * {"val_auc": val_auc, "val_loss": val_loss}[self._column]
        if not math.isfinite(value):
            raise ValueError(f"`{self._column}` is {value!r} in epoch {epoch}; it must be finite.")
        if value <= self._value:
            self.waited += 1
            return False
        self._value, self.best, self.waited = value, epoch, 0
        return True


def has_diverged(loss: float, first_loss: float) -> bool:
    """Whether an epoch's mean training loss is above 10 ln 2 = 6.93 and above that of the first epoch.

    Losses are plain cross-entropies in nats per image. A loss that is large from the start and falls has not
    diverged. This is a mark in the history and a note, not a failure: the checkpoint rule chooses the epoch.
    """
    return loss > DIVERGED_LOSS and loss > first_loss
