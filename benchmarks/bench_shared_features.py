"""One group of cells from shared features, against the same cells one at a time.

Prints seconds and their ratio, and checks that both ways give the same predictions, bit for bit.
Run: python benchmarks/bench_shared_features.py
"""

import tempfile
import time
from pathlib import Path

import pandas as pd
from rich.console import Console

from data.store import Store
from study.config import LoadedStudy, parse_study
from study.run.progress import GridProgress
from study.run.train import run_grid

STUDY = """
name = "bench"
[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = { n_patients = 60, size = 128, seed = 3 }
[factors]
head     = ["Linear", "NonLinear", "Conv", "ConvSkip"]
lr_decay = ["beta", "cosine"]
fc_ratio = [0.5, 1.0]
filters  = [4, 16]
[protocol]
pretrain = "random"
backbone = "ResNet18"
epochs = 3
batch_size = 32
image_size = 128
"""
FACTORS = ("head", "lr_decay", "fc_ratio", "filters")


def timed_run(root: Path, only: list[str]) -> tuple[float, Store]:
    """Seconds of one run into a new store."""
    started = time.perf_counter()
    outcome = run_grid(
        LoadedStudy(config=parse_study(STUDY), text=STUDY, source="bench"),
        root=root,
        data_root=None,
        weights_dir=root,
        device="cpu",
        only=only,
        progress=GridProgress(Console(quiet=True)),
    )
    return time.perf_counter() - started, outcome.store


def main() -> None:
    """Time both ways and compare their predictions."""
    with tempfile.TemporaryDirectory() as folder:
        shared_seconds, shared = timed_run(Path(folder) / "shared", [])
        cells = shared.cells()
        alone_seconds, frames = 0.0, []
        for position, cell in enumerate(cells.itertuples()):
            only = [f"{n}={getattr(cell, n)}" for n in FACTORS if not pd.isna(getattr(cell, n))]
            seconds, store = timed_run(Path(folder) / f"alone-{position}", only)
            alone_seconds += seconds
            frames.append(store.read_predictions(cell_ids=[cell.cell_id]))
        together = shared.read_predictions(cell_ids=list(cells["cell_id"]))
        keys = ["cell_id", "split", "image_id"]
        alone = pd.concat(frames).sort_values(keys, ignore_index=True)
        pd.testing.assert_frame_equal(together.sort_values(keys, ignore_index=True), alone, check_exact=True)
    print(f"{len(cells)} cells, one group, ResNet18 at 128 px: the same predictions both ways")
    ratio = alone_seconds / shared_seconds
    print(f"shared {shared_seconds:.1f} s, one at a time {alone_seconds:.1f} s: {ratio:.1f}x")


if __name__ == "__main__":
    main()
