"""A process that works on a store: who it is, and the heartbeat by which others see that it lives."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from data.place.base import Place
from study.run.provenance import now

FOLDER = "work/runners"
# A runner whose heartbeat does not change for so many seconds has lost what it held.
EXPIRY_SECONDS = 60.0
_BEATS_PER_EXPIRY = 6


def identity(job: str | None = None) -> dict[str, Any]:
    """What tells this process from every other one, as far as this machine says.

    `job` : name of the task of a scheduler that may be started again, such as "slurm 17_3". A new attempt
    of one job is the proof that the earlier one has ended.
    """
    return {
        "host": socket.gethostname(),
        "boot": _line("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "born": _born(os.getpid()),
        "job": job,
        "token": secrets.token_hex(8),
    }


def has_ended(other: dict[str, Any], mine: dict[str, Any]) -> bool:
    """Whether `other` has certainly ended: a process of this machine that is gone, or an earlier attempt.

    False means "not known": only its silence can tell.
    """
    if other["token"] == mine["token"]:
        return False
    if mine["job"] is not None and other["job"] == mine["job"]:
        return True
    here = all(other[name] == mine[name] for name in ("host", "boot", "namespace"))
    if not here or os.name != "posix":  # on Windows os.kill would end the other process
        return False
    try:
        os.kill(other["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    # A process of the same id that began at another time, or a dead one that nobody has waited for yet.
    return other["born"] is not None and _born(other["pid"]) != other["born"]


@dataclass(slots=True)
class Work:
    """What a runner is doing now; written with every heartbeat, for those who look on."""

    unit: str | None = None
    label: str = ""
    began: float = 0.0
    features: tuple[int, int] | None = None
    cells: int = 0
    of: int = 0

    def to_dict(self) -> dict[str, Any] | None:
        """As stored; None between two units."""
        if self.unit is None:
            return None
        return {
            "unit": self.unit,
            "label": self.label,
            "seconds": round(time.monotonic() - self.began, 1),
            "features": self.features,
            "cells": self.cells,
            "of": self.of,
        }


@dataclass(slots=True)
class Runner:
    """Beats in `work/runners/<token>.json` while a `with` block is open; the file goes with its end.

    `place` : where the store lies; `expiry` : seconds of silence after which others take over;
    `job` : see `identity`
    """

    place: Place
    expiry: float = EXPIRY_SECONDS
    job: str | None = None
    work: Work = field(default_factory=Work)
    identity: dict[str, Any] = field(init=False)
    _beats: int = 0
    _started: str = field(default_factory=now)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.identity = identity(self.job)

    @property
    def token(self) -> str:
        """Name of this runner: 16 hexadecimal digits drawn at its start."""
        return self.identity["token"]

    def __enter__(self) -> Runner:
        self.beat()
        self._thread = threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.place.remove(runner_file(self.token))
        except OSError:
            if kind is None:
                raise

    def beat(self) -> None:
        """Write the next heartbeat."""
        self._beats += 1
        record = {
            **self.identity,
            "started": self._started,
            "expiry": self.expiry,
            "beat": self._beats,
            "beat_at": now(),
            "work": self.work.to_dict(),
        }
        self.place.write_bytes(runner_file(self.token), json.dumps(record).encode())

    def _keep_beating(self) -> None:
        while not self._stop.wait(self.expiry / _BEATS_PER_EXPIRY):
            try:
                self.beat()
            except OSError:
                continue  # a full disk or an absent server: the next beat may go through


def runner_file(token: str) -> str:
    """Where a runner beats."""
    return f"{FOLDER}/{token}.json"


def read_record(place: Place, name: str) -> dict[str, Any] | None:
    """A JSON record; None where it is absent or not whole."""
    try:
        record = json.loads(place.read_bytes(name))
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _born(pid: int) -> str | None:
    """When a living process began, in ticks since the machine did; None where that cannot be read."""
    stat = _line(f"/proc/{pid}/stat")
    if stat is None:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return None


def _link(path: str) -> str | None:
    try:
        return str(Path(path).readlink())
    except OSError:
        return None
