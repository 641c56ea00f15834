"""How far a store is: cells, runners at work, what failed, and how long it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from data.place.base import Place
from data.store import Store
from study.run.leases import held_leases
from study.run.runner import FOLDER as RUNNERS
from study.run.runner import has_ended, identity, read_record
from study.run.worklog import read_entries
from study.stores import planned_cells
from training.settings import GROUP_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerState:
    """One process that works on the store, or has stopped without a word.

    Attributes
    ----------
    state : "working"; "silent", no heartbeat for longer than its expiry; "ended", a process of this machine
        that is gone. The work of the latter two is taken over by whoever runs next.
    heartbeat : seconds since its last heartbeat by the clocks of its machine and of this one; never below 0
    unit, label : what it does now; None between two units
    features : (images done, all) through the frozen trunk; None before them
    cells, of : cells of the unit that have ended, and all
    seconds : time that the unit has taken so far
    leases : names of the leases that it holds
    """

    host: str
    pid: int
    job: str | None
    since: str
    state: str
    heartbeat: float
    unit: str | None
    label: str | None
    features: tuple[int, int] | None
    cells: int
    of: int
    seconds: float
    leases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What `study status` tells.

    Attributes
    ----------
    failed : cell_id -> reason
    seconds_per_cell : mean over all work so far, features included; None before the first cell has ended
    seconds_to_go : for the open cells with the runners now at work (with one where there is none)
    notes : what a reader should know
    """

    store: str
    planned: int
    done: int
    open: int
    failed: dict[str, str]
    runners: tuple[RunnerState, ...]
    seconds_per_cell: float | None
    seconds_to_go: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def store_state(store: Store) -> StoreState:
    """Read the state of a store; nothing is written, and no runner is asked.

    FileNotFoundError : the store has no planned grid
    """
    grid = planned_cells(store)
    counts = grid["status"].value_counts()
    bad = grid[grid["status"] == "failed"]
    runners = runner_states(store.place)
    working = [runner for runner in runners if runner.state == "working"]
    per_cell = _seconds_per_cell(read_entries(store.place), working)
    n_open = int(counts.get("open", 0))
    to_go = None if per_cell is None else n_open * per_cell / max(1, len(working))
    return StoreState(
        store=store.where,
        planned=len(grid),
        done=int(counts.get("done", 0)),
        open=n_open,
        failed=dict(zip(bad["cell_id"], bad["reason"], strict=True)),
        runners=tuple(runners),
        seconds_per_cell=per_cell,
        seconds_to_go=to_go,
        notes=tuple(_mixed_features(store, grid)),
    )


def runner_states(place: Place) -> list[RunnerState]:
    """Every runner that has a heartbeat file, the longest at work first."""
    held: dict[str, list[str]] = {}
    for lease in held_leases(place).values():
        held.setdefault(lease.holder, []).append(lease.name)
    records = [record for name in place.names(RUNNERS) if (record := read_record(place, name)) is not None]
    mine, now = identity(), datetime.now(UTC)
    states = [_runner_state(record, held.get(record["token"], []), mine, now) for record in records]
    return sorted(states, key=lambda state: state.since)


def _runner_state(
    record: dict[str, Any], leases: Sequence[str], mine: dict[str, Any], now: datetime
) -> RunnerState:
    age = max(0.0, (now - datetime.fromisoformat(record["beat_at"])).total_seconds())
    silent = age > float(record["expiry"])
    work = record["work"] or {}
    features = work.get("features")
    return RunnerState(
        host=record["host"],
        pid=record["pid"],
        job=record["job"],
        since=record["started"],
        state="ended" if has_ended(record, mine) else "silent" if silent else "working",
        heartbeat=age,
        unit=work.get("unit"),
        label=work.get("label"),
        features=None if features is None else (features[0], features[1]),
        cells=work.get("cells", 0),
        of=work.get("of", 0),
        seconds=work.get("seconds", 0.0),
        leases=tuple(leases),
    )


def _seconds_per_cell(entries: Sequence[dict[str, Any]], working: Sequence[RunnerState]) -> float | None:
    cells = sum(len(entry["trained"]) for entry in entries) + sum(runner.cells for runner in working)
    seconds = sum(entry["seconds"] for entry in entries) + sum(runner.seconds for runner in working)
    return seconds / cells if cells else None


def _mixed_features(store: Store, grid: pd.DataFrame) -> list[str]:
    """A note for every group whose cells read features of several processors or versions of torch."""
    cells = store.cells()
    if "group_key" not in cells:
        return []
    done = cells[(cells["status"] == "done") & cells["cell_id"].isin(set(grid["cell_id"]))]
    shared = [name for name in GROUP_FIELDS if name in done]
    several = done[done.groupby(shared, dropna=False)["group_key"].transform("nunique") > 1]
    groups = zip(several["task"], several["pretrain"], several["backbone"], strict=True)
    return [
        f"{' · '.join(group)}: cells read features of several kinds of processor or versions of torch; "
        "their last bits differ."
        for group in dict.fromkeys(groups)
    ]
