"""The best cell of a group: the one whose trained tensors are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from data.store import Store
from training.settings import CellJob
from training.stopping import best_epoch


class Checkpoints(Protocol):
    """Where the trained tensors of the best cell go."""

    def has(self, cell_id: str) -> bool:
        """Whether the cell has a checkpoint."""

    def path(self, cell_id: str) -> Path:
        """File of this machine to write it to, before `keep`."""

    def keep(self, cell_id: str) -> None:
        """Keep what was written."""


@dataclass(frozen=True, slots=True)
class StoreCheckpoints:
    """The checkpoints of a store (see `Checkpoints`)."""

    store: Store

    def has(self, cell_id: str) -> bool:
        return self.store.has_checkpoint(cell_id)

    def path(self, cell_id: str) -> Path:
        return self.store.checkpoint_path(cell_id)

    def keep(self, cell_id: str) -> None:
        self.store.keep_checkpoint(cell_id)


def winner_rank(history: pd.DataFrame, job: CellJob) -> tuple[float, int]:
    """Smaller is better: minus the validation AUC of the chosen epoch, then the place in the grid."""
    chosen = history["epoch"] == best_epoch(history, job.settings.checkpoint)
    return -float(history.loc[chosen, "val_auc"].iloc[0]), job.index


def group_winner(store: Store, jobs: Sequence[CellJob]) -> CellJob | None:
    """The best done cell among `jobs`, over this run and earlier ones; None where none is done."""
    done = {job.cell_id: job for job in jobs if store.is_done(job.cell_id)}
    if not done:
        return None
    history = store.read_history(task=jobs[0].settings.task, cell_ids=list(done))
    ranks = {str(name): winner_rank(rows, done[str(name)]) for name, rows in history.groupby("cell_id")}
    return done[min(ranks, key=ranks.__getitem__)] if ranks else None
