"""All metrics of the selected cells per split, and which difference the test images could show."""

from __future__ import annotations

from statistics import NormalDist

import pandas as pd
import pytest

from data.store import Store
from stats.rates.proportions import wilson_ci
from stats.rates.thresholded import thresholded
from stats.roc.auc import auc_ci
from stats.roc.delong import delong
from study.analyses.detectable import detectable_rows
from study.analyses.predictions import split_predictions
from study.analyses.selection import Selection
from study.analyses.split_metrics import SPLIT_METRIC_COLUMNS, split_metrics


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_metrics_of_a_split_are_those_of_its_predictions(analysed, split) -> None:
    store, tables = analysed
    rows = tables["split_metrics"]
    assert list(rows.columns) == list(SPLIT_METRIC_COLUMNS)
    first = tables["selected"].iloc[0]
    own = rows[(rows["split"] == split) & (rows["cell_id"] == first["cell_id"])]
    own = own.drop_duplicates("metric").set_index("metric")
    found = split_predictions(store, first["task"], [first["cell_id"]], split)
    patients = found.groups.tolist() if "clustered" in own.loc["auc", "method"] else None
    fit = auc_ci(found.labels, found.ranking[:, 0], group=patients)
    assert own.loc["auc", ["estimate", "conf_low", "conf_high"]].tolist() == [
        fit.auc,
        fit.conf_low,
        fit.conf_high,
    ]
    counts = thresholded(found.labels, found.scores[:, 0])
    for name in ("accuracy", "sensitivity", "specificity", "f1", "mcc"):
        assert own.loc[name, "estimate"] == pytest.approx(getattr(counts, name), abs=1e-12)
    assert own.loc["auc", "n"] == counts.n
    assert own.loc["auc", "n_positive"] == counts.n_positive
    if patients is None:
        right = counts.true_positive + counts.true_negative
        low, high = wilson_ci(right, counts.n, conf_level=0.95)
        assert (own.loc["accuracy", "conf_low"], own.loc["accuracy", "conf_high"]) == (low, high)


def test_the_detectable_gain_is_that_of_delongs_standard_error(analysed) -> None:
    store, tables = analysed
    rows = tables["detectable"].dropna(subset=["gain"])
    assert len(rows)
    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
    for row in rows.itertuples():
        chosen = tables["selected"].query("task == @row.task and contrast == @row.contrast")
        cells = chosen.drop_duplicates("arm").set_index("arm")["cell_id"]
        ids = [cells[row.arm_a], cells[row.arm_b]]
        found = split_predictions(store, row.task, ids, "test")
        patients = found.groups.tolist() if "clustered" in row.method else None
        fit = delong(found.labels, found.ranking, names=["a", "b"], group=patients)
        assert row.std_error == pytest.approx(float(fit.pairs.std_error[0]), rel=1e-9)
        assert row.gain == pytest.approx(z * row.std_error, rel=1e-9)
        assert row.auc_b == float(fit.auc[1])


def _selection(**changes) -> Selection:
    values = {"task": "breast", "contrast": "head", "select": "val_auc", "arms": ("A",), "cells": {}}
    return Selection(**values | {"test": None, "notes": ()} | changes)


def test_one_arm_has_nothing_to_detect(tmp_path) -> None:
    rows = detectable_rows(_selection(), alpha=0.05)
    assert rows["note"].tolist() == ["not run: head has one level only (A): nothing to compare"]
    assert rows["gain"].isna().all()
    assert split_metrics(Store.create(tmp_path), _selection(), conf_level=0.95).empty


def test_a_split_without_predictions_says_so(analysed) -> None:
    store, tables = analysed
    first = tables["selected"].iloc[0]
    cell = pd.Series({"cell_id": first["cell_id"]})
    bare = Store.create(store.root.parent / "test-images-only")
    rows = store.read_predictions(cell_ids=[first["cell_id"]])
    row = {"cell_id": first["cell_id"], "task": first["task"], "status": "done", "reason": None}
    bare.write_cell(row, rows[rows["split"] == "test"].drop(columns="task", errors="ignore"))
    selection = _selection(task=first["task"], cells={"A": cell})
    found = split_metrics(bare, selection, conf_level=0.95)
    validation = found[found["split"] == "val"]
    assert validation["note"].tolist() == [
        f"not run: cell {first['cell_id']} has no predictions of val images"
    ]
    assert validation["estimate"].isna().all()
    assert found[found["split"] == "test"]["estimate"].notna().any()
