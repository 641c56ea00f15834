"""What a fuzzed input is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

ALLOWED_EXITS = (0, 1, 2)
CPU_SECONDS = 5.0
MEMORY_MB = 1500.0  # that one input may add to the process


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input.

    Attributes
    ----------
    args : of the command `study`
    call : instead of a command, a function of the library whose ValueError and OSError the command line
        turns into exit code 2
    same : what must be printed, where the change cannot alter the meaning; None where it may
    told : what was changed, in words
    """

    args: tuple[str, ...] = ()
    call: Callable[[], object] | None = None
    same: str | None = None
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case: exit code (None after an exception that no command catches), output, time."""

    exit_code: int | None
    stdout: str
    stderr: str
    trace: str = ""
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A kind of input.

    Attributes
    ----------
    name : as in `--target`
    share : part of all inputs
    prepare : writes valid samples into a folder, once per process
    make : draws one case; reads the samples, writes below the second folder alone
    """

    name: str
    share: float
    prepare: Callable[[Path], None]
    make: Callable[[Random, Path, Path], Case]
    needs: tuple[str, ...] = field(default=())


def faults(case: Case, outcome: Outcome) -> list[str]:
    """Rules that an outcome breaks, in words; empty where all hold."""
    found = list(outcome.forbidden)
    if outcome.trace or "Traceback (most recent call last)" in outcome.stderr:
        found.append("a traceback instead of a message")
    elif outcome.exit_code not in ALLOWED_EXITS:
        found.append(f"exit code {outcome.exit_code}")
    if outcome.exit_code == 2 and not outcome.stderr.strip() and not outcome.stdout.strip():
        found.append("exit code 2 without a word")
    if outcome.cpu_seconds > CPU_SECONDS:
        found.append(f"{outcome.cpu_seconds:.1f} s of processor time")
    if outcome.memory_mb > MEMORY_MB:
        found.append(f"{outcome.memory_mb:.0f} MB of memory")
    if case.same is not None and (outcome.exit_code != 0 or outcome.stdout != case.same):
        found.append(f"another answer, though the change ({case.told}) cannot alter the meaning")
    return found
