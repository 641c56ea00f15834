"""What several runners of one store leave, compared with what one leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.place.local import LocalPlace
from study.run.worklog import read_entries

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def start_run(tiny_study):
    """Start `study run-grid` on the tiny study in a process of its own."""

    def start(root: Path, *options: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "study.cli", "run-grid", str(tiny_study), "--store", str(root)]
        return subprocess.Popen(
            [*command, "--no-gradcam", *map(str, options)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def results(root: Path) -> dict[str, bytes]:
    """Every file whose bytes may not depend on who trained what: predictions and checkpoints."""
    files = [*root.glob("predictions/**/*.parquet"), *root.glob("checkpoints/*")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def cells_trained(root: Path) -> list[str]:
    """Cell ids in the work log, once for every time that a runner trained them."""
    return sorted(cell for entry in read_entries(LocalPlace(root)) for cell in entry["trained"])


def planned_ids(root: Path) -> list[str]:
    """Ids of the cells that the store holds."""
    return sorted(json.loads(path.read_text())["cell_id"] for path in root.glob("cells/*.json"))
