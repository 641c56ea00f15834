"""Two runners or shards on one store: one is killed, or stands still and comes back."""

from __future__ import annotations

import signal
import time

import numpy as np

from tests.faults.lab import Lab
from tests.faults.tally import Tally


def killed_runner(lab: Lab, n: int, rng: np.random.Generator) -> Tally:
    """Start two trainings, kill one at a random moment: the other does all the work that is left."""
    tally, expected = Tally(name="SIGKILL of one of two runners"), lab.content(lab.analysed)
    for moment in rng.uniform(0, lab.seconds, n):
        store = lab.new_folder() / "store"
        first, second = (lab.start(*lab.training(store), "--pack", "1", "--expiry", "6") for _ in range(2))
        time.sleep(moment)
        first.signal(signal.SIGKILL)
        if first.wait().code != -signal.SIGKILL:
            tally.missed += 1
        other = second.wait()
        wrong = [] if other.code == 0 else [f"the other gave {other.code}: {other.stderr[-300:]}"]
        tally.mend(lab, store, f"after {moment:.2f} s", expected, wrong=wrong)
    return tally


def paused_runner(lab: Lab, n: int, rng: np.random.Generator) -> Tally:
    """Stop one of two trainings until the other has taken over and ended, then let it go on."""
    tally, expected = Tally(name="SIGSTOP of one of two runners, SIGCONT later"), lab.content(lab.analysed)
    for moment in rng.uniform(0.3, 0.9, n) * lab.seconds:
        store = lab.new_folder() / "store"
        first, second = (lab.start(*lab.training(store), "--pack", "1", "--expiry", "6") for _ in range(2))
        time.sleep(moment)
        first.signal(signal.SIGSTOP)
        other = second.wait()
        first.signal(signal.SIGCONT)
        ended = (other, first.wait())
        wrong = [f"a runner gave {e.code}: {e.stderr[-300:]}" for e in ended if e.code != 0]
        tally.mend(lab, store, f"after {moment:.2f} s", expected, wrong=wrong)
    return tally


def killed_shard(lab: Lab, n: int, rng: np.random.Generator) -> Tally:
    """Kill the first of two shards; the second runs alone, then the first again: each does its own part."""
    tally, expected = Tally(name="SIGKILL of `study run-grid --shard 0/2`"), lab.content(lab.analysed)
    for moment in rng.uniform(0, lab.seconds, n):
        store = lab.new_folder() / "store"
        first, second = ((*lab.training(store), "--pack", "1", "--shard", f"{i}/2") for i in range(2))
        running = lab.start(*first)
        time.sleep(moment)
        running.signal(signal.SIGKILL)
        if running.wait().code != -signal.SIGKILL:
            tally.missed += 1
            continue
        ended = [lab.run(*second), lab.run(*first)]
        wrong = [f"a shard gave {e.code}: {e.stderr[-300:]}" for e in ended if e.code != 0]
        if "are left to other shards" in ended[-1].stdout:
            wrong.append(f"cells are left: {ended[-1].stdout}")
        tally.mend(lab, store, f"after {moment:.2f} s", expected, wrong=wrong)
    return tally
