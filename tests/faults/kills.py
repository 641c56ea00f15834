"""SIGKILL: at random moments, and before and after every write of every command that writes."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from data.analysed import what_changed
from data.store import Store
from tests.faults.compare import difference, read_content, reads_otherwise
from tests.faults.lab import GRADCAM, Ended, Lab
from tests.faults.tally import Tally, clean_stop, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that writes.

    prepare : makes its store ready;  arguments : of the command
    finish : what a user runs after a fault;  expected : the undisturbed store that must come of it
    wrong : what must not be seen in the store as the kill left it
    """

    prepare: Callable[[Lab], Path]
    arguments: Callable[[Lab, Path], tuple[object, ...]]
    finish: Callable[[Lab, Path], list[Ended]] = lambda lab, store: lab.finish(store)
    expected: Callable[[Lab], Path] = lambda lab: lab.analysed
    wrong: Callable[[Lab, Path], list[str]] = lambda lab, store: []


def _stale(lab: Lab) -> Path:
    """A store whose results were made before its last cell was done."""
    store = lab.copy(lab.trained)
    row = sorted(store.glob("cells/*.json"))[-1]
    kept = row.rename(store.parent / row.name)
    assert lab.run("stats", store).code == 0
    shutil.move(kept, row)
    return store


def write_points(lab: Lab, command: Command) -> list[int]:
    """Numbers of the writes before which a kill leaves another state: each rename, and what follows it."""
    store = command.prepare(lab)
    writes = lab.writes(store.parent, *command.arguments(lab, store))
    changes = ("os.rename", "os.link", "os.remove")
    # Some files that are deleted are those of a moment: a probe, a lease, a heartbeat.
    renames = [
        n
        for n, line in enumerate(writes, start=1)
        if line.startswith(changes) and not (line.startswith("os.remove") and "/work/" in line)
    ]
    return sorted({*renames, *(n + 1 for n in renames if n < len(writes))})


def killed_at_writes(lab: Lab, name: str, rng: np.random.Generator, most: int | None = None) -> Tally:
    """Kill a command before and after its renames, all or `most` of them."""
    tally, command = Tally(name=f"SIGKILL at every write of `study {name}`"), COMMANDS[name]
    for at in spread(write_points(lab, command), most, rng):
        store = command.prepare(lab)
        ended = lab.run(
            *command.arguments(lab, store), fault={"writes": str(store.parent), "at": at, "do": "kill"}
        )
        if ended.code != -signal.SIGKILL:
            tally.missed += 1
            continue
        wrong = command.wrong(lab, store)
        expected = lab.content(command.expected(lab))
        tally.mend(lab, store, f"write {at}", expected, finish=partial(command.finish, lab), wrong=wrong)
    return tally


def failed_writes(
    lab: Lab, name: str, error: str, rng: np.random.Generator, most: int | None = None
) -> Tally:
    """Let one write of a command fail, and all that follow; `error` is an errno name such as ENOSPC."""
    tally, command = Tally(name=f"{error} from some write on, `study {name}`"), COMMANDS[name]
    for at in spread(write_points(lab, command), most, rng):
        store = command.prepare(lab)
        ended = lab.run(
            *command.arguments(lab, store), fault={"writes": str(store.parent), "at": at, "do": error}
        )
        if ended.code == 0:
            tally.missed += 1
            continue
        expected = lab.content(command.expected(lab))
        wrong = clean_stop(ended)
        tally.mend(lab, store, f"write {at}", expected, finish=partial(command.finish, lab), wrong=wrong)
    return tally


def killed_at_random(lab: Lab, n: int, rng: np.random.Generator) -> Tally:
    """Kill `n` trainings at moments drawn over the duration of an undisturbed one."""
    tally, expected = Tally(name="SIGKILL at random moments of `study run-grid`"), lab.content(lab.analysed)
    for moment in rng.uniform(0, lab.seconds, n):
        store = lab.new_folder() / "store"
        running = lab.start(*lab.training(store))
        time.sleep(moment)
        running.signal(signal.SIGKILL)
        if running.wait().code != -signal.SIGKILL:
            tally.missed += 1
            continue
        tally.mend(lab, store, f"after {moment:.2f} s", expected)
    return tally


def killed_readers(lab: Lab, n: int, rng: np.random.Generator) -> Tally:
    """Kill `study verify`, which only reads: the store stays as it is to the byte."""
    tally, before = Tally(name="SIGKILL of `study verify`"), read_content(lab.analysed)
    for moment in rng.uniform(0, lab.run("verify", lab.analysed).seconds, n):
        running = lab.start("verify", lab.analysed)
        time.sleep(moment)
        running.signal(signal.SIGKILL)
        if running.wait().code != -signal.SIGKILL:
            tally.missed += 1
            continue
        tally.injected += 1
        changed = difference(lab.analysed, before)
        tally.survived += not changed
        tally.problems += [f"after {moment:.2f} s: {name} changed" for name in changed.files]
    return tally


def _passes_as_current(lab: Lab, store: Path) -> list[str]:
    """A half-written mixture of old and new results must say that it does not fit the store."""
    opened = Store.open(store)
    cells = opened.cells().query("status == 'done'")
    try:
        told = what_changed(opened, cells)
    except (ValueError, OSError):
        return []  # a reader is stopped
    expected = lab.content(lab.analysed)
    found = read_content(store)
    tables = [n for n in found if n.startswith("results/") and not n.endswith("checksums.json")]
    wrong = [n for n in tables if found[n] != expected.get(n)]
    return [f"results that pass as current are not: {wrong[0]} and more"] if told is None and wrong else []


COMMANDS: Mapping[str, Command] = {
    "run-grid": Command(
        prepare=lambda lab: lab.new_folder() / "store",
        arguments=lambda lab, store: tuple(lab.training(store)),
    ),
    "stats": Command(prepare=_stale, arguments=lambda lab, store: ("stats", store), wrong=_passes_as_current),
    "gradcam": Command(
        prepare=lambda lab: lab.copy(lab.trained),
        arguments=lambda lab, store: (*GRADCAM, store),
        finish=lambda lab, store: lab.finish_maps(store),
        expected=lambda lab: lab.mapped,
    ),
    "import": Command(
        prepare=lambda lab: lab.copy(lab.half_imported),
        arguments=lambda lab, store: tuple(lab.importing(store, "second")),
        finish=lambda lab, store: lab.finish_import(store),
        expected=lambda lab: lab.imported,
    ),
    "store compact": Command(
        prepare=lambda lab: lab.copy(lab.half_compacted),
        arguments=lambda lab, store: ("store", "compact", store),
        finish=lambda lab, store: lab.finish_compact(store),
        expected=lambda lab: lab.compacted,
        wrong=lambda lab, store: reads_otherwise(store, lab.analysed),
    ),
}
