"""This project on one group, in a process of its own: clocks of its stages, peak memory, rates beside them.

Run by bench_shared_features.py: python -m benchmarks.shared_features.project OPTIONS; prints JSON.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.shared_features.task import IMAGE_SIZE, study_text
from data.images.decode import decode_images
from data.registry import load_dataset
from study.config import LoadedStudy, parse_study
from study.run.progress import GridProgress
from study.run.train import run_grid
from training.augment import augment
from training.preprocess import preprocess
from training.threads import torch_threads

FEATURE_FLOP = {"ResNet50": 10.7e9, "DenseNet121": 7.5e9}  # two per multiply-add, one image of 256 px


class Clock(GridProgress):
    """Times of the stages, taken from what a run reports."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.group = self.first = self.last = self.end = 0.0
        self.passes = 0

    def begin_group(self, label: str, n_cells: int) -> None:
        self.group = time.perf_counter()

    def features(self, done: int, total: int) -> None:
        self.first = self.first or time.perf_counter()
        self.last, self.passes = time.perf_counter(), total

    def cell(self, cell_id: str, status: str) -> None:
        if status != "done":
            raise RuntimeError(f"cell {cell_id} {status}")
        self.end = time.perf_counter()


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Seconds of every stage of one run, and of its parts for one image on one thread."""
    text = study_text(options.images, backbone=options.backbone, epochs=options.epochs)
    clock, started = Clock(), time.perf_counter()
    outcome = run_grid(
        LoadedStudy(config=parse_study(text), text=text, source="bench"),
        root=options.store,
        data_root=None,
        weights_dir=options.store,
        device="cpu",
        only=options.only,
        progress=clock,
        **({"backend": options.backend} if options.backend != "torch" else {}),
    )
    ended = time.perf_counter()
    if outcome.failed:
        raise RuntimeError(str(outcome.failed))
    return {
        "seconds": ended - started,
        "before": clock.group - started,
        "trunk_load": clock.first - clock.group,
        "features": clock.last - clock.first,
        "heads": clock.end - clock.last,
        "after": ended - clock.end,
        "passes": clock.passes,
        "cache_bytes": sum(f.stat().st_size for f in (options.store / "features").rglob("*.npy")),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "counts": outcome.store.read_split("breast")["split"].value_counts().to_dict(),
        **per_image(options.images),
        "matmul_gflops": matmul_gflops(),
    }


def per_image(folder: Path, *, chunks: int = 4) -> dict[str, float]:
    """Milliseconds of decoding, augmenting and preprocessing one image, the last two on one thread."""
    dataset = load_dataset("folder", data_root=None, options={"path": folder.as_posix()})
    ids = list(dataset.manifest["image_id"])[: 16 * chunks]
    started = time.perf_counter()
    images = torch.from_numpy(decode_images(dataset, ids, IMAGE_SIZE))
    decoded = time.perf_counter()
    with torch_threads(1):
        moved = [
            augment(images[i : i + 16], ids[i : i + 16], name="paper", epoch=0)
            for i in range(0, len(ids), 16)
        ]
        augmented = time.perf_counter()
        for chunk in moved:
            preprocess(chunk, "caffe").contiguous(memory_format=torch.channels_last)
        ended = time.perf_counter()
    return {
        "decode_ms": (decoded - started) / len(ids) * 1e3,
        "augment_ms": (augmented - decoded) / len(ids) * 1e3,
        "preprocess_ms": (ended - augmented) / len(ids) * 1e3,
    }


def matmul_gflops(n: int = 3072) -> float:
    """Best rate of a large float32 matrix product on all threads."""
    a = torch.ones(n, n)
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        torch.mm(a, a)
        best = min(best, time.perf_counter() - started)
    return 2 * n**3 / best / 1e9


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--backbone", default="ResNet50")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[])
    print(json.dumps(measure(parser.parse_args())))
