"""Plans that need more than one table of cells: patients as units, seeds of a recipe, margins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from data.store import Store
from study.analyse import analyse
from study.config import AnalysisPlan

MakeStore = Callable[..., Store]
Analysed = tuple[Store, dict[str, pd.DataFrame]]


def test_a_plan_that_names_patients_clusters_by_them(analysed: Analysed) -> None:
    store = analysed[0]
    plan = AnalysisPlan.model_validate({"delong": [{"contrast": "pretrain", "group": "patient"}]})
    rows = analyse(store, plan)["comparisons"]
    assert (rows["method"] == "Obuchowski clustered paired").all()
    assert not rows["note"].fillna("").str.contains("count as independent").any()
    plain = (
        analysed[1]["comparisons"]
        .query("analysis == 'delong' and task == 'knee' and arm_a == 'ImageNet'")
        .squeeze()
    )
    clustered = rows.query("task == 'knee' and arm_a == 'ImageNet'").squeeze()
    assert clustered["estimate"] == plain["estimate"]
    assert f"p {clustered['p_value']:.4g}" in plain["note"]


def test_a_plan_that_names_patients_needs_their_ids(make_store: MakeStore) -> None:
    store = make_store(change=lambda row, frame: frame.assign(group_id=None))
    plan = AnalysisPlan.model_validate({"delong": [{"contrast": "pretrain", "group": "patient"}]})
    rows = analyse(store, plan)["comparisons"]
    assert rows["p_value"].isna().all()
    assert rows["note"].str.contains("clusters by patient, but the data set has no patient ids").all()


@pytest.mark.parametrize("kind", ["delong", "mcnemar", "recipe", "roc", "threshold", "calibration", "winner"])
def test_a_patient_in_training_and_test_stops_a_plan_by_patient(make_store: MakeStore, kind: str) -> None:
    store = make_store()
    plan = AnalysisPlan.model_validate({kind: [{"contrast": "pretrain", "group": "patient"}]})
    manifest = store.read_manifest("knee")
    manifest.loc[manifest["image_id"] == "knee-test-07", "group_id"] = "train-p0"
    store.write_manifest("knee", manifest)
    message = "1 patients of task knee have images in training and in the test set, first 'train-p0'"
    with pytest.raises(ValueError, match=message):
        analyse(store, plan)
    analyse(store, AnalysisPlan.model_validate({kind: [{"contrast": "pretrain"}]}))  # takes images as units


def test_recipes_are_compared_over_all_seeds_of_their_best_settings(make_store: MakeStore) -> None:
    store = make_store()
    cells = store.cells().set_index("cell_id")
    for cell_id, row in cells.iterrows():  # a second seed of every cell, with scores of its own
        plain = {key: None if pd.isna(value) else value for key, value in row.items()}
        frame = store.read_predictions(task=row["task"], cell_ids=[str(cell_id)])
        noise = np.random.default_rng(int(row["index"])).normal(size=len(frame))
        again = frame.assign(
            cell_id=f"s{cell_id}", seed=1, logit_1=(frame["logit_1"] + noise).astype("float32")
        )
        again["score"] = 1 / (1 + np.exp(-again["logit_1"].astype(float)))
        store.write_cell(
            {**plain, "cell_id": f"s{cell_id}", "seed": 1, "index": 100 + int(row["index"])}, again
        )
    plan = AnalysisPlan.model_validate({"recipe": [{"contrast": "pretrain", "group": "patient"}]})
    tables = analyse(store, plan)
    rows = tables["comparisons"]
    assert len(rows) == 4
    assert rows["p_value"].notna().all()
    models, recipes = (rows[rows["comparison"].str.contains(text)] for text in ("these trained", "new seeds"))
    assert (recipes["std_error"].to_numpy() >= models["std_error"].to_numpy()).all()
    assert recipes["method"].str.contains("seeds paired across arms").all()
    metrics = tables["metrics"]
    own = metrics[(metrics["task"] == "knee") & (metrics["pretrain"] == "ImageNet")]
    best = (
        own.groupby(["head", "filters"], dropna=False)[["val_auc", "test_auc"]].mean().nlargest(1, "val_auc")
    )
    found = models.query("task == 'knee'").squeeze()
    assert found["estimate_a"] == pytest.approx(best["test_auc"].iloc[0], rel=1e-9)


def test_one_seed_says_nothing_about_recipes(analysed: Analysed) -> None:
    plan = AnalysisPlan.model_validate({"recipe": [{"contrast": "pretrain"}]})
    rows = analyse(analysed[0], plan)["comparisons"]
    recipes = rows[rows["comparison"].str.contains("new seeds")]
    assert recipes["p_value"].isna().all()
    assert recipes["note"].str.contains("one seed only").all()


def test_a_margin_in_the_plan_tests_non_inferiority(analysed: Analysed) -> None:
    entry = {"contrast": "head", "reference": "Linear", "margin": 0.1, "group": "patient"}
    tables = analyse(analysed[0], AnalysisPlan.model_validate({"margin": [entry]}))
    rows = tables["comparisons"]
    assert set(rows["analysis"]) == {"non-inferiority"}
    assert sorted(rows["arm_a"]) == ["Conv", "Conv", "ConvSkip", "ConvSkip"]
    assert (rows["arm_b"] == "Linear").all()
    assert (rows["p_adjusted"] >= rows["p_value"]).all()
    shown = rows["p_value"] < 0.025
    assert (shown == (rows["conf_low"] > -0.1)).all()
    assert tables["findings"]["sentence"].str.contains("non-inferiority margin 0.1").all()
    wrong = AnalysisPlan.model_validate({"margin": [{**entry, "reference": "Tree"}]})
    assert (
        analyse(analysed[0], wrong)["comparisons"]["note"].str.contains("the reference Tree is no arm").all()
    )


def test_mcnemar_by_patient_of_the_plan_is_the_clustered_test(analysed: Analysed) -> None:
    plain = AnalysisPlan.model_validate({"mcnemar": [{"contrast": "head"}]})
    clustered = AnalysisPlan.model_validate({"mcnemar": [{"contrast": "head", "group": "patient"}]})
    images = analyse(analysed[0], plain)["comparisons"].query("arm_b.notna()")
    patients = analyse(analysed[0], clustered)["comparisons"]
    assert patients["method"].str.startswith("clustered McNemar, Obuchowski 1998").all()
    assert patients["family"].str.contains("by patient").all()
    assert patients["note"].str.contains(r"permutation of patients p \S+ \(exact").all()
    assert patients["estimate"].tolist() == images["estimate"].tolist()
    assert patients["arm_a"].tolist() == images["arm_a"].tolist()
    tested = patients["p_value"].notna()
    assert tested.any()
    assert (patients.loc[tested, "p_adjusted"] >= patients.loc[tested, "p_value"]).all()
    assert (patients["n_groups"] < patients["n"]).any()


def test_an_ignored_patient_column_is_told_with_its_design_effect(analysed: Analysed) -> None:
    entries = {kind: [{"contrast": "pretrain"}] for kind in ("mcnemar", "roc", "threshold", "calibration")}
    tables = analyse(analysed[0], AnalysisPlan.model_validate({**entries, "winner": [{}], "pairs": [{}]}))
    rows = tables["comparisons"]
    assert rows["note"].str.contains("60 images of 30 patients count as independent").all()
    mcnemar = rows[rows["analysis"] == "mcnemar"]
    assert mcnemar["note"].str.contains(r"clustered by patient: variance x \d\.\d\d, p \d").any()
    for name in ("estimates", "pairs"):
        assert tables[name]["note"].str.contains("images of 30 patients count as independent").all()
