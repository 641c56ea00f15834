"""What a verification found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One file that is not what it should be, and what a user does about it."""

    name: str
    fault: str
    remedy: str


@dataclass(slots=True, kw_only=True)
class Verification:
    """Faults in the order found, what could not be checked, and what was.

    Attributes
    ----------
    checked : how many of each kind were looked at ("files", "cells", "metrics", ...)
    """

    store: str
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, faults: Iterable[str], remedy: str) -> None:
        """Note the faults of one file."""
        self.faults += [Fault(name=name, fault=fault, remedy=remedy) for fault in faults]

    def count(self, kind: str, n: int = 1) -> None:
        """Count what was looked at."""
        self.checked[kind] = self.checked.get(kind, 0) + n

    def to_dict(self) -> dict[str, Any]:
        """As `study verify --json` prints it."""
        return {
            "store": self.store,
            "whole": not self.faults,
            "checked": dict(self.checked),
            "damaged": [
                {"name": item.name, "fault": item.fault, "remedy": item.remedy} for item in self.faults
            ],
            "notes": list(self.notes),
        }
