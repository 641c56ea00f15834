"""What several runners of one store leave, compared with what one leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.place.base import Place
from data.place.local import LocalPlace
from study.run.leases import held_leases
from study.run.train import STORE_LEASE
from study.run.worklog import read_entries

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def start_run(tiny_study):
    """Start `study run-grid` on the tiny study in a process of its own."""

    def start(root: Path | str, *options: object, **env: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "study.cli", "run-grid", str(tiny_study), "--store", str(root)]
        return subprocess.Popen(
            [*command, "--no-gradcam", *map(str, options)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def results(root: Path) -> dict[str, bytes]:
    """Every file whose bytes may not depend on who trained what: predictions and checkpoints."""
    files = [*root.glob("predictions/**/*.parquet"), *root.glob("checkpoints/*")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def cells_trained(store: Path | Place) -> list[str]:
    """Cell ids in the work log, once for every time that a runner trained them."""
    place = LocalPlace(store) if isinstance(store, Path) else store
    return sorted(cell for entry in read_entries(place) for cell in entry["trained"])


def workers(place: Place) -> set[str]:
    """Runners that trained cells."""
    return {entry["runner"]["token"] for entry in read_entries(place) if entry["trained"]}


def kill_like_a_machine(place: Place, run: subprocess.Popen) -> list[str]:
    """Kill a runner whose leases look like those of another machine; the units that it held.

    Others of this machine would know at once that the process has gone; so only its silence tells. It is not
    stopped first: a stopped client may hold the only connection that a small server serves.
    """
    held = [one for one in held_leases(place).values() if one.runner and one.runner["pid"] == run.pid]
    for one in held:
        content = place.read_bytes(one.file).replace(b'"boot": "', b'"boot": "another ')
        place.write_bytes(one.file, content)
    run.kill()
    run.communicate()
    return [one.name for one in held if one.name != STORE_LEASE]


def planned_ids(root: Path) -> list[str]:
    """Ids of the cells that the store holds."""
    return sorted(json.loads(path.read_text())["cell_id"] for path in root.glob("cells/*.json"))
