"""A synthetic store whose arms have a known difference, without any training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.store import Store
from study.analyse import analyse
from study.config import parse_study

STUDY = """
name = "synthetic"

[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
[tasks.knee]
dataset = "phantom-knee"
positive = ["torn"]

[factors]
pretrain = ["RadImageNet", "ImageNet"]
head = ["Linear", "Conv", "ConvSkip"]
filters = [4, 16]

[protocol]
backbone = "ResNet18"

[analysis]
delong = [{ contrast = "pretrain" }, { contrast = "head" }]
mcnemar = [{ contrast = "pretrain" }]
wilcoxon = [
    { value = "test_auc", contrast = "pretrain", by = ["task"] },
    { value = "test_auc", contrast = "pretrain", by = [], paired = true },
]
[[analysis.permutation]]
contrast = "pretrain"
by = []
[[analysis.mixed]]
formula = "test_auc ~ pretrain + (1|head) + (1|filters) + (1|task)"
[[analysis.mixed]]
formula = "test_auc ~ head + (1|task) + (1|pretrain)"
contrasts = { head = "pairwise", adjust = "holm" }
"""
N_TEST = 60


def cell_rows() -> list[dict[str, Any]]:
    """The 20 cells of the study in grid order."""
    rows: list[dict[str, Any]] = []
    heads = [("Linear", None), ("Conv", 4), ("Conv", 16), ("ConvSkip", 4), ("ConvSkip", 16)]
    for task, pretrain, (head, filters) in product(("breast", "knee"), ("RadImageNet", "ImageNet"), heads):
        rows.append(
            {"cell_id": f"c{len(rows):02d}", "index": len(rows), "task": task, "seed": 0, "fold": 0}
            | {"pretrain": pretrain, "head": head, "filters": filters, "backbone": "ResNet18", "lr": 1e-4}
        )
    return rows


def predictions(row: dict[str, Any], *, gain: float = 0.5) -> pd.DataFrame:
    """Scores whose separation grows with ImageNet weights and with a convolutional head."""
    shift = 0.3 + gain * (row["pretrain"] == "ImageNet") + 0.2 * (row["head"] != "Linear")
    parts = []
    for split in ("val", "test"):
        images = np.random.default_rng(11 + len(split) + len(row["task"]))
        labels = (np.arange(N_TEST) % 3 == 0).astype(int)
        common = images.normal(size=N_TEST)
        own = np.random.default_rng([row["index"], len(split)]).normal(size=N_TEST)
        logit = 0.7 * common + 0.7 * own + shift * (2 * labels - 1)
        parts.append(
            pd.DataFrame(
                {
                    "cell_id": row["cell_id"],
                    "seed": 0,
                    "fold": 0,
                    "split": split,
                    "image_id": [f"{row['task']}-{split}-{i:02d}" for i in range(N_TEST)],
                    "group_id": [f"{split}-p{i // 2}" for i in range(N_TEST)],
                    "label": labels,
                    "score": 1 / (1 + np.exp(-logit)),
                    "logit_0": np.float32(0.0),
                    "logit_1": logit.astype(np.float32),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


Change = Callable[[dict[str, Any], pd.DataFrame], pd.DataFrame | None]


def _write(
    folder: Path,
    *,
    study: str = STUDY,
    change: Change | None = None,
) -> Store:
    store = Store.create(folder / "store")
    store.write_study(study)
    for row in cell_rows():
        frame: pd.DataFrame | None = predictions(row)
        if change is not None and frame is not None:
            frame = change(row, frame)
        if frame is None:
            store.write_cell({**row, "status": "failed", "reason": "the loss is not finite in epoch 2."})
        else:
            store.write_cell({**row, "status": "done", "reason": None, "seconds": 1.0}, frame)
    for task, positive, other in (("breast", "malignant", "benign"), ("knee", "torn", "intact")):
        _write_images(store, task, positive, other)
    return store


@pytest.fixture(scope="session")
def write_store() -> Callable[..., Store]:
    """Write the synthetic store into a folder; `change` alters a cell's predictions, None makes it fail."""
    return _write


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., Store]:
    """The same in the test's own folder."""
    return partial(_write, tmp_path)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, pd.DataFrame]]:
    """The undamaged store with the results of its own plan, shared by the tests that only read."""
    store = _write(tmp_path_factory.mktemp("analysed"))
    return store, analyse(store, parse_study(store.read_study()).analysis)


def _write_images(store: Store, task: str, positive: str, other: str) -> None:
    rows = []
    for split in ("train", "val", "test"):
        for i in range(N_TEST):
            label = int(i % 3 == 0)
            rows.append(
                {
                    "image_id": f"{task}-{split}-{i:02d}",
                    "path": f"{task}/{split}/{i}.png",
                    "group_id": f"{split}-p{i // 2}",
                    "class": positive if label else other,
                    "label": label,
                    "sha256": "0" * 64,
                    "width": 8,
                    "height": 8,
                    "mask_path": None,
                    "split": split,
                }
            )
    frame = pd.DataFrame(rows)
    store.write_manifest(task, frame.drop(columns="split"))
    store.write_split(task, frame[["image_id", "split"]])
