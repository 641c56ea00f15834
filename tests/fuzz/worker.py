"""Draw cases of one target and judge them: one process, one folder, a watchdog outside."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.case import Case, Outcome, Target, faults
from tests.fuzz.real import differences, run_real
from tests.fuzz.watch import Watch


def case_random(seed: int, target: str, index: int) -> Random:
    """The generator of one case."""
    digest = hashlib.sha256(f"{seed}/{target}/{index}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))


class Worker:
    """Cases of one target in a folder of its own; all else on the machine must stay as it is.

    Of every `real_every` cases the first is run twice: the second time as a process of its own.
    """

    def __init__(self, target: Target, folder: Path, *, real_every: int = 0) -> None:
        self.target = target
        self.real_every = real_every
        self.samples, self.out = folder / "samples", folder / "case"
        for name in ("samples", "case", "home", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._watch = Watch(folder)
        self._folder = folder
        target.prepare(self.samples)
        self._samples_before = tree(self.samples)

    def run(self, seed: int, index: int) -> tuple[Case, Outcome, list[str]]:
        """Draw, run and judge one case. Its files stay in `self.out` until the next one."""
        shutil.rmtree(self.out)
        self.out.mkdir()
        with _environment(self._folder):
            case = self.target.make(case_random(seed, self.target.name, index), self.samples, self.out)
            real = self.is_real(index, case)
            if real:
                keep(self.out, self._folder / "before")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcome = self._watch.run(case)
            found = faults(case, outcome)
            if real:
                _refill(self.out, self._folder / "before")
                found += differences(outcome, run_real(case, self.out))
        if tree(self.samples) != self._samples_before:
            found.append("files outside of the folder of output were changed")
        return case, outcome, found

    def is_real(self, index: int, case: Case) -> bool:
        """Whether the case is run as a process of its own too; a function of the library has none."""
        return self.real_every > 0 and index % self.real_every == 0 and case.call is None


def _refill(folder: Path, files: Path) -> None:
    """Give a folder, which stays the same one, the files of another."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.copytree(files, folder, symlinks=True, dirs_exist_ok=True)


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Home, temporary and working folder inside the sandbox."""
    old, place = dict(os.environ), Path.cwd()
    os.environ.update(
        HOME=str(folder / "home"), TMPDIR=str(folder / "tmp"), STUDY_CACHE=str(folder / "home" / "cache"),
        STUDY_WEIGHTS=str(folder / "home" / "weights"), MPLCONFIGDIR=str(folder / "home" / "mpl"),
    )  # fmt: skip
    import tempfile

    tempfile.tempdir = None
    os.chdir(folder / "case")
    try:
        yield
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(old)
        tempfile.tempdir = None


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and time of change."""
    return {
        str(path): (stat.st_size, stat.st_mtime_ns) for path in folder.rglob("*") if (stat := path.lstat())
    }


def keep(files: Path, folder: Path) -> None:
    """Copy the files of a case to a folder, instead of what lay there."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(files, folder, symlinks=True)


def serve(
    target: Target, folder: Path, seed: int, start: int, stop: int, failures: Path, real_every: int
) -> None:
    """Run cases `start` to `stop`, one line of JSON each on the real stdout: begun, then judged."""
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    worker = Worker(target, folder, real_every=real_every)
    for index in range(start, stop):
        lines.write(json.dumps({"begun": index}) + "\n")
        case, outcome, found = worker.run(seed, index)
        if found:
            keep(worker.out, failures / f"{target.name}-{seed}-{index}")
        line = _line(index, case, outcome, found) | {"real": worker.is_real(index, case)}
        lines.write(json.dumps(line) + "\n")


def _line(index: int, case: Case, outcome: Outcome, found: list[str]) -> dict[str, Any]:
    line: dict[str, Any] = {"done": index, "code": outcome.exit_code, "cpu": outcome.cpu_seconds}
    if found:
        line |= {
            "faults": found,
            "args": list(case.args),
            "told": case.told[:500],
            "trace": outcome.trace[-4000:] or outcome.stderr[-1000:],
        }
    return line
