"""Train the cells of one group and record them: what became of each, its predictions, the best checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from data.store import Store
from training.cell_rows import cell_row, collapsed_in, prediction_rows
from training.checkpoints import head_metadata, save_checkpoint
from training.fit import FitResult
from training.group_context import cached_heads, group_context
from training.group_parts import GroupContext, GroupProgress, Trained, TrainingWay
from training.group_unfrozen import UnfrozenCells
from training.settings import CellJob
from training.weights import Weights, load_backbone
from training.winner import Checkpoints, StoreCheckpoints, group_winner, winner_rank


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """What became of a cell.

    status : "done", "failed", or "skipped" (the store held it already)
    reason : why it failed, else None
    seconds : training time of the cell, without what it shares with others
    note : what ran otherwise than the settings say, else None
    """

    cell_id: str
    status: str
    reason: str | None
    seconds: float
    note: str | None = None


def run_group(
    jobs: Sequence[CellJob],
    *,
    images: np.ndarray,
    manifest: pd.DataFrame,
    split: pd.DataFrame,
    weights: Weights,
    store: Store,
    device: str = "auto",
    progress: GroupProgress | None = None,
    workers: int | None = None,
    backend: str = "torch",
    load_trunk: Callable[[Weights], nn.Module] = load_backbone,
) -> list[CellOutcome]:
    """Train the cells that the store does not hold; write each one as soon as it is done.

    With a frozen trunk, heads train on cached features (training/group_heads.py); else every cell trains its
    own layers on what the frozen ones below give (training/group_unfrozen.py). Chunks of images and cells run
    on one single-threaded worker per core, so that a cell's bits depend neither on the machine's load nor on
    its cores, nor on the other cells.

    Parameters
    ----------
    jobs : cells that agree on `training.settings.GROUP_FIELDS`
    images : uint8 (n, c, s, s), c = 1 or 3, aligned with `manifest`
    manifest : image_id, group_id, label, one row per image
    split : image_id, split ("train", "val", "test")
    device : "auto" (cuda, else mps, else cpu), "cpu", "cuda" or "mps"
    workers : how many at once; None = the number of torch threads on the CPU, one on other devices
    backend : what runs the frozen trunk: "torch", or "onnx" (CPU only, extra `onnx`)
    load_trunk : gives the frozen trunk of one pretraining, images (b, 3, s, s) -> features (b, F); called
        once for each that is fused

    Returns
    -------
    one outcome per job, in their order. A cell that fails (loss not finite, memory, one-class split) is
    recorded in the store with its reason, and the others go on. The best done cell (highest validation AUC in
    its chosen epoch, lowest index among equals) has a checkpoint afterwards.

    Raises
    ------
    ValueError : cells of different groups, a batch size that leaves one image, images that do not fit the
        manifest or the settings, an unknown device or backend, ONNX Runtime on another device
        than the CPU or with layers that are trained
    ModuleNotFoundError : the packages of the backend are not installed
    """
    context = group_context(
        jobs,
        images=images,
        manifest=manifest,
        split=split,
        weights=weights,
        store=store,
        device=device,
        progress=progress,
        workers=workers,
        backend=backend,
        load_trunk=load_trunk,
    )
    return train_cells(context, jobs)


def train_cells(
    context: GroupContext, jobs: Sequence[CellJob], *, keep: Checkpoints | None = None
) -> list[CellOutcome]:
    """`run_group` on inputs that were checked already.

    `keep` : where the checkpoint of the best cell goes, and is looked for; None = the store's checkpoints
    """
    return _GroupRun(
        jobs=jobs,
        context=context,
        way=_way(context, jobs),
        keep=keep or StoreCheckpoints(context.store),
    ).run()


def _way(context: GroupContext, jobs: Sequence[CellJob]) -> TrainingWay:
    if context.settings.has_fixed_features():
        return cached_heads(context, jobs)
    if context.backend != "torch":
        raise ValueError(
            f"`backend` {context.backend!r} runs frozen trunks only; these cells have unfreeze = "
            f"{context.settings.unfreeze!r} and frozen_batchnorm = {context.settings.frozen_batchnorm!r}. "
            "Run them with --backend torch."
        )
    return UnfrozenCells(context)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Best:
    """The best cell trained in this run, with its tensors."""

    rank: tuple[float, int]
    cell_id: str
    result: FitResult


@dataclass(frozen=True, slots=True, kw_only=True)
class _GroupRun:
    jobs: Sequence[CellJob]
    context: GroupContext
    way: TrainingWay
    keep: Checkpoints

    @property
    def store(self) -> Store:
        return self.context.store

    def run(self) -> list[CellOutcome]:
        pending = [job for job in self.jobs if not self.store.is_done(job.cell_id)]
        outcomes = {
            job.cell_id: CellOutcome(cell_id=job.cell_id, status="skipped", reason=None, seconds=0.0)
            for job in self.jobs
        }
        if not pending and self._winner_is_saved():
            return list(outcomes.values())
        try:
            self.way.prepare()
        except OSError:
            raise  # a full disk or a missing folder concerns the whole run
        except Exception as error:
            failed = [self._failed(job, f"features: {_reason(error)}") for job in pending]
            return list({**outcomes, **{outcome.cell_id: outcome for outcome in failed}}.values())
        best: _Best | None = None
        with closing(self.way.train(pending)) as ended:
            for position, trained in ended:
                job = pending[position]
                outcomes[job.cell_id] = self._record(job, trained)
                if isinstance(trained, Trained):
                    rank = winner_rank(trained.result.history, job)
                    if best is None or rank < best.rank:
                        best = _Best(rank=rank, cell_id=job.cell_id, result=trained.result)
                del trained  # a large head holds hundreds of megabytes
        self._save_winner(best)
        return list(outcomes.values())

    def _record(self, job: CellJob, trained: Trained | Exception) -> CellOutcome:
        if isinstance(trained, OSError):
            raise trained
        if isinstance(trained, Exception):
            return self._failed(job, _reason(trained))
        result, seconds = trained.result, trained.seconds
        note = "; ".join([*result.notes, *self.way.notes]) or None
        row = self._row(job)
        row.update(
            seconds=seconds,
            best_epoch=result.best_epoch,
            stopped_epoch=result.stopped_epoch,
            n_parameters=result.n_parameters,
            optimizer_implementation=result.optimizer,
            note=note,
        )
        predictions = prediction_rows(job, result, self.context.group, self.context.manifest)
        row["collapsed"] = collapsed_in(predictions)
        self.store.write_cell(row, predictions, result.history)
        self._report(job, "done")
        return CellOutcome(cell_id=job.cell_id, status="done", reason=None, seconds=seconds, note=note)

    def _row(self, job: CellJob) -> dict[str, Any]:
        context = self.context
        return cell_row(job, group_key=self.way.group_key, device=context.device, backend=context.backend)

    def _failed(self, job: CellJob, reason: str) -> CellOutcome:
        row = self._row(job)
        self.store.write_cell({**row, "status": "failed", "reason": reason})
        self._report(job, "failed")
        return CellOutcome(cell_id=job.cell_id, status="failed", reason=reason, seconds=0.0)

    def _report(self, job: CellJob, status: str) -> None:
        if self.context.progress is not None:
            self.context.progress.cell(job.cell_id, status)

    def _winner_is_saved(self) -> bool:
        winner = group_winner(self.store, self.jobs)
        return winner is None or self.keep.has(winner.cell_id)

    def _save_winner(self, best: _Best | None) -> None:
        winner = group_winner(self.store, self.jobs)
        if winner is None or self.keep.has(winner.cell_id):
            return
        if best is not None and best.cell_id == winner.cell_id:
            result = best.result
        else:
            # A resumed run: the same job on the same inputs gives the same tensors.
            (_, again), *_ = self.way.train([winner])
            if isinstance(again, Exception):
                raise again
            result = again.result
        metadata = head_metadata(
            winner.settings,
            cell_id=winner.cell_id,
            n_features=self.way.n_features,
            weights_sha256=self.context.weights.sha256,
            epoch=result.best_epoch,
        )
        save_checkpoint(self.keep.path(winner.cell_id), result.state, metadata)
        self.keep.keep(winner.cell_id)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
