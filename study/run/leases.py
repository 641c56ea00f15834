"""Leases: which runner does which piece of work, so that runners on one store share it and do not double it.

A lease is a file `work/leases/<name>.<generation>.json` that only one runner can create; the highest
generation counts. It is free again when its holder removes it, and taken over by the next generation when the
holder has ended or was silent for too long. Silence is measured by the observer alone: its own clock, and the
holder's heartbeat counter, which must change. Clocks of two machines are never compared.

A runner that was silent without being dead may go on with what was taken over: whatever it writes equals what
the other one writes, so the harm is time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from data.place.base import Place
from study.run.provenance import now
from study.run.runner import Runner, has_ended, read_record, runner_file

FOLDER = "work/leases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lease as its file says: what, which generation, and by whom since when (None: not readable yet)."""

    name: str
    generation: int
    runner: dict[str, Any] | None
    since: str | None

    @property
    def file(self) -> str:
        return f"{FOLDER}/{self.name}.{self.generation:06d}.json"

    @property
    def holder(self) -> str:
        """Token of the runner; "unknown" where the file cannot be read."""
        return "unknown" if self.runner is None else self.runner["token"]


def held_leases(place: Place) -> dict[str, Held]:
    """Every lease that stands, by name; whether its holder lives is not asked."""
    highest: dict[str, int] = {}
    for file in place.names(FOLDER):
        name, generation = _parts(file)
        if name is not None:
            highest[name] = max(generation, highest.get(name, 0))
    found: dict[str, Held] = {}
    for name, generation in highest.items():
        held = Held(name=name, generation=generation, runner=None, since=None)
        record = read_record(place, held.file)
        if record is not None:
            held = Held(
                name=name, generation=generation, runner=record.get("runner"), since=record.get("since")
            )
        elif not place.exists(held.file):
            continue  # given back meanwhile
        found[name] = held
    return found


@dataclass(slots=True)
class Leases:
    """The leases of one store, as one runner sees them.

    `clock` : seconds that only go forward, on this machine
    """

    place: Place
    runner: Runner
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[Any, float]] = field(default_factory=dict)

    def take(self, name: str, *, conflicts: Callable[[str], bool] | None = None) -> Held | None:
        """The lease `name`, or None where a runner that may live holds it.

        `conflicts` : whether another lease, given by name, must not be held at the same time
        """
        held = held_leases(self.place)
        for other in held.values():
            if (
                other.name != name
                and conflicts is not None
                and conflicts(other.name)
                and not self.is_free(other)
            ):
                return None
        before = held.get(name)
        if before is not None and not self.is_free(before):
            return None
        mine = Held(
            name=name,
            generation=1 if before is None else before.generation + 1,
            runner=self.runner.identity,
            since=now(),
        )
        content = json.dumps({"runner": mine.runner, "since": mine.since}).encode()
        if not self.place.create_exclusive(mine.file, content):
            return None
        if not self._still_stands(mine, before):
            self.place.remove(mine.file)
            return None
        if before is not None:
            self.place.remove(before.file)
            self.place.remove(runner_file(before.holder))  # one that lives after all beats again
        return mine

    def give_back(self, lease: Held) -> None:
        """End a lease; one that was taken over meanwhile is left to its new holder."""
        self.place.remove(lease.file)

    def is_lost(self, lease: Held) -> bool:
        """Whether another runner has taken over."""
        now_held = held_leases(self.place).get(lease.name)
        return now_held is None or now_held.generation != lease.generation

    @contextmanager
    def waiting_for(self, name: str, *, poll: float = 0.2) -> Iterator[None]:
        """Hold `name` for the body of a `with`; waits for whoever holds it."""
        while (lease := self.take(name)) is None:
            time.sleep(poll)
        try:
            yield
        finally:
            self.give_back(lease)

    def is_free(self, held: Held) -> bool:
        """Whether the holder has ended, or was silent for its expiry while this runner watched."""
        if held.runner is not None and has_ended(held.runner, self.runner.identity):
            return True
        record = read_record(self.place, runner_file(held.holder)) if held.runner is not None else None
        beat = None if record is None else record["beat"]
        seen = self._seen.get(held.file)
        if seen is None or seen[0] != beat:
            self._seen[held.file] = (beat, self.clock())
            return False
        # A runner without a heartbeat file is waited for as well: it may be between two writes.
        expiry = self.runner.expiry if record is None else float(record["expiry"])
        return self.clock() - seen[1] > expiry

    def _still_stands(self, mine: Held, before: Held | None) -> bool:
        """Whether the lease that was judged free is still the one below ours, and none is above."""
        files = [_parts(file) for file in self.place.names(FOLDER)]
        generations = [generation for name, generation in files if name == mine.name]
        if max(generations, default=0) != mine.generation:
            return False
        if before is None:
            return True
        record = read_record(self.place, before.file)
        return record is None or record.get("runner") == before.runner


def _parts(file: str) -> tuple[str | None, int]:
    """Name and generation of a lease file; (None, 0) of any other file."""
    stem, _, suffix = file.rpartition("/")[2].rpartition(".")
    name, _, generation = stem.rpartition(".")
    if suffix != "json" or not name or not generation.isdigit():
        return None, 0
    return name, int(generation)
