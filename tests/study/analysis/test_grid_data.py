"""Which cells differ in one factor only."""

import hashlib
from collections import Counter

import pandas as pd
from pandas.testing import assert_frame_equal

from data.place.local import LocalPlace
from data.store import Store
from stats.metrics import METRIC_COLUMNS, metrics_table
from study.analyses.cell_facts import equal_scores
from study.analyses.grid_data import design_keys, load_grid, varied_columns

CELLS = pd.DataFrame(
    {
        "task": "breast",
        "head": ["Linear", "Linear", "Conv", "Conv"],
        "lr_decay": ["beta", "cosine", "beta", "cosine"],
        "lr_decay_factor": [0.5, None, 0.5, None],
        "filters": [None, None, 4, 16],
    }
)


def test_a_setting_with_one_level_tells_no_cells_apart():
    assert varied_columns(CELLS) == ["head", "lr_decay", "filters"]


def test_cells_that_differ_in_the_schedule_only_have_the_same_key():
    names = [name for name in varied_columns(CELLS) if name != "lr_decay"]
    keys = design_keys(CELLS, names)
    assert keys[0] == keys[1]
    assert keys[2] != keys[3]


def test_metrics_cell_by_cell_are_those_of_all_predictions_together(analysed):
    store, _ = analysed
    data = load_grid(store)
    for task in data.tasks:
        own = data.metrics[data.metrics["task"] == task].reset_index(drop=True)
        together = metrics_table(store.read_predictions(task=task), data.planned.query("task == @task"))
        columns = ["cell_id", *METRIC_COLUMNS]
        assert_frame_equal(own[columns], together[columns], check_exact=True)


def test_equal_scores_are_those_of_the_rows_sorted_by_image(make_store):
    def same(row, predictions):
        return predictions.assign(score=0.25) if row["cell_id"] == "c02" else predictions

    store = make_store(change=same)
    facts = load_grid(store).facts
    assert [cell.cell_id for task in facts.values() for cell in task.cells.values() if cell.constant] == [
        "c02"
    ]
    for task, own in facts.items():
        sets: dict[str, list[str]] = {}
        rows = store.read_predictions(task=task, splits=("test",))
        for cell_id, part in rows.groupby("cell_id", sort=False):
            scores = part.sort_values("image_id")["score"]
            if scores.nunique() > 1:
                sets.setdefault(hashlib.sha256(scores.to_numpy().tobytes()).hexdigest(), []).append(cell_id)
        assert equal_scores(own) == [members for members in sets.values() if len(members) > 1]
        assert own.tested == {0: set(rows["image_id"])}


def test_stats_reads_every_row_and_all_predictions_once(make_store, study_command, monkeypatch):
    root = make_store().root
    read, plain = Counter(), LocalPlace.read_bytes

    def counted(place, name):
        read[name] += 1
        return plain(place, name)

    monkeypatch.setattr(LocalPlace, "read_bytes", counted)
    assert study_command("stats", root).exit_code == 0
    rows = {name: n for name, n in read.items() if name.startswith("cells/")}
    assert set(rows.values()) == {1}
    predictions = {name: n for name, n in read.items() if name.startswith("predictions/")}
    assert len(predictions) == len(rows) == 20
    selected = set(Store.open(root).read_result("selected")["cell_id"])
    again = {name for name, n in predictions.items() if n > 1}
    assert again == {name for name in predictions if name.split("/")[-1].split(".")[0] in selected}
