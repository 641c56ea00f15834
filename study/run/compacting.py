"""Compact a store while others may work on it."""

from __future__ import annotations

import time

from data.store import Compaction, Store
from study.run.leases import Leases
from study.run.runner import Runner, Work
from study.run.state import runner_states
from study.run.worklog import join_entries

LEASE = "compact"


def compact_store(store: Store) -> Compaction:
    """Pack the done cells of a store (see `Store.compact`); waits for another process that compacts it.

    Where nobody works on the store, the log of units becomes one file as well.

    Raises
    ------
    ValueError : it lies in an object store, and runners work on it
    DamagedFileError : a pack is damaged
    """
    # One that died on another machine leaves its last heartbeat behind for good: it counts as silent.
    working = [state for state in runner_states(store.place) if state.state == "working"]
    if working and not store.is_folder:
        raise ValueError(
            f"{len(working)} runner(s) work on '{store.where}' (first {working[0].host}, process "
            f"{working[0].pid}). An object store can be compacted when they have ended: see `study status`."
        )
    with Runner(store.place) as runner:
        runner.work = Work(unit=LEASE, label="compacting the store", began=time.monotonic())
        with Leases(store.place, runner).waiting_for(LEASE):
            done = store.compact()
            if not working:
                join_entries(store.place)
            return done
