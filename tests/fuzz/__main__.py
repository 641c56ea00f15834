"""Fuzz the command line: `python -m tests.fuzz --inputs 20000`. Exit code 1 if an input breaks a rule.

One process per target reads its inputs; a watchdog ends it after 120 s without an answer, and goes on behind
the input that stopped it. An input is named TARGET:SEED:INDEX and comes again with `--replay`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.case import Target
from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import Worker, keep, serve

SILENT_SECONDS = 120.0  # of the clock; the rule of 5 s counts processor time
_START_SECONDS = 600.0  # until the samples are made
_MEMORY_LIMIT = 24 * 2**30  # of addresses; torch and Arrow reserve far more than they use


@dataclass(slots=True)
class Tally:
    """What came of the inputs of one target."""

    exits: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    real: int = 0
    slowest: float = 0.0
    seconds: float = 0.0


def main() -> int:
    """Read the options, run, print; the number of processes is `--jobs`."""
    options = _options()
    if options.serve:
        return _serve(options)
    if options.replay:
        return _replay(options.replay, options.failures, options.real)
    chosen = [target for target in TARGETS.values() if options.target in (None, target.name)]
    ready = [t for t in chosen if all(importlib.util.find_spec(name) for name in t.needs)]
    for target in {t.name for t in chosen} - {t.name for t in ready}:
        print(f"{target}: not run, its packages are not installed")
    total = sum(target.share for target in ready)
    print(f"seed {options.seed}, {options.inputs} inputs, {options.jobs} processes at once")
    begin = time.monotonic()
    chunks = [(t, *part) for t in ready for part in _parts(round(options.inputs * t.share / total))]
    tallies = {target.name: Tally() for target in ready}
    with ThreadPoolExecutor(options.jobs) as pool:
        for _ in pool.map(lambda c: _run(*c, options, tallies[c[0].name]), chunks):
            pass
    _print(tallies, time.monotonic() - begin)
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="in total")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--target", choices=sorted(TARGETS))
    parser.add_argument(
        "--failures",
        default=Path(".fuzz"),
        type=lambda t: Path(t).resolve(),
        help="folder for inputs that fail",
    )
    parser.add_argument(
        "--real",
        type=int,
        default=100,
        metavar="N",
        help="one of N inputs is run as a process of its own too (0: none)",
    )
    parser.add_argument("--replay", metavar="TARGET:SEED:INDEX", help="run one input again")
    parser.add_argument(
        "--serve", nargs=4, metavar=("FOLDER", "SEED", "START", "STOP"), help=argparse.SUPPRESS
    )
    return parser.parse_args()


def _parts(n: int, size: int = 500) -> list[tuple[int, int]]:
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def _serve(options: argparse.Namespace) -> int:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder, seed, start, stop = options.serve
    serve(
        TARGETS[options.target],
        Path(folder),
        int(seed),
        int(start),
        int(stop),
        options.failures,
        options.real,
    )
    return 0


def _run(target: Target, start: int, stop: int, options: argparse.Namespace, tally: Tally) -> None:
    """Run a part of a target's inputs, with a new process after one that died or kept silent."""
    begin = time.monotonic()
    while start < stop:
        with tempfile.TemporaryDirectory(prefix="study-fuzz-") as folder:
            start = _run_process(target, Path(folder), start, stop, options, tally)
    tally.seconds += time.monotonic() - begin
    print(
        f"{target.name}: {tally.exits.total()} inputs in {tally.seconds:.0f} s, "
        f"{len(tally.failures)} broke a rule",
        flush=True,
    )


def _run_process(
    target: Target, folder: Path, start: int, stop: int, options: argparse.Namespace, tally: Tally
) -> int:
    seed, failures = options.seed, options.failures
    command = [sys.executable, "-m", "tests.fuzz", "--target", target.name]
    command += [
        "--failures",
        str(failures),
        "--real",
        str(options.real),
        "--serve",
        str(folder),
        str(seed),
        str(start),
        str(stop),
    ]
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    answers: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_pump, args=(process, answers), daemon=True).start()
    begun: int | None = None
    begun_any = False
    while True:
        try:
            text = answers.get(timeout=SILENT_SECONDS if begun_any else _START_SECONDS)
        except queue.Empty:
            text = ""
        if not text:
            break
        line = json.loads(text)
        if "begun" in line:
            begun, begun_any = line["begun"], True
            continue
        begun = None
        start = line["done"] + 1
        _count(target, seed, line, None, tally, failures)
    silent = process.poll() is None and start < stop
    process.kill()
    code = process.wait()
    if start >= stop:
        return stop
    if begun is None:
        raise RuntimeError(
            f"{target.name}: the process ended before its first input:\n{(folder / 'stderr').read_text()}"
        )
    reason = f"no answer within {SILENT_SECONDS:.0f} s" if silent else f"the process ended with {code}"
    trace = (folder / "stderr").read_text()[-3000:]
    _count(
        target,
        seed,
        {"done": begun, "code": None, "cpu": 0, "faults": [reason], "trace": trace},
        folder / "case",
        tally,
        failures,
    )
    return begun + 1


def _pump(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        answers.put(line)
    answers.put("")


def _count(
    target: Target, seed: int, line: dict[str, Any], case: Path | None, tally: Tally, failures: Path
) -> None:
    tally.exits[str(line["code"])] += 1
    tally.real += line.get("real", False)
    tally.slowest = max(tally.slowest, line["cpu"])
    if "faults" not in line:
        return
    name = f"{target.name}:{seed}:{line['done']}"
    tally.failures.append({**line, "name": name})
    print(
        f"FAIL {name}: {'; '.join(line['faults'])}\n{line.get('told', '')[:200]}\n{line['trace'][-1500:]}",
        flush=True,
    )
    kept = failures / name.replace(":", "-")
    if case is not None:  # the process could not keep them itself
        keep(case, kept)
    (kept / "fault.json").write_text(json.dumps(line, indent=1), encoding="utf-8")


def _replay(name: str, failures: Path, real_every: int) -> int:
    """Draw one input again and show all that it does."""
    target, seed, index = name.split(":")
    with tempfile.TemporaryDirectory(prefix="study-fuzz-") as folder:
        worker = Worker(TARGETS[target], Path(folder), real_every=real_every)
        case, outcome, found = worker.run(int(seed), int(index))
        kept = failures / name.replace(":", "-")
        keep(worker.out, kept)
    print(f"study {' '.join(case.args)}\n{case.told}\nfiles: {kept}")
    print(
        f"exit {outcome.exit_code}, {outcome.cpu_seconds:.2f} s\n"
        f"{outcome.stdout}{outcome.stderr}{outcome.trace}"
    )
    print("broken rules: " + ("; ".join(found) or "none"))
    return 1 if found else 0


def _print(tallies: dict[str, Tally], seconds: float) -> None:
    print(
        f"{'target':>10} {'inputs':>7} {'exit 0':>7} {'exit 1':>7} {'exit 2':>7} {'faults':>7} {'real':>5} "
        f"{'slowest':>8} {'wall':>7}"
    )
    for name, tally in tallies.items():
        counts = [tally.exits[code] for code in ("0", "1", "2")]
        print(
            f"{name:>10} {tally.exits.total():>7} {counts[0]:>7} {counts[1]:>7} {counts[2]:>7} "
            f"{len(tally.failures):>7} {tally.real:>5} {tally.slowest:>6.2f} s {tally.seconds:>5.0f} s"
        )
    inputs = sum(tally.exits.total() for tally in tallies.values())
    broken = sum(len(tally.failures) for tally in tallies.values())
    print(f"{inputs} inputs in {seconds:.0f} s, {broken} broke a rule")


if __name__ == "__main__":
    sys.exit(main())
