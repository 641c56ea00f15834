"""What came of the faults of one kind, and the check of a store after a fault."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.faults.compare import Content, difference, lost_and_doubled
from tests.faults.lab import Ended, Lab

_SHOWN = 4


@dataclass(slots=True, kw_only=True)
class Tally:
    """Faults of one kind.

    injected : faults that took place; missed : those that came too late, after the command had ended
    survived : those after which the same commands gave the store of an undisturbed run
    lost, doubled : rows of predictions, over all of them
    problems : what was wrong, a line each; skipped : why nothing was tried
    """

    name: str
    injected: int = 0
    missed: int = 0
    survived: int = 0
    lost: int = 0
    doubled: int = 0
    problems: list[str] = field(default_factory=list)
    skipped: str | None = None

    def mend(
        self,
        lab: Lab,
        store: Path,
        label: str,
        expected: Content,
        *,
        finish: Callable[[Path], list[Ended]] | None = None,
        ignored: Sequence[str] = (),
        wrong: Iterable[str] = (),
    ) -> list[Ended]:
        """Run the same commands again after one fault, compare, and count it.

        finish : what is run again; None = training and result tables
        ignored : beginnings of names that are not compared
        wrong : what was already wrong with the fault itself
        """
        self.injected += 1
        told = [f"{label}: {line}" for line in wrong]
        again = (finish or lab.finish)(store)
        told += [f"{label}: again gave {e.code}: {_last(e)}" for e in again if e.code != 0]
        wanted = {name: data for name, data in expected.items() if not name.startswith(tuple(ignored))}
        found = difference(store, wanted, ignored=ignored)
        self.lost += found.lost
        self.doubled += found.doubled
        if found:
            told.append(f"{label}: differs in {', '.join(found.files[:_SHOWN])} ({len(found.files)} files)")
        self.survived += not told
        shutil.rmtree(store, ignore_errors=True)  # hundreds of them would fill the memory
        self.problems += told
        print("".join(f"{line}\n" for line in told), end="", file=sys.stderr, flush=True)
        return again

    def count(self, store: Path, expected: Content, told: Sequence[str]) -> None:
        """Count a fault after which `told` was wrong, and the rows of predictions that it lost or doubled."""
        lost, doubled = lost_and_doubled(store, expected)
        self.injected += 1
        self.lost += lost
        self.doubled += doubled
        self.survived += not told and not lost and not doubled
        self.problems += told
        print("".join(f"{line}\n" for line in told), end="", file=sys.stderr, flush=True)
        shutil.rmtree(store, ignore_errors=True)


def clean_stop(ended: Ended, *, codes: Sequence[int] = (1, 2)) -> list[str]:
    """What is wrong with how a command met an error: it must stop with a code and words, no traceback."""
    if ended.code not in codes:
        return [f"exit code {ended.code} instead of {codes}: {_last(ended)}"]
    if "Traceback" in ended.stderr:
        return [f"a traceback: {_last(ended)}"]
    return [] if ended.stderr.strip() else ["not a word on stderr"]


def spread(points: Sequence[int], most: int | None, rng: np.random.Generator) -> list[int]:
    """All points, or `most` of them, one at random from each of as many equal stretches."""
    if most is None or len(points) <= most:
        return list(points)
    edges = np.linspace(0, len(points), most + 1).astype(int)
    return [points[int(rng.integers(a, b))] for a, b in pairwise(edges)]


def _last(ended: Ended) -> str:
    lines = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
    return " / ".join(lines[-2:])
