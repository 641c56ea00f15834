"""Work through units together with every other runner of the store, until nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from study.run.leases import Leases
from study.run.perform import Done, Workshop, is_finished
from study.run.runner import Runner, Work
from study.run.units import Unit
from study.run.worklog import News, write_entry

if TYPE_CHECKING:
    from training.group_parts import GroupProgress


class ShareProgress(Protocol):
    """What the loop reports; `study.run.progress.GridProgress` draws it."""

    def skip(self, n_cells: int) -> None: ...
    def begin_group(self, label: str, n_cells: int) -> None: ...
    def end_group(self, *, trained: int, failed: int) -> None: ...
    def features(self, done: int, total: int) -> None: ...
    def cell(self, cell_id: str, status: str) -> None: ...
    def note(self, text: str) -> None: ...
    def waiting(self, text: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Shared:
    """What came of the units: cells that this runner trained, others trained meanwhile, and that failed."""

    trained: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Sharing:
    """The loop of one runner.

    Attributes
    ----------
    wait : whether to stay until the units that others hold have ended; else they are left to them
    ended : called with every unit that is settled, by this runner or by others
    """

    units: Sequence[Unit]
    workshop: Workshop
    runner: Runner
    leases: Leases
    progress: ShareProgress
    wait: bool = True
    ended: Callable[[Unit], None] = lambda unit: None
    _news: News = field(init=False)
    _done: set[str] = field(default_factory=set)
    _settled: set[str] = field(default_factory=set)
    _shared: Shared = field(default_factory=Shared)

    def __post_init__(self) -> None:
        self._news = News(self.runner.place)

    def run(self) -> Shared:
        """Do what is open and free, wait for what others do, take over what they leave."""
        self._count_found()
        while True:
            self._news.refresh()
            waiting = [unit for unit in self.units if not self._is_settled(unit)]
            # A shard does not wait for cells of other shards, which alone can finish a group.
            if all(unit.kind == "finish" and not self._can_begin(unit) for unit in waiting):
                break
            tried = [self._try(unit) for unit in waiting]  # every one, not until the first that went
            if any(tried):
                continue
            if not self.wait:
                break
            self.progress.waiting(f"{len(waiting)} units of work are with other runners")
            time.sleep(min(2.0, self.runner.expiry / 10))
        return self._shared

    def _try(self, unit: Unit) -> bool:
        """Do the unit if it is open and free; whether anything was done."""
        if self._is_settled(unit) or not self._can_begin(unit):
            return False
        lease = self.leases.take(unit.name, conflicts=unit.conflicts)
        if lease is None:
            return False
        try:
            self._news.refresh()
            if self._is_settled(unit):  # another runner ended it just before
                return True
            self._perform(unit)
            if self.leases.is_lost(lease):
                self.progress.note(
                    f"{unit.label}: another runner took over, because this one was silent for more than "
                    f"{self.runner.expiry:.0f} s; both write the same results."
                )
        finally:
            self.runner.work = Work()
            self.leases.give_back(lease)
        return True

    def _perform(self, unit: Unit) -> None:
        begun = time.monotonic()
        n_open = sum(item.cell_id not in self._done for item in unit.cells)
        trains = unit.kind in ("group", "cells")
        self.runner.work = Work(
            unit=unit.name, label=unit.label, began=begun, of=n_open if trains else 0, cells=0
        )
        if trains:
            self.progress.begin_group(unit.label, n_open)
        done = self.workshop.perform(unit, _Reported(self.progress, self.runner.work, self._done))
        self._settled.add(unit.name)
        write_entry(
            self.runner.place,
            self.runner,
            unit,
            seconds=time.monotonic() - begun,
            trained=done.trained,
            failed=done.failed,
            reason=done.reason,
        )
        self._take_in(unit, done)
        if trains:
            self.progress.end_group(trained=len(done.trained), failed=len(done.failed))
        self.ended(unit)

    def _take_in(self, unit: Unit, done: Done) -> None:
        self._shared.trained += done.trained
        self._shared.failed.update(done.failed)
        self._done.update(done.trained, done.failed)
        if unit.kind == "features":
            self._news.features.add(unit.group)

    def _can_begin(self, unit: Unit) -> bool:
        """Cells come after their features, the choice of the checkpoint after all cells of the group."""
        if unit.kind == "cells":
            return unit.group in self._news.features or self.workshop.has_features(unit)
        if unit.kind == "finish":
            return all(self._is_over(item.cell_id) for item in unit.members)
        return True

    def _is_settled(self, unit: Unit) -> bool:
        if unit.name in self._settled:
            return True
        ended = [self._is_over(item.cell_id) for item in unit.cells]  # each is counted
        over = all(ended)
        if unit.kind == "features":
            settled = over or unit.group in self._news.features or self.workshop.has_features(unit)
        elif unit.kind == "finish":
            settled = is_finished(unit, self.workshop.store)
        else:
            failed = any(item.cell_id in self._news.failed for item in unit.cells)
            settled = over and (failed or is_finished(unit, self.workshop.store))
        if settled:
            self._settled.add(unit.name)
            self.ended(unit)
        return settled

    def _is_over(self, cell_id: str) -> bool:
        """Whether a cell is done, or has failed since this runner began."""
        if cell_id in self._done:
            return True
        failed = cell_id in self._news.failed
        if not failed and not self.workshop.store.is_done(cell_id):
            return False
        self._done.add(cell_id)
        if failed:
            self._shared.failed.setdefault(cell_id, self._news.failed[cell_id])
        else:
            self._shared.elsewhere.append(cell_id)
        self.progress.skip(1)
        return True

    def _count_found(self) -> None:
        """Cells that were done before are neither ours nor those of a runner that works now."""
        cells = {item.cell_id for unit in self.units for item in unit.cells}
        found = {cell_id for cell_id in cells if self.workshop.store.is_done(cell_id)}
        self._done |= found
        self.progress.skip(len(found))


@dataclass(slots=True)
class _Reported:
    """Progress of a unit, passed on and noted in the heartbeat."""

    progress: GroupProgress
    work: Work
    done: set[str]

    def features(self, done: int, total: int) -> None:
        """Images that went through the trunk."""
        self.work.features = (done, total)
        self.progress.features(done, total)

    def cell(self, cell_id: str, status: str) -> None:
        """A cell has ended."""
        self.work.cells += 1
        self.done.add(cell_id)
        self.progress.cell(cell_id, status)

    def note(self, text: str) -> None:
        """A message about the group."""
        self.progress.note(text)
