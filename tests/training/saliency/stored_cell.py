"""A store with one cell on phantoms: a head with its initial weights, its predictions and its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from data.phantoms.generate import load_phantoms
from data.store import Store
from training.checkpoints import head_metadata, save_checkpoint
from training.heads import build_head
from training.metrics import positive_score
from training.preprocess import preprocess
from training.saliency.explained import open_cell
from training.settings import CellSettings
from training.weights import load_backbone, resolve_weights

CELL = "0123456789ab"
SIZE = 64


def make_settings(**changes: Any) -> CellSettings:
    return CellSettings(
        **{
            "task": "breast", "seed": 0, "fold": 0, "pretrain": "random", "backbone": "ResNet18",
            "head": "NonLinear", "lr_decay": "cosine", "fc_ratio": 0.25, "filters": None, "epochs": 1,
            "batch_size": 8, "image_size": SIZE, "lr": 1e-3, "lr_decay_factor": None, "dropout": 0.5,
            "kernel_size": None, "unfreeze": 0, "optimizer": "adam", "weight_decay": 0.0, "amp": False,
            "frozen_batchnorm": "eval", "checkpoint": "val_auc", "preprocessing": "caffe",
            "augmentation": "none", **changes,
        }
    )  # fmt: skip


def write_stored_cell(root: Path, *, cell_id: str = CELL, seed: int = 0) -> tuple[Store, dict[str, Any]]:
    """The store, and images, manifest and weights as `open_cell` takes them; `read_mask` beside."""
    store = Store.create(root)
    weights = resolve_weights("random", "ResNet18", weights_dir=store.root)
    data = load_phantoms("breast", n_patients=10, size=SIZE, difficulty=0.2, seed=3)
    manifest = data.manifest.assign(label=(data.manifest["class"] == "malignant").astype("int8"))
    images = np.stack([data.read_image(i) for i in manifest["image_id"]])[:, None]
    settings = make_settings(seed=seed)
    head = build_head(settings, 512).eval()
    trunk = load_backbone(weights)
    with torch.no_grad():
        logits = head(trunk(preprocess(torch.from_numpy(images), "caffe")))
        # The middle of the margins becomes the threshold, so that all kinds occur.
        head.fc2.bias[1] -= (logits[:, 1] - logits[:, 0]).median()
        logits = head(trunk(preprocess(torch.from_numpy(images), "caffe"))).numpy()
    predictions = pd.DataFrame(
        {
            "cell_id": cell_id, "seed": seed, "fold": 0,
            "split": ["val" if i < 4 else "test" for i in range(len(images))],
            "image_id": manifest["image_id"], "group_id": manifest["group_id"], "label": manifest["label"],
            "score": positive_score(logits), "logit_0": logits[:, 0], "logit_1": logits[:, 1],
        }
    )  # fmt: skip
    row = {"cell_id": cell_id, "index": seed, "status": "done", "reason": None, **settings.to_dict()}
    store.write_cell(row, predictions, None)
    metadata = head_metadata(
        settings, cell_id=cell_id, n_features=512, weights_sha256=weights.sha256, epoch=0
    )
    save_checkpoint(store.checkpoint_path(cell_id), head.state_dict(), metadata)
    given = {"images": images, "manifest": manifest, "weights": weights}
    return store, given | {"read_mask": data.read_mask}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A store with one cell, and what explains it: images, manifest, weights, read_mask."""
    return write_stored_cell(tmp_path_factory.mktemp("gradcam"))


@pytest.fixture(scope="module")
def opened(stored):
    """The cell, opened."""
    store, given = stored
    return open_cell(store, CELL, **{name: given[name] for name in ("images", "manifest", "weights")})
