"""A small store in which every analysis ran and nothing is missing: what the tests of bad input take from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data.published_grid import load_published_architecture
from data.store import Store
from study.analyse import analyse
from study.data_audit.results import AUDIT_COLUMNS, SHORTCUT_RESULT_COLUMNS, audit_name
from study.gradcam.tables import write_saliency_tables
from study.imports.study_file import parse_stored_plan
from study.referee.table import referee_store
from tests.manuscript.conftest import RUN, _history, _predictions, write_gradcam, write_images

TASK = "breast"
KINDS = (
    "delong", "mcnemar", "margin", "recipe", "roc", "threshold", "calibration", "winner", "pairs",
    "wilcoxon", "permutation", "mixed",
)  # fmt: skip
HEAD = """
name = "full"
title = "A study with every analysis"
description = "Does anything lack?"
seeds = [0, 1]

[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
split = { train = 0.6, val = 0.2, test = 0.2, stratify = true, group = "patient", seed = 42 }

[factors]
pretrain = ["random", "phantom"]
head = ["Linear", "Conv"]
unfreeze = [0, 1]

[protocol]
backbone = "ResNet50"
epochs = 4

[analysis]
alpha = 0.05
"""
PLANS = {
    "delong": 'contrast = "pretrain"',
    "mcnemar": 'contrast = "pretrain"',
    "margin": 'contrast = "pretrain", reference = "random", margin = 0.05',
    "recipe": 'contrast = "pretrain"',
    "roc": 'contrast = "pretrain"',
    "threshold": 'contrast = "pretrain"',
    "calibration": 'contrast = "pretrain"',
    "winner": 'contrast = "pretrain"',
    "pairs": 'adjust = "holm"',
    "wilcoxon": 'contrast = "pretrain"',
    "permutation": 'contrast = "pretrain"',
    "mixed": 'formula = "test_auc ~ pretrain + (1|head)", contrasts = { pretrain = "pairwise" }',
}
PROTOCOL = {
    "backbone": "ResNet50", "lr_decay": "cosine", "epochs": 4, "batch_size": 32, "image_size": 256,
    "kernel_size": 2, "dropout": 0.5, "lr": 1e-3, "optimizer": "adam", "checkpoint": "val_auc",
}  # fmt: skip
SALIENCY_MAPS = ("Grad-CAM", "uniform")


def study_text(without: str | None = None) -> str:
    """The study file, its plan without one kind of analysis."""
    lines = [f"{kind} = [{{ {PLANS[kind]} }}]" for kind in KINDS if kind != without]
    return HEAD + "\n".join(lines) + "\n"


def rows() -> list[dict[str, object]]:
    """The cells: pretraining by head by trained layer groups by seed."""
    places = [
        (pretrain, head, unfreeze, seed)
        for pretrain in ("random", "phantom")
        for head in ("Linear", "Conv")
        for unfreeze in ("0", "1")
        for seed in (0, 1)
    ]
    return [
        {
            "cell_id": f"{index:02x}cd{index * 7919:08x}"[:12],
            "index": index,
            "task": TASK,
            "seed": seed,
            "fold": 0,
            "pretrain": pretrain,
            "head": head,
            "filters": 4 if head == "Conv" else None,
            "fc_ratio": 0.5 if head == "Conv" else None,
            "unfreeze": unfreeze,
            **PROTOCOL,
        }
        for index, (pretrain, head, unfreeze, seed) in enumerate(places)
    ]


def make_full_store(root: Path) -> Store:
    """Study file, provenance, images with their audit, cells, maps and results."""
    store = Store.create(root)
    store.write_study(study_text())
    store.write_run(RUN)
    write_images(store, (TASK,))
    _write_audit(store)
    store.write_grid(pd.DataFrame(rows()))
    rng = np.random.default_rng(5)
    for row in rows():
        done = {"status": "done", "best_epoch": 3, "n_parameters": 1000, "seconds": 1.5, "device": "cpu"}
        predictions = _predictions(row, rng).assign(seed=row["seed"])
        store.write_cell(row | done, predictions, _history(rng))
    layers = load_published_architecture()
    store.write_table("architecture.parquet", layers[layers["backbone"] == "ResNet50"])
    write_stats(store)
    write_gradcam(store)
    _write_saliency(store)
    write_saliency_tables(store)
    return store


def write_stats(store: Store) -> None:
    """What `study stats` writes, maps apart."""
    analyse(store, parse_stored_plan(store.read_study(), source="study.toml"))
    referee_store(store)


def _write_audit(store: Store) -> None:
    finding = ("label_conflict", "error", 2, "2 groups carry both classes.", "One is wrong.", "Look.")
    names = [name for name in AUDIT_COLUMNS if name != "task"]
    store.write_table(audit_name(TASK, "findings"), pd.DataFrame([finding], columns=names))
    shared = {"positive": "malignant", "n": 240, "n_positive": 80, "n_groups": 120, "conf_level": 0.95}
    shortcut = [
        shared | {"statistics": "all", "auc": 0.55, "conf_low": 0.47, "conf_high": 0.63},
        shared | {"statistics": "mean", "auc": 0.52},
    ]
    names = [name for name in SHORTCUT_RESULT_COLUMNS if name != "task"]
    store.write_table(audit_name(TASK, "shortcut"), pd.DataFrame(shortcut, columns=names))


def _write_saliency(store: Store) -> None:
    """What `study gradcam --randomise --seeds` leaves of the selected cells and one of another seed."""
    selected = store.read_result("selected")
    cells = list(dict.fromkeys(selected["cell_id"]))
    tables: dict[str, list[dict[str, object]]] = {"measures": [], "randomisation": [], "stability": []}
    images = [(f"test{i:03d}", f"test-p{i // 2}") for i in range(1, 13)]
    rng = np.random.default_rng(11)
    for cell_id, (image, group) in ((cell, image) for cell in cells for image in images):
        of_image = {"task": TASK, "cell_id": cell_id, "image_id": image, "group_id": group}
        for name in SALIENCY_MAPS:
            energy, pointing, iou = rng.uniform(size=3)
            tables["measures"].append(
                of_image
                | {"fold": 0, "class": "malignant", "label": 1, "kind": "true positive", "score": 0.8}
                | {"map": name, "mask_share": 0.1, "energy": energy, "pointing": float(pointing > 0.5)}
                | {"iou": iou, "threshold": 0.5, "tolerance": 0.0}
            )
        alike = {"rank_correlation": rng.uniform(), "ssim": rng.uniform()}
        for depth, part in ((-1, "another image"), (0, "head"), (1, "layer4")):
            place = {"draw": 0, "depth": depth, "part": part}
            tables["randomisation"].append(of_image | place | alike)
        other = {"seed": 0, "other_seed": 1, "other_cell_id": "another", "fold": 0}
        tables["stability"].append(of_image | other | alike)
    for name, found in tables.items():
        store.write_table(f"gradcam/{name}.parquet", pd.DataFrame(found))
