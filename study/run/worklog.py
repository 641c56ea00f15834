"""What runners have done on a store: one small file per unit of work that has ended."""

from __future__ import annotations

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
    records = (read_record(place, name) for name in place.names(FOLDER))
    return [record for record in records if record is not None]


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
        self._known = set(self.place.names(FOLDER))

    def refresh(self) -> None:
        """Read what has come since the last call."""
        for name in self.place.names(FOLDER):
            if name in self._known:
                continue
            self._known.add(name)
            entry = read_record(self.place, name)
            if entry is None:
                continue
            self.failed.update(entry["failed"])
            if entry["kind"] == "features":
                self.features.add(entry["unit"].partition("-")[0])
