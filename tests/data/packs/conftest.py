"""Small stores with random predictions."""

import numpy as np
import pandas as pd
import pytest

from data.store import Store


def predictions(cell_id, n=7, seed=0):
    """Scores of n test images."""
    return pd.DataFrame(
        {
            "cell_id": cell_id,
            "seed": seed,
            "fold": 0,
            "split": ["val" if k % 3 == 0 else "test" for k in range(n)],
            "image_id": [f"i{k:03d}" for k in range(n)],
            "group_id": None,
            "label": np.arange(n) % 2,
            "score": np.random.default_rng([seed, *cell_id.encode()]).random(n),
        }
    )


def write_cells(store, task, cell_ids, seed=0):
    """Write done cells, every third without a history."""
    for k, cell_id in enumerate(cell_ids):
        history = None if k % 3 == 2 else pd.DataFrame({"epoch": [0, 1], "val_auc": [0.5, 0.6 + seed]})
        row = {"cell_id": cell_id, "task": task, "status": "done", "lr": 0.1 * k, "note": "é", "seed": seed}
        store.write_cell(row, predictions(cell_id, n=5 + k, seed=seed), history)


def content(store):
    """Everything that can be read of the cells of a store, as bytes and texts."""
    rows = store.cells()
    done = rows[rows["status"] == "done"]
    return {
        "cells": rows.to_json(),
        "predictions": store.read_predictions().to_json(double_precision=15),
        "history": store.read_history().to_json(double_precision=15),
        "hashes": store.predictions_hashes(dict(zip(done["cell_id"], done["task"], strict=True))),
        "names": {folder: store.place.walk(folder) for folder in ("cells", "predictions", "history")},
        "sizes": {folder: store.place.sizes(folder) for folder in ("cells", "predictions", "history")},
    }


@pytest.fixture
def store(tmp_path):
    """Two tasks of six and three done cells, and one that failed."""
    made = Store.create(tmp_path / "store")
    write_cells(made, "knee", [f"k{k}" for k in range(6)])
    write_cells(made, "breast", [f"b{k}" for k in range(3)])
    made.write_cell({"cell_id": "bad", "task": "knee", "status": "failed", "reason": "no memory"})
    made.write_run({"runs": [{"study": "tiny"}]})
    return made
