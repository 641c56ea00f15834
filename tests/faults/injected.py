"""Faults that a child process does to itself: death or an error at a write, no memory, a loss that is NaN.

The product knows nothing of them. Every write of Python code passes an audit event (opening for writing,
renaming, linking, deleting, making a folder), and the hook of the child counts those below one folder.
Counting the events of an undisturbed run and stopping before each in turn hits every boundary of two writes.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PATHS: Mapping[str, tuple[int, ...]] = {
    "open": (0,),
    "os.rename": (0, 1),
    "os.link": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def install(fault: Mapping[str, Any]) -> None:
    """Prepare this process: {"writes": FOLDER, "log": FILE, "at": N, "do": "kill" or an errno name} and more.

    Other keys: "memory" (bytes of address space beyond the present), "nan_at" (batch whose loss is NaN),
    "raise_at" (batch whose step raises)
    """
    # Training times are the only numbers of a store that differ between two undisturbed runs.
    time.perf_counter = lambda: 0.0
    if "writes" in fault:
        import sys

        sys.addaudithook(_WriteHook(fault))
    if "memory" in fault:
        limit = _address_space() + int(fault["memory"])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if "nan_at" in fault:
        _break_batch(int(fault["nan_at"]), _nan)
    if "raise_at" in fault:
        _break_batch(int(fault["raise_at"]), _raise)


class _WriteHook:
    """Counts the writes below a folder; logs them, or stops at one of them."""

    def __init__(self, fault: Mapping[str, Any]) -> None:
        self._folder = f"{_absolute(fault['writes'])}/"
        self._at, self._do = fault.get("at"), fault.get("do", "kill")
        self._log = os.open(fault["log"], os.O_WRONLY | os.O_CREAT) if "log" in fault else None
        self._count = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        places = _PATHS.get(event)
        if places is None or (event == "open" and not _writes(arguments)):
            return
        paths = [arguments[place] for place in places]
        if not all(isinstance(path, str | os.PathLike) for path in paths):
            return
        name = _absolute(paths[-1])
        if not f"{name}/".startswith(self._folder):
            return
        self._count += 1
        if self._log is not None:
            os.write(self._log, f"{event} {name.removeprefix(self._folder)}\n".encode())
        if self._at is None or self._count < self._at:
            return
        if self._do == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        code = getattr(errno, self._do)
        raise OSError(code, os.strerror(code), name)  # and at every later write


def _absolute(path: str | os.PathLike[str]) -> str:
    # Not Path.resolve: it asks the file system, and this runs within every write.
    return os.path.abspath(os.fspath(path))  # noqa: PTH100


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return bool(flags & _WRITING) or (isinstance(mode, str) and any(letter in mode for letter in "wxa+"))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _break_batch(at: int, broken: Callable[[Any], Any]) -> None:
    """Let one batch of the run go wrong: `at` counts the batches of all cells together."""
    from training.trainer import CellTrainer

    whole, count = CellTrainer.step, iter(range(1, 10**9))

    def step(self: Any, inputs: Any, labels: Any) -> None:
        whole(self, broken(inputs) if next(count) == at else inputs, labels)

    CellTrainer.step = step  # type: ignore[method-assign]


def _nan(inputs: Any) -> Any:
    return inputs * float("nan")


def _raise(inputs: Any) -> Any:
    raise RuntimeError("a worker broke")
