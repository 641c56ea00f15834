"""What results were made from, held against the store as it is."""

import numpy as np
import pandas as pd
import pytest

from data.analysed import ANALYSED, analysis_inputs, plan_hash, what_changed
from data.store import Store
from data.store.results import result_checksums

STUDY = """
name = "small"
title = "A title"
[factors]
pretrain = ["a", "b"]
[analysis]
alpha = 0.05
[[analysis.delong]]
contrast = "pretrain"
"""


def _write(store: Store, cell_id: str, *, shift: float = 0.0) -> None:
    scores = np.linspace(0.1, 0.8, 8) + shift
    predictions = pd.DataFrame(
        {"cell_id": cell_id, "seed": 0, "fold": 0, "split": "test", "group_id": None}
        | {"image_id": [f"i{i}" for i in range(8)], "label": [0, 1] * 4, "score": scores}
        | {"logit_0": 0.0, "logit_1": np.log(scores / (1 - scores))}
    )
    store.write_cell({"cell_id": cell_id, "task": "knee", "status": "done"}, predictions)


@pytest.fixture
def store(tmp_path) -> Store:
    """Two cells, and results that were made from them."""
    made = Store.create(tmp_path / "store")
    made.write_study(STUDY)
    for name in ("cell0", "cell1"):
        _write(made, name)
    made.write_result(ANALYSED, analysis_inputs(made, made.cells()))
    return made


def test_an_unchanged_store_has_no_change(store):
    assert what_changed(store, store.cells()) is None


def test_writing_the_same_predictions_again_is_no_change(store):
    _write(store, "cell0")
    assert what_changed(store, store.cells()) is None


def test_other_predictions_of_a_cell_are_named(store):
    _write(store, "cell1", shift=0.1)
    assert what_changed(store, store.cells()) == "are older than the predictions of 1 cell ('cell1')"


def test_added_and_lost_cells_are_counted(store):
    _write(store, "cell2")
    told = what_changed(store, store.cells().query("cell_id != 'cell0'"))
    assert told == "describe 2 cells, but 2 cells are done (1 not analysed, 1 gone)"


def test_another_plan_is_a_change(store):
    store.write_study(STUDY.replace("alpha = 0.05", "alpha = 0.01"))
    assert what_changed(store, store.cells()) == (
        "follow another analysis plan than the study file of the store"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "A title"', 'title = "Another title"  # with a comment'),
        ("alpha = 0.05\n", "\nalpha   =  0.05  # the level\n"),
        ('name = "small"', 'name = "small"\ndescription = "Which one?"'),
    ],
)
def test_titles_comments_and_layout_are_no_change(old, new):
    assert plan_hash(STUDY.replace(old, new)) == plan_hash(STUDY)


def test_results_without_a_record_are_not_trusted(store):
    (store.results_dir() / f"{ANALYSED}.parquet").unlink()
    assert "do not say what they were made from" in str(what_changed(store, store.cells()))


def test_removed_results_leave_the_checksums_of_the_others(store):
    store.write_result("metrics", store.cells()[["cell_id"]])
    store.remove_results([ANALYSED, "never-written"])
    assert store.results() == ["metrics"]
    assert list(result_checksums(store.place)) == ["results/metrics.csv", "results/metrics.parquet"]
    assert not list(store.results_dir().glob(f"{ANALYSED}.*"))
