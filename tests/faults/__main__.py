"""`make faults`: every kind of fault, many times; prints the table of docs/reliability.md.

python -m tests.faults [--seed 0] [--kills 100] [--most N] [--only WORD]
Exit code 1: a fault was not survived.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from tests.faults import damage, kills, machine, runners
from tests.faults.lab import Lab, opened
from tests.faults.tally import Tally

Scenario = Callable[[Lab, np.random.Generator, argparse.Namespace], Tally]
SCENARIOS: dict[str, Scenario] = {
    "random": lambda lab, rng, o: kills.killed_at_random(lab, o.kills, rng),
    "write-run-grid": lambda lab, rng, o: kills.killed_at_writes(lab, "run-grid", rng, o.most),
    "write-stats": lambda lab, rng, o: kills.killed_at_writes(lab, "stats", rng, o.most),
    "write-gradcam": lambda lab, rng, o: kills.killed_at_writes(lab, "gradcam", rng, o.most),
    "write-import": lambda lab, rng, o: kills.killed_at_writes(lab, "import", rng, o.most),
    "write-compact": lambda lab, rng, o: kills.killed_at_writes(lab, "store compact", rng, o.most),
    "verify": lambda lab, rng, o: kills.killed_readers(lab, 10, rng),
    "error-run-grid": lambda lab, rng, o: kills.failed_writes(lab, "run-grid", "ENOSPC", rng, o.most or 20),
    "error-stats": lambda lab, rng, o: kills.failed_writes(lab, "stats", "EIO", rng, o.most or 20),
    "full": lambda lab, rng, o: machine.full_disk(lab, o.most or 10),
    "read-only": lambda lab, rng, o: machine.read_only(lab),
    "damage": lambda lab, rng, o: damage.damaged_files(lab, rng, o.most),
    "packs": lambda lab, rng, o: damage.damaged_packs(lab, rng),
    "features": lambda lab, rng, o: damage.damaged_features(lab, rng),
    "memory": lambda lab, rng, o: machine.short_memory(lab, o.most or 10),
    "batches": lambda lab, rng, o: machine.broken_batches(lab, min(5, o.most or 5), rng),
    "clock": lambda lab, rng, o: machine.jumping_clock(lab),
    "killed-runner": lambda lab, rng, o: runners.killed_runner(lab, min(10, o.most or 10), rng),
    "killed-shard": lambda lab, rng, o: runners.killed_shard(lab, min(10, o.most or 10), rng),
    "paused-runner": lambda lab, rng, o: runners.paused_runner(lab, min(5, o.most or 5), rng),
}


def main() -> int:
    """Run the scenarios; 1 where a fault was not survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=100, help="kills at random moments")
    parser.add_argument("--most", type=int, default=None, help="faults of each other kind at most")
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="this kind; may be repeated")
    options = parser.parse_args()
    print("| fault | injected | survived | rows lost | rows doubled | seconds |\n|---|---|---|---|---|---|")
    problems: list[str] = []
    with opened() as lab:
        for place, (name, scenario) in enumerate(SCENARIOS.items()):
            if options.only and name not in options.only:
                continue
            begun = time.monotonic()
            tally = scenario(lab, np.random.default_rng([options.seed, place]), options)
            print(_row(tally, time.monotonic() - begun), flush=True)
            print(f"{name}: {tally.missed} came too late", file=sys.stderr, flush=True)
            problems += tally.problems
    return int(bool(problems))


def _row(tally: Tally, seconds: float) -> str:
    if tally.skipped is not None:
        return f"| {tally.name} | skipped: {tally.skipped} | | | | |"
    numbers = (tally.injected, tally.survived, tally.lost, tally.doubled, round(seconds))
    return f"| {tally.name} | {' | '.join(map(str, numbers))} |"


if __name__ == "__main__":
    sys.exit(main())
