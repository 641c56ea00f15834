"""The same input once more, through the console script in a process of its own."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

from tests.fuzz.case import CPU_SECONDS, Case, Outcome

_START_SECONDS = 30.0  # of processor time, for Python and its packages
_WALL_SECONDS = 120.0
_TIMES = re.compile(r"\d+(\.\d+)? ?s\b")


def run_real(case: Case, folder: Path) -> Outcome:
    """Run `study ...` in `folder`; exit code None where it gave no answer in 120 s."""
    script = Path(sys.executable).with_name("study")
    command = [str(script)] if script.is_file() else [sys.executable, "-m", "study.cli"]
    before = _child_seconds()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    try:
        done = subprocess.run(
            [*command, *case.args],
            cwd=folder, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=_WALL_SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(exit_code=None, stdout="", stderr=f"no answer within {_WALL_SECONDS:.0f} s")
    return Outcome(
        exit_code=done.returncode,
        stdout=done.stdout.decode("utf-8", "replace"),
        stderr=done.stderr.decode("utf-8", "replace"),
        cpu_seconds=_child_seconds() - before,
    )


def differences(inside: Outcome, real: Outcome) -> list[str]:
    """What the process of its own did otherwise than the run within this process; empty where nothing."""
    found = []
    if real.exit_code != inside.exit_code:
        found.append(
            f"exit code {real.exit_code} in a process of its own, {inside.exit_code} within this one"
        )
    if "Traceback (most recent call last)" in real.stderr:
        found.append(f"a traceback in a process of its own: {real.stderr[-300:]}")
    for name in ("stdout", "stderr"):
        ours, theirs = (_comparable(getattr(outcome, name)) for outcome in (inside, real))
        if ours != theirs:
            found.append(f"other {name} in a process of its own: {theirs[-300:]!r}, not {ours[-300:]!r}")
    if real.cpu_seconds > CPU_SECONDS + _START_SECONDS:
        found.append(f"{real.cpu_seconds:.1f} s of processor time in a process of its own")
    return found


def _comparable(text: str) -> str:
    """Without times, and without warnings, which are silent within the process."""
    lines = [line for line in text.splitlines() if not line.startswith("Warning: ")]
    return _TIMES.sub("# s", "\n".join(lines))


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
