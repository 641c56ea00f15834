"""Stores with failed, missing, collapsed or unequal cells: what is said, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.atomic import write_parquet
from data.store import Store
from study.analyse import analyse
from study.config import AnalysisPlan, parse_study

MakeStore = Callable[..., Store]


def run(store: Store, **changes: Any) -> dict[str, pd.DataFrame]:
    plan = parse_study(store.read_study()).analysis
    return analyse(store, plan.model_copy(update=changes) if changes else plan)


def plan_of(**parts: Any) -> AnalysisPlan:
    return AnalysisPlan.model_validate(parts)


def pick(frame: pd.DataFrame, **keys: Any) -> pd.Series:
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1, frame
    return frame.iloc[0]


def test_a_failed_cell_is_named_and_its_partner_left_out(make_store: MakeStore) -> None:
    store = make_store(change=lambda row, frame: None if row["cell_id"] == "c03" else frame)
    tables = run(store)
    rows = tables["comparisons"]
    paired = rows[rows["method"].str.startswith("Wilcoxon signed-rank")].iloc[0]
    assert paired["n"] == 9
    assert "1 cells have no partner and are left out" in paired["note"]
    named = "1 failed cells left out: c03 (the loss is not finite in epoch 2)"
    assert named in paired["note"]
    breast = rows[(rows["task"] == "breast") & (rows["analysis"] != "contrast")]
    assert breast["note"].str.contains("c03").all()
    assert not rows[rows["task"] == "knee"]["note"].fillna("").str.contains("c03").any()
    assert named in tables["mixed_models"]["note"].iloc[0]
    assert tables["findings"]["sentence"].str.contains("c03").any()


def test_a_missing_arm_gives_a_row_with_a_note_and_the_others_go_on(make_store: MakeStore) -> None:
    gone = lambda row, frame: (  # noqa: E731
        None if row["task"] == "breast" and row["pretrain"] == "ImageNet" else frame
    )
    tables = run(make_store(change=gone))
    row = pick(tables["comparisons"], analysis="delong", task="breast", arm_b="RadImageNet")
    assert np.isnan(row["p_value"])
    assert row["note"].startswith("not run: no done cell of ImageNet")
    assert pick(tables["comparisons"], analysis="delong", task="knee", arm_b="RadImageNet")["p_value"] < 1
    told = tables["findings"]["sentence"]
    assert told.str.startswith("breast: pretrain: ImageNet - RadImageNet could not be tested").sum() == 3


def test_one_missing_arm_of_three_is_said_beside_the_pairs(make_store: MakeStore) -> None:
    tables = run(make_store(change=lambda row, frame: None if row["head"] == "Linear" else frame))
    rows = tables["comparisons"]
    rows = rows[(rows["analysis"] == "delong") & (rows["task"] == "knee")]
    assert rows["comparison"].tolist()[1:] == ["head: Conv - ConvSkip", "head: Linear"]
    assert "no done cell of Linear" in rows["note"].iloc[2]


def test_a_single_level_is_said(make_store: MakeStore) -> None:
    plan = plan_of(
        delong=[{"contrast": "backbone"}],
        mcnemar=[{"contrast": "backbone"}],
        wilcoxon=[{"contrast": "backbone"}],
        mixed=[{"formula": "test_auc ~ backbone + (1|head)"}],
    )
    tables = analyse(make_store(), plan)
    assert tables["comparisons"]["p_value"].isna().all()
    assert tables["comparisons"]["note"].str.contains("one level|1 level").all()
    assert not bool(tables["mixed_models"]["converged"].iloc[0])
    assert tables["mixed_models"]["note"].iloc[0].startswith("not fitted: ")
    assert len(tables["findings"]) == 7
    assert tables["findings"]["sentence"].str.contains("could not be").all()


def test_cells_without_the_factor_are_counted(make_store: MakeStore) -> None:
    plan = plan_of(wilcoxon=[{"contrast": "filters"}], delong=[{"contrast": "filters"}])
    rows = analyse(make_store(), plan)["comparisons"]
    row = pick(rows, analysis="wilcoxon", task="knee")
    assert (row["arm_a"], row["arm_b"], row["n"]) == ("4", "16", 8)
    assert "2 cells do not use filters" in row["note"]


def test_collapsed_cells_are_counted(make_store: MakeStore) -> None:
    def collapse(row: dict[str, Any], frame: pd.DataFrame) -> pd.DataFrame:
        if row["cell_id"] not in ("c00", "c01"):
            return frame
        return frame.assign(score=frame["score"] * 0.01, logit_1=frame["logit_1"] - np.float32(9))

    tables = run(make_store(change=collapse))
    assert tables["metrics"]["collapsed"].sum() == 2
    rows = tables["comparisons"]
    row = pick(rows[rows["method"].str.startswith("Wilcoxon rank-sum")], task="breast")
    wanted = "2 of 10 cells predict one class for every test image (0 of ImageNet and 2 of RadImageNet)"
    assert wanted in row["note"]
    assert "2 of 20 cells predict one class" in tables["mixed_models"]["note"].iloc[0]
    assert tables["findings"]["sentence"].str.contains(wanted, regex=False).any()
    # The chosen cells are sound, and only they stand in the comparison of the best.
    notes = rows.loc[rows["analysis"] == "delong", "note"].fillna("")
    assert len(notes)
    assert not notes.str.contains("predicts one class").any()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda frame: frame[frame["image_id"] != "knee-test-07"],
            "have 1 images that cell c16 lacks .*first 'knee-test-07'",
        ),
        (
            lambda frame: frame.assign(
                label=np.where(frame["image_id"] == "knee-test-01", 1, frame["label"])
            ),
            "images have another label .*'knee-test-01'",
        ),
    ],
)
def test_unequal_test_images_stop_the_analysis(make_store: MakeStore, damage: Any, message: str) -> None:
    store = make_store(
        change=lambda row, frame: (
            damage(frame) if row["task"] == "knee" and row["pretrain"] == "ImageNet" else frame
        )
    )
    with pytest.raises(ValueError, match=message):
        run(store)


def test_open_cells_of_the_planned_grid_are_counted(make_store: MakeStore) -> None:
    store = make_store()
    grid = store.cells().drop(columns=["status", "reason", "seconds"]).assign(study="x")
    extra = grid.iloc[[0]].assign(cell_id="c99", index=99, backbone="ResNet50")
    write_parquet(store.root / "grid.parquet", pd.concat([grid.iloc[1:], extra], ignore_index=True))
    tables = run(store)
    assert "c00" not in set(tables["metrics"]["cell_id"])
    row = pick(tables["comparisons"], analysis="mcnemar", task="breast")
    assert "1 of 10 planned cells have not run" in row["note"]


def test_a_store_without_a_done_cell_is_refused(make_store: MakeStore) -> None:
    store = make_store(change=lambda row, frame: None)
    with pytest.raises(ValueError, match=r"No cell of the store .* is done \(20 failed\)"):
        run(store)


def test_an_unknown_contrast_is_refused_with_the_columns(make_store: MakeStore) -> None:
    with pytest.raises(ValueError, match=r"analysis.delong names `weights`.*columns are task, seed"):
        analyse(make_store(), plan_of(delong=[{"contrast": "weights"}]))
    with pytest.raises(ValueError, match=r"analysis.wilcoxon names `site`"):
        analyse(make_store(), plan_of(wilcoxon=[{"contrast": "pretrain", "by": ["site"]}]))


def test_cells_of_equal_settings_cannot_be_paired(make_store: MakeStore) -> None:
    store = make_store()
    twice = store.read_predictions(task="breast", cell_ids=["c00"], splits=("val", "test"))
    row = {**store.cells().set_index("cell_id").loc["c00"].to_dict(), "cell_id": "c99", "index": 99}
    row = {key: None if value is None or value != value else value for key, value in row.items()}
    store.write_cell(row, twice.assign(cell_id="c99"))
    plan = AnalysisPlan.model_validate({"wilcoxon": [{"contrast": "pretrain", "paired": True}]})
    with pytest.raises(ValueError, match="Several cells of pretrain RadImageNet have the same settings"):
        analyse(store, plan)
