"""The tiny study on a cluster of two nodes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = """
pack = 2
[slurm]
cpus = 1
minutes = 30
[ray]
cpus = 1
"""


class Driver:
    """`study run-grid` with an engine, in a process of its own."""

    def __init__(self, study: Path, root: Path, engine: str, env: dict[str, str]) -> None:
        self.root, self._begun = root, time.monotonic()
        options = root.with_suffix(".options.toml")
        options.write_text(OPTIONS)
        command = [sys.executable, "-m", "study.cli", "run-grid", str(study), "--store", str(root)]
        command += ["--engine", engine, "--engine-options", str(options), "--no-gradcam", "--expiry", "20"]
        paths = os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path)
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**env, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until(self, condition, seconds: float = 300) -> None:
        """Until the condition holds while the driver runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline, "it did not come to it"
            time.sleep(0.1)

    def done(self) -> int:
        """Cells that the store holds."""
        return len(list(self.root.glob("cells/*.json")))

    def end(self) -> tuple[str, float]:
        """What the driver printed, and its seconds; it must have exited with 0."""
        told, _ = self.process.communicate(timeout=900)
        assert self.process.returncode == 0, told
        return told, time.monotonic() - self._begun


@pytest.fixture
def driver(tiny_study, tmp_path):
    """Start a driver; it is killed at the end of the test."""
    started = []

    def start(name: str, engine: str, env: dict[str, str]) -> Driver:
        started.append(Driver(tiny_study, tmp_path / name, engine, env))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def report(capsys):
    """Print a line of figures past pytest's capture."""

    def tell(**figures: object) -> None:
        with capsys.disabled():
            print("\n" + json.dumps(figures))

    return tell
