"""The same study gives the same files: run twice, interrupted inside a group, or with a cell more."""

import hashlib
from pathlib import Path

import pytest

from data.store import Store
from study.config import load_study
from study.run.progress import GridProgress
from study.run.train import run_grid

STUDY = """
name = "same"
seeds = [0, 1]
[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = {{ n_patients = 40, size = 48, difficulty = 0.2, seed = 5 }}
split = {{ folds = 2, val = 0.2 }}
[factors]
head = [{heads}]
[protocol]
pretrain = "random"
backbone = "ResNet18"
epochs = 2
batch_size = 16
image_size = 48
lr = 1e-2
fc_ratio = 0.25
filters = 2
"""


class Silent(GridProgress):
    """Counts the cells that end, and interrupts after one if it is told to."""

    def __init__(self, *, interrupt: bool = False) -> None:
        from rich.console import Console

        super().__init__(Console(quiet=True))
        self._interrupt = interrupt

    def cell(self, cell_id: str, status: str) -> None:
        super().cell(cell_id, status)
        if self._interrupt:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train the study with these heads into a store; the store."""

    def train(*heads: str, into: Path | None = None, interrupt: bool = False) -> Store:
        folder = tmp_path_factory.mktemp("same") if into is None else into.parent
        path = folder / "same.toml"
        path.write_text(STUDY.format(heads=", ".join(f'"{head}"' for head in heads)), encoding="utf-8")
        outcome = run_grid(
            load_study(path),
            root=into or folder / "store",
            data_root=None,
            weights_dir=folder / "weights",
            device="cpu",
            only=[],
            progress=Silent(interrupt=interrupt),
        )
        assert not outcome.failed
        return outcome.store

    return train


@pytest.fixture(scope="module")
def first(run) -> Store:
    return run("Linear", "NonLinear")


def hashes(store: Store) -> dict[str, str]:
    """SHA-256 of every prediction file and checkpoint, by its path in the store."""
    files = [*store.root.glob("predictions/*/*.parquet"), *store.root.glob("checkpoints/*.safetensors")]
    return {str(f.relative_to(store.root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_two_runs_write_the_same_predictions_and_checkpoints_byte_for_byte(first, run):
    again = hashes(run("Linear", "NonLinear"))
    assert len(again) == 8 + 2  # 2 heads x 2 seeds x 2 folds, and the best cell of each fold
    assert again == hashes(first)


def test_a_head_more_changes_no_other_cell(first, run):
    before = hashes(first)
    larger = hashes(run("Conv", "Linear", "NonLinear"))
    kept = {name: value for name, value in before.items() if name.startswith("predictions")}
    assert len(larger) > len(before)
    assert {name: larger[name] for name in kept} == kept


def test_a_run_that_was_stopped_inside_a_group_ends_with_the_same_files(first, run, tmp_path):
    root = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        run("Linear", "NonLinear", into=root, interrupt=True)
    done = len(Store.open(root).cells())
    assert 0 < done < 4  # of the first group of four
    assert not list(root.glob("checkpoints/*"))
    assert hashes(run("Linear", "NonLinear", into=root)) == hashes(first)
