"""One group of the paper's grid (ResNet50 frozen, 256 px, 22 cells) from shared features, beside two peers.

    (a) this project: features of the group once, then every head
    (b) this project with every speed-up except sharing: one cell at a time
    (c) a plain PyTorch loop as the original study wrote it: one cell at a time

Passes are measured on a subset of images and epochs and scaled per image; the heads train at the paper's
counts; (b) and (c) are scaled by image, step and cell, as the output says. Checks that a cell of (a) and the
same cell alone have the same predictions, bit for bit.
Run: python benchmarks/bench_shared_features.py [--backend onnx] [--images 85] [--epochs 2]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.shared_features.project import FEATURE_FLOP  # noqa: E402
from benchmarks.shared_features.task import BATCH, PAPER_EPOCHS, PAPER_TASKS, PRETRAINS, write_images  # noqa: E402
from data.store import Store  # noqa: E402

LINEAR = ["head=Linear", "lr_decay=cosine"]
N_CELLS = 22


def part(name: str, *arguments: object) -> dict[str, Any]:
    """Run one part in a new process, so that its memory and its allocator are its own."""
    command = [sys.executable, "-m", f"benchmarks.shared_features.{name}", *map(str, arguments)]
    environment = dict(os.environ)
    if name == "plain_loop":  # it has the system's allocator; importing this project has asked for huge pages
        environment["STUDY_ALLOCATOR"] = "system"
        environment.pop("THP_MEM_ALLOC_ENABLE", None)
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def steps_of(n_train: int) -> int:
    """Training steps of an epoch."""
    return ceil(n_train / BATCH)


def group_seconds(
    found: Mapping[str, Any], heads: Mapping[str, float], counts: tuple[int, int, int]
) -> dict[str, float]:
    """(a) at the paper's counts: passes by image, heads by step, other parts as they are."""
    n_train, n_val, n_test = counts
    passes = PAPER_EPOCHS * n_train + n_val + n_test
    growth = steps_of(n_train) / steps_of(PAPER_TASKS["breast"][0])
    # Milliseconds of one thread; the stages run on both.
    input_ms = found["augment_ms"] * n_train * PAPER_EPOCHS + found["preprocess_ms"] * passes
    features = found["features"] / found["passes"] * passes
    return {
        "decode": found["decode_ms"] / 1e3 * sum(counts),
        "augment": input_ms / 1e3 / 2,
        "backbone": features - input_ms / 1e3 / 2,
        "heads": heads["heads"] * growth,
        "rest": found["trunk_load"] + found["after"],
        "heads_alone": heads["alone"] * growth,
    }


def wall(parts: Mapping[str, float]) -> float:
    return sum(parts[name] for name in ("decode", "augment", "backbone", "heads", "rest"))


def alone_hours(
    found: Mapping[str, Any], heads_alone: float, counts: tuple[int, int, int]
) -> tuple[float, float]:
    """(b) as hours, with validation through the trunk once per cell (as this project does) or every epoch."""
    n_train, n_val, n_test = counts
    per_pass = found["features"] / found["passes"]
    once, every = (N_CELLS * (PAPER_EPOCHS * n_train + n * n_val + n_test) for n in (1, PAPER_EPOCHS))
    return (once * per_pass + heads_alone) / 3600, (every * per_pass + heads_alone) / 3600


def plain_hours(found: Mapping[str, Any], counts: tuple[int, int, int]) -> float:
    """(c) as hours: training and validation images in every epoch, test once, and the steps of the heads."""
    n_train, n_val, n_test = counts
    linear = found["head_steps"]["('Linear', None, None)"]
    per_image = (found["seconds"] - linear) / found["images"]
    images = N_CELLS * (PAPER_EPOCHS * (n_train + n_val) + n_test)
    heads = 2 * sum(found["head_steps"].values()) * PAPER_EPOCHS * steps_of(n_train)  # two schedules
    return (images * per_image + heads) / 3600


def use_faster_pass(shared: dict[str, Any], alone: dict[str, Any]) -> None:
    """Give both runs the faster seconds per pass: same code, and the machine may be busy in one of them."""
    print(f"Seconds per pass: (a) {shared['features'] / shared['passes']:.3f}, ", end="")
    print(f"(b) {alone['features'] / alone['passes']:.3f}; the faster one counts for both.")
    best = min(found["features"] / found["passes"] for found in (shared, alone))
    for found in (shared, alone):
        found["features"] = best * found["passes"]


def same_predictions(shared: Path, alone: Path) -> None:
    """The cell trained alone has the predictions that it has in the group, bit for bit."""
    single = Store.open(alone).read_predictions()
    together = Store.open(shared).read_predictions(cell_ids=list(single["cell_id"].unique()))
    keys = ["split", "image_id"]
    pd.testing.assert_frame_equal(
        *(frame.sort_values(keys, ignore_index=True) for frame in (single, together)), check_exact=True
    )


def report_rates(name: str, found: Mapping[str, Any]) -> None:
    per_image = found["features"] / found["passes"]
    rate = FEATURE_FLOP[name] / per_image / 1e9
    print(
        f"  {name}: {1 / per_image:.1f} images/s ({per_image * 1e3:.0f} ms per image with augmentation), "
        f"{rate:.0f} GFLOP/s beside {found['matmul_gflops']:.0f} of a large matrix product "
        f"({rate / found['matmul_gflops']:.0%}); one thread: augmentation {found['augment_ms']:.2f} ms, "
        f"preprocessing {found['preprocess_ms']:.2f} ms; decoding {found['decode_ms']:.2f} ms per image; "
        f"peak memory {found['peak_gb']:.2f} GB; cache {found['cache_bytes'] / 1e6:.1f} MB of the subset"
    )


def report_shares(name: str, parts: Mapping[str, float]) -> None:
    total = wall(parts)
    shares = ", ".join(
        f"{key} {parts[key]:.0f} s ({parts[key] / total:.1%})" for key in parts if key != "heads_alone"
    )
    other = (parts["decode"] + parts["augment"] + parts["rest"]) / total
    print(
        f"  {name}, one group at the paper's counts: {total:.0f} s = {shares}; "
        f"all but backbone and heads {other:.1%}"
    )


def cache_megabytes() -> float:
    """Features of all groups of the grid: float32, 2048 or 1024 wide."""
    rows = sum(PAPER_EPOCHS * n_train + n_val + n_test for n_train, n_val, n_test in PAPER_TASKS.values())
    return PRETRAINS * rows * (2048 + 1024) * 4 / 1e6


def main() -> None:
    """Run the parts one after another and print what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=85, help="85 gives 64 for training: one full batch")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--backend", default="torch", help="torch or onnx")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images = root / "images"
        write_images(images, options.images)
        common = ("--images", images, "--epochs", options.epochs, "--backend", options.backend)
        shared = part("project", *common, "--store", root / "a")
        rules = [word for rule in LINEAR for word in ("--only", rule)]
        alone = part("project", *common, "--store", root / "b", *rules)
        same_predictions(root / "a", root / "b")
        use_faster_pass(shared, alone)
        dense = part("project", *common, "--store", root / "d", "--backbone", "DenseNet121")
        heads = {name: part("heads", "--backbone", name) for name in ("ResNet50", "DenseNet121")}
        counts = shared["counts"]
        plain = part("plain_loop", "--images", images, "--train", counts["train"], "--val", counts["val"])
    report(options, shared, alone, dense, plain, heads)


def report(
    options: argparse.Namespace,
    shared: Mapping[str, Any],
    alone: Mapping[str, Any],
    dense: Mapping[str, Any],
    plain: Mapping[str, Any],
    heads: Mapping[str, Mapping[str, float]],
) -> None:
    """Print rates, shares, ratios and the prediction for the grid."""
    counts = shared["counts"]
    print(
        f"Measured: {counts['train']} / {counts['val']} / {counts['test']} images, {options.epochs} epochs, "
        f"backend {options.backend}; a cell alone has the same predictions as in the group, bit for bit.\n"
        f"Scaled to the paper's breast task ({' / '.join(map(str, PAPER_TASKS['breast']))}, {PAPER_EPOCHS} "
        f"epochs, {N_CELLS} cells): passes by image; heads measured at these counts; (b) and (c) by cell. "
        "Start-up (imports, reading the data set, hashing weights) is left out on all sides."
    )
    report_rates("ResNet50", shared)
    report_rates("DenseNet121", dense)
    breast = PAPER_TASKS["breast"]
    for name, found in heads.items():
        print(
            f"  {name}: heads {found['heads']:.0f} s side by side, {found['alone']:.0f} s one after another, "
            f"peak memory {found['peak_gb']:.2f} GB"
        )
    parts = group_seconds(shared, heads["ResNet50"], breast)
    report_shares("ResNet50", parts)
    report_shares("DenseNet121", group_seconds(dense, heads["DenseNet121"], breast))
    here = wall(parts) / 3600
    once, every = alone_hours(alone, parts["heads_alone"], breast)
    original = plain_hours(plain, breast)
    print(f"  (a) shared features                                {here:7.2f} h    1x")
    print(f"  (b) one cell at a time, validation every epoch     {every:7.2f} h  {every / here:5.1f}x")
    print(f"      one cell at a time, validation features once   {once:7.2f} h  {once / here:5.1f}x")
    print(
        f"  (c) plain PyTorch loop                             {original:7.2f} h  {original / here:5.1f}x "
        f"({plain['seconds'] / plain['images'] * 1e3:.0f} ms per image)"
    )
    report_grid({"ResNet50": shared, "DenseNet121": dense}, heads)


def report_grid(found: Mapping[str, Mapping[str, Any]], heads: Mapping[str, Mapping[str, float]]) -> None:
    """Print the prediction for the 176 cells: shared, and one cell at a time."""
    shared = alone = 0.0
    for name, run in found.items():
        for task in PAPER_TASKS.values():
            parts = group_seconds(run, heads[name], task)
            shared += PRETRAINS * wall(parts) / 3600
            alone += PRETRAINS * alone_hours(run, parts["heads_alone"], task)[1]
    print(
        f"  176 cells of the grid: {shared:.2f} h predicted, one cell at a time {alone:.1f} h "
        f"({alone / shared:.1f}x); cache {cache_megabytes():.0f} MB"
    )


if __name__ == "__main__":
    main()
