"""The driver of an engine: submits what is open, follows the store, and submits again what no task ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from data.store import Store
from study.run.perform import is_finished
from study.run.share import Shared, ShareProgress
from study.run.units import Unit
from study.run.worklog import News


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One group's open units: its features first, then its packs; `finish` ends with the last pack."""

    label: str
    features: tuple[str, ...]
    packs: tuple[tuple[str, ...], ...]


class Submitted(Protocol):
    """Tasks of an engine that were submitted."""

    def running(self) -> bool:
        """Whether any of them waits or works."""

    def describe(self) -> str:
        """Where they are, in a few words."""


@dataclass(slots=True, kw_only=True)
class Drive:
    """Follows the tasks of an engine by what they leave in the store.

    Attributes
    ----------
    submit : hands batches to the engine
    rounds : how often what is open is submitted before the run gives up
    poll : seconds between two looks
    """

    store: Store
    units: Sequence[Unit]
    progress: ShareProgress
    submit: Callable[[Sequence[Batch]], Submitted]
    rounds: int
    poll: float = 2.0
    _news: News = field(init=False)
    _over: set[str] = field(default_factory=set)
    _shared: Shared = field(default_factory=Shared)

    def __post_init__(self) -> None:
        self._news = News(self.store.place)

    def run(self) -> Shared:
        """Submit, follow, submit again; ends when every unit is settled.

        Raises
        ------
        ValueError : units are open after `rounds` submissions, of which the last did nothing
        """
        self._look(found=True)
        for number in range(self.rounds):
            batches = self._open()
            if not batches:
                return self._shared
            if number:
                self.progress.note(f"{len(batches)} groups have open units; submitting them again.")
            before = len(self._over)
            submitted = self.submit(batches)
            self._follow(submitted)
            if number + 1 == self.rounds or (number and len(self._over) == before):
                break
        left = self._open()
        if left:
            n = sum(len(batch.packs) for batch in left)
            raise ValueError(
                f"{n} units of work were not done by any task (first: {left[0].label}). Look into the logs "
                f"of the tasks (Slurm: '{self.store.where}/work/logs'), then run the same command again."
            )
        return self._shared

    def _follow(self, submitted: Submitted) -> None:
        said = ""
        while True:
            running = submitted.running()
            self._look()
            if not running or not self._open():
                return
            text = submitted.describe()
            if text != said:
                said = text
                self.progress.waiting(text)
            time.sleep(self.poll)

    def _look(self, *, found: bool = False) -> None:
        """Count the cells that have ended since the last look."""
        self._news.refresh()
        cells = {item.cell_id for unit in self.units for item in unit.cells}
        for cell_id in sorted(cells - self._over):
            if cell_id in self._news.failed:
                self._shared.failed[cell_id] = self._news.failed[cell_id]
                self.progress.cell(cell_id, "failed")
            elif self.store.is_done(cell_id):
                if found:
                    self.progress.skip(1)
                else:
                    self._shared.trained.append(cell_id)
                    self.progress.cell(cell_id, "done")
            else:
                continue
            self._over.add(cell_id)

    def _open(self) -> list[Batch]:
        """What is to be submitted, group by group."""
        groups: dict[str, list[Unit]] = {}
        for unit in self.units:
            groups.setdefault(unit.group, []).append(unit)
        batches = []
        for members in groups.values():
            packs = [unit for unit in members if unit.kind in ("group", "cells") and not self._settled(unit)]
            if not packs and all(self._settled(unit) for unit in members):
                continue
            cut = any(unit.kind == "cells" for unit in packs)
            features = tuple(unit.name for unit in members if unit.kind == "features" and cut)
            ends = tuple(unit.name for unit in members if unit.kind == "finish")
            batches.append(
                Batch(
                    label=members[0].label,
                    features=features,
                    packs=tuple((unit.name,) for unit in packs) or (ends,),
                )
            )
        return batches

    def _settled(self, unit: Unit) -> bool:
        over = [item.cell_id in self._over for item in unit.cells]
        if unit.kind == "features":
            return all(over)
        failed = any(item.cell_id in self._news.failed for item in unit.cells)
        if failed and all(over):
            return True
        return is_finished(unit, self.store)
