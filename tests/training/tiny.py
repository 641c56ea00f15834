"""A tiny task and its cells, for tests that train: 40 images of 32 pixels, ResNet18, two epochs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.settings import HEAD_FIELDS, CellJob, CellSettings
from training.weights import Weights

SIZE = 32
N = 40
WEIGHTS = Weights(
    name="random",
    backbone="ResNet18",
    sha256="0" * 64,
    source="drawn in the test",
    path=None,
    preprocessing="imagenet-rgb",
)


def make_job(index, head, **changes):
    values = {
        "task": "breast",
        "seed": 0,
        "fold": 0,
        "pretrain": "random",
        "backbone": "ResNet18",
        "head": head,
        "lr_decay": "cosine",
        "fc_ratio": 0.25,
        "filters": 2,
        "epochs": 2,
        "batch_size": 8,
        "image_size": SIZE,
        "lr": 1e-3,
        "lr_decay_factor": None,
        "dropout": 0.5,
        "kernel_size": 2,
        "unfreeze": 0,
        "optimizer": "adam",
        "weight_decay": 1e-5,
        "amp": False,
        "frozen_batchnorm": "eval",
        "checkpoint": "val_auc",
        "preprocessing": "imagenet-rgb",
        "augmentation": "paper",
        **changes,
    }
    for name in ("fc_ratio", "filters", "kernel_size", "dropout"):
        if name not in HEAD_FIELDS[head]:
            values[name] = None
    settings = CellSettings(**values)
    return CellJob(cell_id=f"{head.lower()}{index}", index=index, settings=settings)


def make_task():
    """Images whose brightness tells the class a little, so that AUC is neither 0.5 nor 1 by construction."""
    rng = np.random.default_rng(3)
    labels = np.arange(N) % 2
    images = rng.integers(0, 200, (N, 1, SIZE, SIZE)) + (labels * 20)[:, None, None, None]
    parts = np.array(["train"] * 24 + ["val"] * 8 + ["test"] * 8)
    ids = [f"img{i:02d}" for i in range(N)]
    manifest = pd.DataFrame({"image_id": ids, "group_id": [None] * N, "label": labels.astype("int8")})
    split = pd.DataFrame({"image_id": ids, "split": parts})
    return {"images": images.astype(np.uint8), "manifest": manifest, "split": split}
