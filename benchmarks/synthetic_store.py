"""Stores of any size for measuring: random predictions in the layout that `study import` leaves.

The first cell is written through `Store`, the others with the same bytes as `Store` would write, without its
checks and without waiting for the disk (tests/benchmarks/test_synthetic_store.py compares the two).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import expit

from data.atomic import json_bytes
from data.rows import checked_row
from data.store import Store
from data.store.checksums import FILES, Checksum, sealed
from data.store.layout import part_name, row_name
from data.tables import PREDICTION_TYPES, sort_predictions
from study.config.analysis import AnalysisPlan
from study.imports.study_file import ImportedStudy, ImportedTask, study_text

TASK = "images"
VALIDATION = 0.2  # share of the images; the others are test images
POSITIVE = 0.3
HEADS = ("A", "B", "C", "D", "E")
PRETRAINED = ("random", "pretrained")
_OWN = ("cell_id", "seed", "score", "logit_0", "logit_1")  # columns that differ between cells
PLAN = AnalysisPlan.model_validate(
    {
        "delong": [{"contrast": "pretrain"}],
        "mcnemar": [{"contrast": "pretrain"}],
        "wilcoxon": [{"value": "test_auc", "contrast": "pretrain", "by": ["task"]}],
        "mixed": [{"formula": "test_auc ~ pretrain + (1|head) + (1|seed)"}],
    }
)


def make_store(root: Path, n_cells: int, n_images: int, *, bulk: bool = True) -> Store:
    """Make a store of `n_cells` cells (a multiple of 10) that were tested on the same `n_images` images.

    Factors: pretrain (2 levels), head (5), seed. With `bulk = False` every cell goes through `Store`.
    """
    if n_cells < 10 or n_cells % 10:
        raise ValueError(f"`n_cells` is {n_cells}; give a multiple of 10.")
    store = Store.create(root)
    images = _images(n_images)
    manifest = images[["image_id", "group_id", "label"]].assign(
        path="", sha256="", width=0, height=0, **{"class": images["label"].map(str)}
    )
    store.write_manifest(TASK, manifest)
    store.write_split(TASK, images[["image_id", "split"]])
    rows = [_row(index) for index in range(n_cells)]
    written = 1 if bulk else n_cells
    for row in rows[:written]:
        store.write_cell(row, _predictions(images, row))
    if bulk:
        _write_bulk(store, images, rows)
    store.write_grid(pd.DataFrame(rows).drop(columns=["status", "reason"]).assign(study="imported"))
    factors: dict[str, tuple[Any, ...]] = {"pretrain": PRETRAINED, "head": HEADS}
    task = ImportedTask(positive=("1",))
    study = ImportedStudy(name=root.name, imported=True, tasks={TASK: task}, factors=factors, analysis=PLAN)
    store.write_study(study_text(study))
    return store


def _images(n: int) -> pd.DataFrame:
    """Images in the order of the store: split, image_id, group_id (two images per patient), label."""
    rng = np.random.default_rng(n)
    images = pd.DataFrame(
        {
            "split": np.where(rng.random(n) < VALIDATION, "val", "test"),
            "image_id": [f"image{place:07d}" for place in range(n)],
            "group_id": [f"patient{place // 2:07d}" for place in range(n)],
            "label": (rng.random(n) < POSITIVE).astype("int8"),
        }
    )
    return sort_predictions(images)


def _row(index: int) -> dict[str, Any]:
    seed, place = divmod(index, len(PRETRAINED) * len(HEADS))
    levels = {"pretrain": PRETRAINED[place // len(HEADS)], "head": HEADS[place % len(HEADS)]}
    row = {"cell_id": f"{index:012x}", "index": index, "task": TASK, "seed": seed, "fold": 0, **levels}
    return {**row, "status": "done", "reason": None}


def _predictions(images: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    """Logits whose AUC is about 0.8, a little more where pretrained."""
    rng = np.random.default_rng([7, row["index"]])
    shift = 1.2 + 0.1 * PRETRAINED.index(row["pretrain"]) + 0.02 * rng.normal()
    logit = (shift * images["label"] + rng.normal(size=len(images)) - 1.0).to_numpy()
    known = {"cell_id": row["cell_id"], "seed": row["seed"], "fold": row["fold"]}
    halves = {"logit_0": (-0.5 * logit).astype("float32"), "logit_1": (0.5 * logit).astype("float32")}
    score = expit(halves["logit_1"].astype("float64") - halves["logit_0"].astype("float64"))
    return images.assign(**known, score=score, **halves)[list(PREDICTION_TYPES)]


def _write_bulk(store: Store, images: pd.DataFrame, rows: list[dict[str, Any]]) -> None:
    """Write all cells but the first with its columns, where all cells are alike."""
    first = part_name("predictions", TASK, rows[0]["cell_id"])
    known = pq.ParquetFile(store.root / first).read()
    for row in rows[1:]:
        frame = _predictions(images, row)
        columns = [
            pa.array(frame[field.name], field.type) if field.name in _OWN else known[field.name]
            for field in known.schema
        ]
        sink = pa.BufferOutputStream()
        table = pa.Table.from_arrays(columns, schema=known.schema)
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        content = sink.getvalue().to_pybytes()
        files = {"predictions": Checksum.of(content).to_dict()}
        (store.root / part_name("predictions", TASK, row["cell_id"])).write_bytes(content)
        (store.root / row_name(row["cell_id"])).write_bytes(
            json_bytes(sealed({**checked_row(row), FILES: files}))
        )
