"""Train the cells of one group: features of the frozen trunk once, then every head as a job of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn

from data.store import Store
from training.allocator import tune_allocator
from training.cell_rows import cell_row, prediction_rows
from training.checkpoints import head_metadata, save_checkpoint
from training.feature_key import GroupImages, feature_key
from training.features import FeatureCache
from training.fit import FitResult, HeadData, check_batch_size, train_head
from training.group_input import check_jobs, group_images, part_labels, resolve_device
from training.heads import head_parameters
from training.settings import CellJob
from training.stopping import best_epoch
from training.threads import torch_threads
from training.weights import Weights, load_backbone
from training.workers import MemoryGate, default_workers, run_tasks

# Heads train at the same time while their tensors fit into this; a larger one trains alone.
HEAD_MEMORY = 3 * 2**30
# Parameters, gradients, two moments of Adam, and the tensors of the best epoch, float32.
_BYTES_PER_PARAMETER = 5 * 4


class GroupProgress(Protocol):
    """What a group reports while it works."""

    def features(self, done: int, total: int) -> None:
        """Images that went through the trunk, of all that this group needs."""

    def cell(self, cell_id: str, status: str) -> None:
        """A cell has ended: "done" or "failed"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """What became of a cell.

    status : "done", "failed", or "skipped" (the store held it already)
    reason : why it failed, else None
    seconds : training time of the head
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
    load_trunk: Callable[[Weights], nn.Module] = load_backbone,
) -> list[CellOutcome]:
    """Train the cells that the store does not hold; write each one as soon as it is done.

    Chunks of images and then heads run on one single-threaded worker per core, so that a cell's bits depend
    neither on the machine's load nor on its cores, nor on the other cells.

    Parameters
    ----------
    jobs : cells that agree on `training.settings.GROUP_FIELDS`
    images : uint8 (n, c, s, s), c = 1 or 3, aligned with `manifest`
    manifest : image_id, group_id, label, one row per image
    split : image_id, split ("train", "val", "test")
    device : "auto" (cuda, else mps, else cpu), "cpu", "cuda" or "mps"
    workers : how many at once; None = the number of torch threads on the CPU, one on other devices
    load_trunk : gives the frozen trunk of `weights`, images (b, 3, s, s) -> features (b, F)

    Returns
    -------
    one outcome per job, in their order. A cell that fails (loss not finite, memory, one-class split) is
    recorded in the store with its reason, and the others go on. The best done cell (highest validation AUC in
    its chosen epoch, lowest index among equals) has a checkpoint afterwards.

    Raises
    ------
    ValueError : cells of different groups, settings that this path does not train, a batch size that leaves
        one image, images that do not fit the manifest or the settings, an unknown device
    """
    tune_allocator()
    where = resolve_device(device)
    group = group_images(jobs, images=images, manifest=manifest, split=split)
    check_jobs(jobs, backbone=weights.backbone)
    for job in jobs:
        check_batch_size(job.settings, len(group.rows["train"]))
    run = _GroupRun(
        jobs=jobs,
        group=group,
        manifest=manifest,
        weights=weights,
        store=store,
        device=where,
        progress=progress,
        workers=workers or default_workers(where),
        load_trunk=load_trunk,
    )
    return run.run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    result: FitResult
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Best:
    """The best cell trained in this run, with its tensors."""

    rank: tuple[float, int]
    cell_id: str
    result: FitResult


@dataclass(frozen=True, slots=True, kw_only=True)
class _GroupRun:
    jobs: Sequence[CellJob]
    group: GroupImages
    manifest: pd.DataFrame
    weights: Weights
    store: Store
    device: torch.device
    progress: GroupProgress | None
    workers: int
    load_trunk: Callable[[Weights], nn.Module]

    def run(self) -> list[CellOutcome]:
        pending = [job for job in self.jobs if not self.store.is_done(job.cell_id)]
        outcomes = {
            job.cell_id: CellOutcome(cell_id=job.cell_id, status="skipped", reason=None, seconds=0.0)
            for job in self.jobs
        }
        if not pending and self._winner_is_saved():
            return list(outcomes.values())
        first = self.jobs[0].settings
        key = feature_key(
            self.group,
            augmentation=first.augmentation,
            preprocessing=first.preprocessing,
            backbone=first.backbone,
            weights_sha256=self.weights.sha256,
            device=self.device,
        )
        group_key = key.group_key()
        cache = FeatureCache(self.store.features_dir(group_key), key)
        try:
            data = self._head_data(cache)
        except OSError:
            raise  # a full disk or a missing folder concerns the whole run
        except Exception as error:
            failed = [self._failed(job, group_key, f"features: {_reason(error)}") for job in pending]
            return list({**outcomes, **{outcome.cell_id: outcome for outcome in failed}}.values())
        best: _Best | None = None
        gate = MemoryGate(HEAD_MEMORY)
        tasks = [self._task(job, data, gate) for job in pending]
        with closing(run_tasks(tasks, workers=self.workers)) as ended:
            for position, trained in ended:
                job = pending[position]
                outcomes[job.cell_id] = self._record(job, trained, group_key)
                if isinstance(trained, _Trained):
                    rank = _rank(trained.result.history, job)
                    if best is None or rank < best.rank:
                        best = _Best(rank=rank, cell_id=job.cell_id, result=trained.result)
                del trained  # a large head holds hundreds of megabytes
        self._save_winner(best, data)
        return list(outcomes.values())

    def _head_data(self, cache: FeatureCache) -> HeadData:
        cache.complete(
            self.group,
            epochs=max(job.settings.epochs for job in self.jobs),
            load_trunk=lambda: self.load_trunk(self.weights),
            device=self.device,
            progress=self.progress,
            workers=self.workers,
        )
        labels = part_labels(self.group, self.manifest)
        return HeadData(
            train=lambda epoch: cache.load("train", epoch),
            val=cache.load("val"),
            test=cache.load("test"),
            train_labels=labels["train"],
            val_labels=labels["val"],
            test_labels=labels["test"],
        )

    def _task(self, job: CellJob, data: HeadData, gate: MemoryGate) -> Callable[[threading.Event], _Trained]:
        def train(stop: threading.Event) -> _Trained:
            needed = _BYTES_PER_PARAMETER * head_parameters(job.settings, data.val.shape[1])
            with gate.hold(needed):
                start = time.perf_counter()
                result = train_head(job, data, device=self.device, stop=stop)
                return _Trained(result=result, seconds=time.perf_counter() - start)

        return train

    def _record(self, job: CellJob, trained: _Trained | Exception, group_key: str) -> CellOutcome:
        if isinstance(trained, OSError):
            raise trained
        if isinstance(trained, Exception):
            return self._failed(job, group_key, _reason(trained))
        result, seconds = trained.result, trained.seconds
        note = "; ".join(result.notes) or None
        row = cell_row(job, group_key=group_key, device=self.device)
        row.update(
            seconds=seconds,
            best_epoch=result.best_epoch,
            stopped_epoch=result.stopped_epoch,
            n_parameters=result.n_parameters,
            optimizer_implementation=result.optimizer,
            note=note,
        )
        self.store.write_cell(row, prediction_rows(job, result, self.group, self.manifest), result.history)
        self._report(job, "done")
        return CellOutcome(cell_id=job.cell_id, status="done", reason=None, seconds=seconds, note=note)

    def _failed(self, job: CellJob, group_key: str, reason: str) -> CellOutcome:
        row = cell_row(job, group_key=group_key, device=self.device)
        self.store.write_cell({**row, "status": "failed", "reason": reason})
        self._report(job, "failed")
        return CellOutcome(cell_id=job.cell_id, status="failed", reason=reason, seconds=0.0)

    def _report(self, job: CellJob, status: str) -> None:
        if self.progress is not None:
            self.progress.cell(job.cell_id, status)

    def _winner(self) -> CellJob | None:
        """The best done cell of the group, over this run and earlier ones."""
        done = {job.cell_id: job for job in self.jobs if self.store.is_done(job.cell_id)}
        if not done:
            return None
        history = self.store.read_history(task=self.jobs[0].settings.task, cell_ids=list(done))
        ranks = {str(name): _rank(rows, done[str(name)]) for name, rows in history.groupby("cell_id")}
        return done[min(ranks, key=ranks.__getitem__)] if ranks else None

    def _winner_is_saved(self) -> bool:
        winner = self._winner()
        return winner is None or self.store.checkpoint_path(winner.cell_id).is_file()

    def _save_winner(self, best: _Best | None, data: HeadData) -> None:
        winner = self._winner()
        if winner is None or self.store.checkpoint_path(winner.cell_id).is_file():
            return
        if best is not None and best.cell_id == winner.cell_id:
            result = best.result
        else:
            # A resumed run: the same job on the same features gives the same tensors.
            with torch_threads(1):
                result = train_head(winner, data, device=self.device)
        metadata = head_metadata(
            winner.settings,
            cell_id=winner.cell_id,
            n_features=data.val.shape[1],
            weights_sha256=self.weights.sha256,
            epoch=result.best_epoch,
        )
        save_checkpoint(self.store.checkpoint_path(winner.cell_id), result.state, metadata)


def _rank(history: pd.DataFrame, job: CellJob) -> tuple[float, int]:
    """Smaller is better: minus the validation AUC of the chosen epoch, then the place in the grid."""
    chosen = history["epoch"] == best_epoch(history, job.settings.checkpoint)
    return -float(history.loc[chosen, "val_auc"].iloc[0]), job.index


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
