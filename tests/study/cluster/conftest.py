"""The tiny study on a cluster of two nodes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from data.place.local import LocalPlace
from study.run.leases import held_leases
from tests.study.run.conftest import cells_trained, planned_ids, results

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = """
pack = 2
[slurm]
cpus = 1
minutes = 30
[ray]
cpus = 1
"""
CELLS = 16


class Driver:
    """`study run-grid` with an engine, in a process of its own; `log` gets what it prints."""

    def __init__(self, study: Path, root: Path, engine: str, env: dict[str, str], options: str) -> None:
        self.root, self._begun = root, time.monotonic()
        needs, self.log = root.with_suffix(".options.toml"), root.with_suffix(".log")
        needs.write_text(options)
        command = [sys.executable, "-m", "study.cli", "run-grid", str(study), "--store", str(root)]
        command += ["--engine", engine, "--engine-options", str(needs), "--no-gradcam", "--expiry", "20"]
        paths = os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**env, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until(self, condition, seconds: float = 300) -> None:
        """Until the condition holds while the driver runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < deadline, "it did not come to it"
            time.sleep(0.05)

    def told(self) -> str:
        """What it has printed."""
        return self.log.read_text()

    def done(self) -> int:
        """Cells that the store holds."""
        return len(list(self.root.glob("cells/*.json")))

    def held_by(self, pids: Sequence[int]) -> list[str]:
        """Units of work that these processes hold."""
        held = held_leases(LocalPlace(self.root)).values()
        return [one.name for one in held if one.runner is not None and one.runner["pid"] in pids]

    def kill(self) -> int:
        """End the driver without a word; the cells done so far, which must be some and not all."""
        self.process.kill()
        self.process.wait()
        before = self.done()
        assert 0 < before < CELLS
        return before

    def end(self) -> tuple[str, float]:
        """What the driver printed, and its seconds; it must have exited with 0."""
        self.process.wait(timeout=900)
        assert self.process.returncode == 0, self.told()
        return self.told(), time.monotonic() - self._begun


@pytest.fixture
def driver(tiny_study, tmp_path):
    """Start a driver; it is killed at the end of the test."""
    started = []

    def start(name: str, engine: str, env: dict[str, str], options: str = OPTIONS) -> Driver:
        started.append(Driver(tiny_study, tmp_path / name, engine, env, options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def same_as_one_machine(capsys, tiny_store):
    """Check that a driver ends, with the store of one machine; print the figures past pytest's capture."""

    def check(run: Driver, **figures: object) -> str:
        told, seconds = run.end()
        trained = cells_trained(run.root)
        lost, doubled = CELLS - len(planned_ids(run.root)), len(trained) - len(set(trained))
        with capsys.disabled():
            print("\n" + json.dumps({**figures, "seconds": round(seconds), "lost": lost, "doubled": doubled}))
        assert results(run.root) == results(tiny_store)
        assert (lost, doubled) == (0, 0)
        return told

    return check
