"""What runners have done on a store: one small file per unit that has ended, until these are joined."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.place.base import Place
from study.run.provenance import now
from study.run.runner import Runner, read_record
from study.run.units import Unit

FOLDER = "work/done"
JOINED = "joined"


def write_entry(
    place: Place,
    runner: Runner,
    unit: Unit,
    *,
    seconds: float,
    trained: Sequence[str] = (),
    failed: Mapping[str, str] | None = None,
    reason: str | None = None,
) -> None:
    """Record a unit that has ended.

    `trained`, `failed` : cells that this runner trained now, and why others failed; `reason` : why the unit
    as a whole failed
    """
    entry = {
        "unit": unit.name,
        "kind": unit.kind,
        "label": unit.label,
        "runner": runner.identity,
        "ended": now(),
        "seconds": round(seconds, 3),
        "trained": list(trained),
        "failed": dict(failed or {}),
        "reason": reason,
    }
    place.create_exclusive(f"{FOLDER}/{unit.name}.{secrets.token_hex(6)}.json", json.dumps(entry).encode())


def read_entries(place: Place) -> list[dict[str, Any]]:
    """Every entry that is whole, in the order of the units' names."""
    found: dict[str, dict[str, Any]] = {}
    for name in place.names(FOLDER):
        found.update(_entries_in(place, name))
    return [found[name] for name in sorted(found)]


def join_entries(place: Place) -> None:
    """Put all entries into one file; whoever dies in between leaves both, and each entry counts once."""
    names = place.names(FOLDER)
    if len(names) < 2:
        return
    read = {name: _entries_in(place, name) for name in names}
    found = {name: entry for entries in read.values() for name, entry in entries.items()}
    content = json.dumps({JOINED: found}, sort_keys=True).encode()
    joined = f"{FOLDER}/{JOINED}-{hashlib.sha256(content).hexdigest()[:16]}.json"
    place.write_bytes(joined, content)
    for name, entries in read.items():
        if entries and name != joined:
            place.remove(name)


def _entries_in(place: Place, name: str) -> dict[str, dict[str, Any]]:
    """The entries of one file by the names that they were written under."""
    record = read_record(place, name)
    if record is None:
        return {}
    joined = record.get(JOINED)
    if not isinstance(joined, dict):
        return {name: record}
    return {name: entry for name, entry in joined.items() if isinstance(entry, dict)}


@dataclass(slots=True)
class News:
    """What other runners have ended since this object was made.

    failed : cells that failed since then, with their reasons; they are not tried again in the same run
    features : groups whose features were made, or cannot be made
    """

    place: Place
    failed: dict[str, str] = field(default_factory=dict)
    features: set[str] = field(default_factory=set)
    _known: set[str] = field(init=False)

    def __post_init__(self) -> None:
        names = self.place.names(FOLDER)
        joined = [name for name in names if f"/{JOINED}-" in name]
        self._known = {*names, *(old for name in joined for old in _entries_in(self.place, name))}

    def refresh(self) -> None:
        """Read what has come since the last call."""
        for name in self.place.names(FOLDER):
            if name not in self._known:
                entries = _entries_in(self.place, name)
                for new in entries.keys() - self._known:
                    self._take_in(entries[new])
                self._known |= {name, *entries}

    def _take_in(self, entry: Mapping[str, Any]) -> None:
        self.failed.update(entry["failed"])
        if entry["kind"] == "features":
            self.features.add(entry["unit"].partition("-")[0])
