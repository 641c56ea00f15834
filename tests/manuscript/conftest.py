"""A small synthetic store with known differences between its arms, and its report."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.store import Store
from manuscript.load import Report, load_report
from study.analyse import analyse
from study.config import parse_study
from study.preview.render import render_preview

STUDY = """
name = "synthetic"
title = "A synthetic study"
description = "Does arm phantom rank the images better than arm random?"
seeds = [0]

[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
split = { train = 0.6, val = 0.2, test = 0.2, stratify = true, group = "patient", seed = 42 }

[tasks.knee]
dataset = "phantom-knee"
positive = ["torn"]
split = { train = 0.6, val = 0.2, test = 0.2, stratify = true, group = "patient", seed = 42 }

[factors]
pretrain = ["random", "phantom"]
head = ["Linear", "Conv"]
filters = [4, 16]

[protocol]
backbone = "ResNet18"

[analysis]
alpha = 0.05
primary_metric = "auc"
delong = [{ contrast = "pretrain", select = "val_auc" }]
mcnemar = [{ contrast = "pretrain", select = "val_auc" }]
wilcoxon = [{ value = "test_auc", contrast = "pretrain", by = ["task"], paired = false }]

[[analysis.mixed]]
formula = "test_auc ~ pretrain + (1|head)"
df = "satterthwaite"
"""
PROTOCOL = {
    "backbone": "ResNet18", "lr_decay": "cosine", "fc_ratio": 0.5, "epochs": 4, "batch_size": 32,
    "image_size": 64, "lr": 1e-3, "optimizer": "adam", "unfreeze": "0", "checkpoint": "val_auc",
}  # fmt: skip
RUN = {
    "environment": {"python": "3.11.7", "commit": "0123456789abcdef+changes", "packages": {"numpy": "2.4.6"}},
    "runs": [{"study_hash": "feedbeef01234567", "started": "2026-01-02T03:04:05+00:00"}],
}
N_IMAGES = 60
SHIFT = {"random": 0.5, "phantom": 1.6}


def _cells(tasks: tuple[str, ...]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for task in tasks:
        for pretrain in ("random", "phantom"):
            for head, filters in (("Linear", None), ("Conv", 4), ("Conv", 16)):
                rows.append(
                    {
                        "cell_id": f"{len(rows):02d}ab{len(rows) * 7919:08x}"[:12],
                        "index": len(rows),
                        "task": task,
                        "seed": 0,
                        "fold": 0,
                        "pretrain": pretrain,
                        "head": head,
                        "filters": filters,
                        **PROTOCOL,
                    }
                )
    return rows


def _predictions(row: dict[str, object], rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    for split in ("val", "test"):
        labels = np.tile([0, 1, 0], N_IMAGES // 3)
        logit = rng.normal(size=N_IMAGES) + (labels - 0.5) * 2 * SHIFT[str(row["pretrain"])]
        parts.append(
            pd.DataFrame(
                {
                    "cell_id": row["cell_id"],
                    "seed": 0,
                    "fold": 0,
                    "split": split,
                    "image_id": [f"{split}{i:03d}" for i in range(N_IMAGES)],
                    "group_id": [f"{split}-p{i // 2}" for i in range(N_IMAGES)],
                    "label": labels.astype("int8"),
                    "score": 1 / (1 + np.exp(-logit)),
                    "logit_0": np.float32(0),
                    "logit_1": logit.astype("float32"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _history(rng: np.random.Generator) -> pd.DataFrame:
    epochs = np.arange(4)
    falling = 0.7 * np.exp(-0.4 * epochs) + rng.normal(scale=0.02, size=4)
    columns = {"epoch": epochs, "lr": 1e-3, "train_loss": falling, "val_loss": falling + 0.08, "seconds": 0.2}
    for name in ("auc", "f1", "accuracy"):
        columns |= {f"train_{name}": 0.95 - 0.4 * falling, f"val_{name}": 0.9 - 0.4 * falling}
    return pd.DataFrame(columns | {"val_positive_rate": 0.4})


def write_cells(store: Store, tasks: tuple[str, ...], *, fail_last: bool) -> None:
    rng = np.random.default_rng(7)
    rows = _cells(tasks)
    for row in rows:
        if fail_last and row is rows[-1]:
            store.write_cell(row | {"status": "failed", "reason": "the loss is not finite in epoch 2"})
            continue
        store.write_cell(
            row | {"status": "done", "best_epoch": 3, "n_parameters": 1000, "seconds": 1.5, "device": "cpu"},
            _predictions(row, rng),
            _history(rng),
        )


def write_results(store: Store) -> None:
    """The result tables of the real analysis."""
    analyse(store, parse_study(store.read_study()).analysis)


def write_images(store: Store, tasks: tuple[str, ...]) -> None:
    """Manifest and split of each task: the images that the predictions name, and training images."""
    classes = {"breast": ("benign", "malignant", "normal"), "knee": ("intact", "torn", "intact")}
    for task in tasks:
        rows = [
            {
                "image_id": f"{split}{i:03d}",
                "path": f"{task}/{split}{i:03d}.png",
                "group_id": f"{split}-p{i // 2}",
                "class": classes[task][i % 3],
                "label": int(i % 3 == 1),
                "sha256": "0" * 64,
                "width": 64,
                "height": 64,
                "mask_path": None,
                "split": split,
            }
            for split in ("train", "val", "test")
            for i in range(2 * N_IMAGES if split == "train" else N_IMAGES)
        ]
        frame = pd.DataFrame(rows)
        store.write_manifest(task, frame.drop(columns="split"))
        store.write_split(task, frame[["image_id", "split"]])


def write_gradcam(store: Store) -> None:
    """Images, overlays and their index for the first cell of the first task."""
    folder = store.gradcam_dir()
    folder.mkdir()
    rng = np.random.default_rng(3)
    cell = (
        store.cells().set_index("cell_id", drop=False).loc[store.read_result("selected")["cell_id"].iloc[0]]
    )
    rows = []
    for kind, truth, score in (
        ("true positive", "malignant", 0.91),
        ("true negative", "benign", 0.08),
        ("false positive", "normal", 0.77),
        ("false negative", "malignant", 0.31),
    ):
        name = kind.replace(" ", "-")
        Image.fromarray(rng.integers(0, 255, (64, 64), dtype="uint8")).save(folder / f"{name}.png")
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype="uint8")).save(folder / f"{name}-cam.png")
        rows.append(
            {
                "task": cell["task"], "cell_id": cell["cell_id"], "image_id": f"test{len(rows):03d}",
                "kind": kind, "true_class": truth,
                "predicted_label": "positive" if score >= 0.5 else "negative",
                "score": score, "overlay_path": f"{name}-cam.png", "image_path": f"{name}.png",
                "energy_in_mask": None,
            }
        )  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "index.parquet")


def _make(root: Path, *, tasks: tuple[str, ...] = ("breast", "knee"), fail_last: bool = False) -> Store:
    store = Store.create(root)
    store.write_study(STUDY)
    store.write_run(RUN)
    write_images(store, tasks)
    write_cells(store, tasks, fail_last=fail_last)
    return store


@pytest.fixture(scope="session")
def synthetic_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two tasks, twelve cells of which one failed, all result tables, Grad-CAM images."""
    store = _make(tmp_path_factory.mktemp("stores") / "synthetic", fail_last=True)
    write_results(store)
    write_gradcam(store)
    return store


@pytest.fixture(scope="session")
def synthetic_report(synthetic_store: Store) -> Report:
    return load_report(synthetic_store.root)


@pytest.fixture(scope="session")
def documents(synthetic_store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The article of the synthetic store as html, docx and pdf."""
    paths = render_preview(synthetic_store.root, tmp_path_factory.mktemp("page"), ("html", "docx", "pdf"))
    return {path.suffix[1:]: path for path in paths}


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., Store]:
    """Make a store without results: `make_store(tasks=("knee",))`."""
    return lambda **options: _make(tmp_path / "store", **options)


@pytest.fixture
def analyse_store() -> Callable[[Store], None]:
    """Write the result tables of a store."""
    return write_results
