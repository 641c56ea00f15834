"""Which epoch of a cell is kept: the best on validation by the checkpoint rule."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Checkpoint rule -> column of the history and the sign that makes larger values better.
_RULES = {"val_auc": ("val_auc", 1.0), "val_loss": ("val_loss", -1.0)}


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

    best : the best epoch so far (0-based), None before the first
    """

    def __init__(self, checkpoint: str) -> None:
        self._column, self._sign = _RULES[checkpoint]
        self._value = -np.inf
        self.best: int | None = None

    def add(self, epoch: int, *, val_auc: float, val_loss: float) -> bool:
        """Note an epoch and say whether it is the best so far.

        Raises
        ------
        ValueError : the metric is not finite
        """
        value = self._sign * {"val_auc": val_auc, "val_loss": val_loss}[self._column]
        if not np.isfinite(value):
            raise ValueError(f"`{self._column}` is {value!r} in epoch {epoch}; it must be finite.")
        if value <= self._value:
            return False
        self._value, self.best = value, epoch
        return True
