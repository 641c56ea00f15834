"""Do one unit of work: features, a pack of cells, a whole group, or the choice of the checkpoint kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.atomic import write_bytes
from data.names import check_name
from data.store import Store
from study.run.prepare import PlannedCell, PreparedTask
from study.run.units import Unit

if TYPE_CHECKING:
    from training.group_parts import GroupContext, GroupProgress
    from training.settings import CellJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a unit did: cells trained now, cells that failed with their reasons, and why all of it failed."""

    trained: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(slots=True, kw_only=True)
class Workshop:
    """What every unit of a study needs; decoded images of the last task are kept for the next unit."""

    store: Store
    tasks: Mapping[str, PreparedTask]
    device: str
    backend: str
    _decoded: tuple[tuple[str, int], np.ndarray] | None = None
    _whole: set[str] = field(default_factory=set)

    def images(self, item: PlannedCell) -> np.ndarray:
        """All images of the cell's task at its size."""
        key = (item.cell.task, item.cell.recipe["image_size"])
        if self._decoded is None or self._decoded[0] != key:
            self._decoded = None  # two tasks at once may not fit into memory
            self._decoded = (key, self.tasks[key[0]].images(key[1]))
        return self._decoded[1]

    def context(self, unit: Unit, progress: GroupProgress | None = None) -> GroupContext:
        """The unit's images, split and weights, checked.

        ValueError : they do not fit each other
        """
        from training.group_context import group_context

        first = unit.cells[0]
        task = self.tasks[first.cell.task]
        return group_context(
            unit_jobs(unit),
            images=self.images(first),
            manifest=task.manifest,
            split=task.fold_split(first.cell.fold),
            weights=first.weights,
            store=self.store,
            device=self.device,
            progress=progress,
            backend=self.backend,
        )

    def has_features(self, unit: Unit) -> bool:
        """Whether the unit finds its features in the store; looked for until they are there."""
        from training.group_context import features_are_there

        if unit.name not in self._whole and features_are_there(self.context(unit), unit_jobs(unit)):
            self._whole.add(unit.name)
        return unit.name in self._whole

    def perform(self, unit: Unit, progress: GroupProgress | None) -> Done:
        """Do a unit; what fails in it concerns its cells alone.

        Raises
        ------
        OSError : a full disk or a missing folder concerns the whole run
        """
        if unit.kind == "features":
            return self._make_features(unit, progress)
        if unit.kind == "finish":
            return self._finish(unit)
        done = self._train(unit, progress) if _is_open(unit, self.store) else Done()
        if unit.kind == "group" and _candidates(unit, self.store):
            self._finish(unit)
        return done

    def _make_features(self, unit: Unit, progress: GroupProgress | None) -> Done:
        from training.group_context import make_features

        try:
            make_features(self.context(unit, progress), unit_jobs(unit))
        except OSError:
            raise
        except Exception as error:  # the cells meet the same error and keep it as their reason
            return Done(reason=f"{type(error).__name__}: {error}")
        return Done()

    def _train(self, unit: Unit, progress: GroupProgress | None) -> Done:
        from training.group import train_cells

        jobs = unit_jobs(unit)
        open_ids = {item.cell_id for item in unit.cells if not self.store.is_done(item.cell_id)}
        keep = None if unit.kind == "group" else _Candidates(self.store)
        try:
            outcomes = train_cells(self.context(unit, progress), jobs, keep=keep)
        except (RuntimeError, MemoryError, ArithmeticError) as error:
            return self._group_failed(unit, open_ids, error, progress)
        failed = {o.cell_id: o.reason or "" for o in outcomes if o.status == "failed"}
        return Done(trained=tuple(o.cell_id for o in outcomes if o.status == "done"), failed=failed)

    def _group_failed(
        self, unit: Unit, open_ids: set[str], error: Exception, progress: GroupProgress | None
    ) -> Done:
        reason = f"the group failed: {type(error).__name__}: {error}"
        failed = {}
        for item in unit.cells:
            if item.cell_id in open_ids and not self.store.is_done(item.cell_id):
                self.store.write_cell(failed_row(item, reason))
                failed[item.cell_id] = reason
                if progress is not None:
                    progress.cell(item.cell_id, "failed")
        return Done(trained=tuple(open_ids - set(failed)), failed=failed, reason=reason)

    def _finish(self, unit: Unit) -> Done:
        """Keep the checkpoint of the group's best cell, of those that its packs kept; drop the others."""
        from training.group import train_cells
        from training.winner import group_winner

        jobs = unit_jobs(unit)
        winner = group_winner(self.store, jobs)
        if winner is not None and not self.store.has_checkpoint(winner.cell_id):
            candidate = candidate_name(winner.cell_id)
            if self.store.place.exists(candidate):
                content = self.store.place.read_bytes(candidate)
                write_bytes(self.store.checkpoint_path(winner.cell_id), content)
                self.store.keep_checkpoint(winner.cell_id)
            else:
                # Only what is done: a cell that failed in this run is not tried again here.
                done = [job for job in jobs if self.store.is_done(job.cell_id)]
                train_cells(self.context(unit), done)
        for name in _candidates(unit, self.store):
            self.store.place.remove(name)
        return Done()


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Checkpoints of the best of each pack (see `training.winner.Checkpoints`)."""

    store: Store

    def has(self, cell_id: str) -> bool:
        return self.store.has_checkpoint(cell_id) or self.store.place.exists(candidate_name(cell_id))

    def path(self, cell_id: str) -> Path:
        return self.store.place.scratch(candidate_name(cell_id))

    def keep(self, cell_id: str) -> None:
        self.store.place.upload(candidate_name(cell_id))


def is_finished(unit: Unit, store: Store) -> bool:
    """Whether the store holds what the unit leaves; features count as left when every cell is done."""
    if unit.kind != "finish" and any(not store.is_done(item.cell_id) for item in unit.cells):
        return False
    if unit.kind == "features":
        return True
    kept = any(store.has_checkpoint(item.cell_id) for item in unit.members)
    candidates = bool(_candidates(unit, store))
    return kept or candidates if unit.kind == "cells" else kept and not candidates


def _is_open(unit: Unit, store: Store) -> bool:
    """Whether cells are open, or all are done and no checkpoint of the unit's best is kept."""
    if any(not store.is_done(item.cell_id) for item in unit.cells):
        return True
    return not _candidates(unit, store) and not any(
        store.has_checkpoint(item.cell_id) for item in unit.members
    )


def _candidates(unit: Unit, store: Store) -> list[str]:
    """Names of the checkpoints of the best of each pack among the unit's cells."""
    names = (candidate_name(item.cell_id) for item in unit.cells)
    return [name for name in names if store.place.exists(name)]


def candidate_name(cell_id: str) -> str:
    """Checkpoint of the best cell of a pack, until the group's best is known."""
    return f"work/checkpoints/{check_name('cell_id', cell_id)}.safetensors"


def unit_jobs(unit: Unit) -> Sequence[CellJob]:
    """The cells of a unit as training knows them."""
    return [cell_job(item) for item in unit.cells]


def cell_job(item: PlannedCell) -> CellJob:
    """The cell as training knows it."""
    from training.settings import CellJob, CellSettings

    return CellJob(cell_id=item.cell_id, index=item.cell.index, settings=CellSettings(**item.cell.columns))


def failed_row(item: PlannedCell, reason: str) -> dict[str, Any]:
    """The row of a cell that could not be trained."""
    return {
        "cell_id": item.cell_id,
        "index": item.cell.index,
        "status": "failed",
        "reason": reason,
        **item.cell.columns,
    }
