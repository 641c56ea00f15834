"""A cell that predicts one class only is marked wherever it stands."""

import pandas as pd
import pytest

from data.store import Store
from training.cell_rows import collapsed_in

# A step of 100 on features of order 1 makes the untrained bias irrelevant: one class wins everywhere.
COLLAPSE = """
name = "collapse"
[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = { n_patients = 36, size = 48, difficulty = 0.2, seed = 5 }
split = { train = 0.5, val = 0.2, test = 0.3 }
[factors]
lr = [1e-9, 100.0]
[protocol]
pretrain = "random"
head = "Linear"
backbone = "ResNet18"
optimizer = "sgd-nesterov"
lr_decay = "none"
epochs = 1
batch_size = 16
image_size = 48
[analysis]
delong = [{ contrast = "lr" }]
wilcoxon = [{ contrast = "lr" }]
"""


@pytest.mark.parametrize(
    ("val", "test", "found"),
    [
        ([0.1, 0.6], [0.2, 0.9], None),
        ([0.1, 0.2], [0.2, 0.9], "val"),
        ([0.1, 0.6], [0.5, 0.9], "test"),
        ([0.5, 0.6], [0.1, 0.2], "val and test"),
    ],
)
def test_collapse_is_one_call_for_all_images_of_a_part(val, test, found):
    rows = [("val", score) for score in val] + [("test", score) for score in test]
    assert collapsed_in(pd.DataFrame(rows, columns=["split", "score"])) == found


def test_a_forced_collapse_is_marked_from_the_cell_to_the_tables(tmp_path, study_command):
    path = tmp_path / "collapse.toml"
    path.write_text(COLLAPSE, encoding="utf-8")
    root = tmp_path / "store"
    result = study_command("run-grid", path, "--store", root, "--no-gradcam")
    assert result.exit_code == 0, result.output
    store = Store.open(root)
    cells = pd.read_parquet(root / "cells.parquet").set_index("lr")
    assert cells.loc[100.0, "collapsed"] == "val and test"
    collapsed = cells.loc[100.0, "cell_id"]
    line = f"collapsed {collapsed}: one class is predicted for every image of val and test"
    assert line in result.stderr
    assert line in study_command("status", root).stdout
    history = store.read_history(cell_ids=[collapsed])
    assert history["val_positive_rate"].iloc[0] in (0.0, 1.0)
    assert history["train_positive_rate"].between(0, 1).all()

    assert study_command("stats", root).exit_code == 0
    metrics = store.read_result("metrics").set_index("cell_id")
    assert metrics.loc[collapsed, "collapsed_in"] == "val and test"
    assert bool(metrics.loc[collapsed, "collapsed"])
    selected = store.read_result("selected").set_index("cell_id")
    assert selected.loc[collapsed, "collapsed_in"] == "val and test"
    notes = store.read_result("comparisons")["note"]
    assert notes.str.contains("predict").all()

    from manuscript import floats
    from manuscript.load import load_report

    assert "one class only is predicted (val and test)" in floats.selected(load_report(root)).as_raw_html()
