"""Run a case in this process and note what it must not do: write elsewhere, run programs, unpickle."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from study.cli import app
from tests.fuzz.case import Case, Outcome

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS = {"os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2}
_NEVER = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pickle.find_class", "socket.connect")
_COMMANDS = ("git", "uname", "ldconfig", "fc-list")  # of the product, platform, ctypes and matplotlib


class Watch:
    """Judges what a case does to the machine, by the interpreter's audit events."""

    def __init__(self, allowed: Path) -> None:
        self._allowed = str(allowed.resolve()) + os.sep
        self._on = False
        self._command = typer.main.get_command(app)
        self.forbidden: list[str] = []
        sys.addaudithook(self._event)  # cannot be taken off again: one watch per process

    def run(self, case: Case) -> Outcome:
        """Run the case; nothing of it is raised."""
        out, err = io.StringIO(), io.StringIO()
        self.forbidden = []
        before, start = _peak_mb(), time.process_time()
        code: int | None = 0
        trace = ""
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), self._watching():
            try:
                if case.call is None:
                    self._command(list(case.args), prog_name="study")
                else:
                    out.write(f"{case.call()}")
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            except (ValueError, OSError) as error:
                code, trace = (2, "") if case.call is not None else (None, traceback.format_exc())
                err.write(str(error))
            except BaseException:
                code, trace = None, traceback.format_exc()
        return Outcome(
            exit_code=code,
            stdout=out.getvalue(),
            stderr=err.getvalue(),
            trace=trace,
            cpu_seconds=time.process_time() - start,
            memory_mb=_peak_mb() - before,
            forbidden=tuple(dict.fromkeys(self.forbidden)),
        )

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open" and isinstance(arguments[0], str | bytes) and (arguments[2] or 0) & _WRITING:
            self._place(event, arguments[0])
        elif event in _PATHS:
            for path in arguments[: _PATHS[event]]:
                self._place(event, path)
        elif event.startswith(_NEVER) and not _allowed_command(event, arguments):
            self.forbidden.append(f"{event} {arguments[:2]!r}"[:300])

    def _place(self, event: str, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  # Path.resolve would raise audit events
        if text.startswith("/dev/") or "__pycache__" in text:
            return
        folder = os.path.realpath(os.path.dirname(text)) + os.sep  # noqa: PTH120
        if not folder.startswith(self._allowed):
            self.forbidden.append(f"{event} outside of the folder: {text}")


def _allowed_command(event: str, arguments: tuple[Any, ...]) -> bool:
    return event in ("subprocess.Popen", "os.posix_spawn") and Path(str(arguments[0])).name in _COMMANDS


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
