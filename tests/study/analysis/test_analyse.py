"""From a complete store and its plan to the result tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.store import Store
from stats.ranks.sign_flip import sign_flip_test
from stats.ranks.wilcoxon import rank_sum_test, signed_rank_test
from stats.rates.mcnemar import mcnemar_test
from stats.results import RESULT_COLUMNS
from stats.roc.delong import delong
from study.analyse import analyse
from study.analyses.data_flow import data_flow
from study.config import AnalysisPlan, parse_study

MakeStore = Callable[..., Store]


Analysed = tuple[Store, dict[str, pd.DataFrame]]


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


def test_tables_are_written_and_returned(analysed: Analysed) -> None:
    store, tables = analysed
    assert set(store.results()) == set(tables)
    assert set(tables) == {
        "metrics",
        "comparisons",
        "estimates",
        "pairs",
        "mixed_fixed",
        "mixed_random",
        "mixed_models",
        "mixed_tests",
        "mixed_shares",
        "split_metrics",
        "detectable",
        "selected",
        "roc",
        "roc_bands",
        "reliability",
        "decision",
        "data_summary",
        "data_flow",
        "data_audit",
        "data_shortcut",
        "findings",
        "analysed",
    }
    for name, table in tables.items():
        stored = store.read_result(name)
        assert list(stored.columns) == list(table.columns)
        assert len(stored) == len(table)
    assert tuple(tables["comparisons"].columns) == RESULT_COLUMNS
    again = run(store)
    pd.testing.assert_frame_equal(again["comparisons"], tables["comparisons"])


def test_delong_compares_the_best_cell_of_each_arm_on_validation(analysed: Analysed) -> None:
    store, tables = analysed
    metrics = tables["metrics"]
    knee = metrics[metrics["task"] == "knee"]
    best = {arm: own.loc[own["val_auc"].idxmax()] for arm, own in knee.groupby("pretrain")}
    scores = store.read_predictions(task="knee", splits=("test",))
    columns = [
        scores[scores["cell_id"] == best[arm]["cell_id"]].set_index("image_id")
        for arm in ("ImageNet", "RadImageNet")
    ]
    aligned = np.column_stack([c.loc[columns[0].index, "logit_1"] for c in columns])
    fit = delong(columns[0]["label"], aligned)
    row = pick(tables["comparisons"], analysis="delong", task="knee", arm_a="ImageNet", arm_b="RadImageNet")
    assert row["comparison"] == "pretrain: ImageNet - RadImageNet"
    assert (row["estimate_a"], row["estimate_b"]) == (fit.auc[0], fit.auc[1])
    assert (row["estimate"], row["statistic"]) == (fit.pairs.difference[0], fit.pairs.statistic[0])
    assert row["p_adjusted"] == row["p_value"] == fit.pairs.p_value[0]
    assert (row["n"], row["n_positive"], row["n_groups"]) == (60, 20, 30)
    chosen = tables["selected"]
    own = pick(chosen, task="knee", contrast="pretrain", arm="ImageNet")
    assert own["cell_id"] == best["ImageNet"]["cell_id"]
    assert own["test_auc"] == fit.auc[0]
    assert own["test_auc_low"] == pytest.approx(fit.conf_low[0], rel=1e-12)


def test_patients_are_noted_with_the_design_effect(analysed: Analysed) -> None:
    row = pick(analysed[1]["comparisons"], analysis="delong", task="knee", arm_b="RadImageNet")
    assert "60 images of 30 patients count as independent (clustered by patient: variance x" in row["note"]


def test_three_arms_give_all_pairs_with_holm_and_a_global_test(analysed: Analysed) -> None:
    rows = analysed[1]["comparisons"]
    rows = rows[(rows["analysis"] == "delong") & (rows["task"] == "breast")]
    rows = rows[rows["comparison"].str.startswith("head: ")]
    pairs = rows[rows["arm_b"].notna()]
    assert pairs["comparison"].tolist() == [
        "head: Conv - ConvSkip",
        "head: Conv - Linear",
        "head: ConvSkip - Linear",
    ]
    assert pairs["family"].nunique() == 1
    smallest = pairs["p_value"].idxmin()
    assert pairs.loc[smallest, "p_adjusted"] == pytest.approx(3 * pairs.loc[smallest, "p_value"])
    overall = rows[rows["arm_b"].isna()].iloc[0]
    assert overall["comparison"] == "head: all arms equal"
    assert overall["df"] == 2


def test_mcnemar_uses_the_same_cells_at_one_half(analysed: Analysed) -> None:
    store, tables = analysed
    chosen = tables["selected"]
    chosen = chosen[(chosen["task"] == "breast") & (chosen["contrast"] == "pretrain")].set_index("arm")
    scores = store.read_predictions(task="breast", splits=("test",))
    right = []
    for arm in ("ImageNet", "RadImageNet"):
        own = scores[scores["cell_id"] == chosen.loc[arm, "cell_id"]].sort_values("image_id")
        right.append(((own["score"] >= 0.5) == (own["label"] == 1)).to_numpy())
    fit = mcnemar_test(*right)
    row = pick(tables["comparisons"], analysis="mcnemar", task="breast")
    assert (row["statistic"], row["p_value"]) == (fit.statistic_corrected, fit.p_corrected)
    assert row["estimate"] == fit.difference
    assert f"only ImageNet right on {fit.only_a} images, only RadImageNet on {fit.only_b}" in row["note"]
    assert f"mid-p {fit.p_mid:.4g}" in row["note"]


def test_wilcoxon_takes_all_cells_of_each_arm(analysed: Analysed) -> None:
    tables = analysed[1]
    metrics = tables["metrics"]
    knee = metrics[metrics["task"] == "knee"]
    x, y = (knee.loc[knee["pretrain"] == arm, "test_auc"] for arm in ("ImageNet", "RadImageNet"))
    fit = rank_sum_test(x, y, decimals=12)
    rows = tables["comparisons"]
    row = pick(rows[rows["method"].str.startswith("Wilcoxon rank-sum")], task="knee")
    assert (row["statistic"], row["p_value"], row["n"]) == (fit.statistic, fit.p_value, 10)
    assert row["metric"] == "test_auc"


def test_paired_wilcoxon_pairs_cells_that_differ_in_the_contrast_only(analysed: Analysed) -> None:
    tables = analysed[1]
    wide = tables["metrics"].pivot_table(
        index=["task", "head", "filters"], columns="pretrain", values="test_auc", dropna=False
    )
    wide = wide.dropna()
    fit = signed_rank_test(wide["ImageNet"], wide["RadImageNet"], decimals=12)
    rows = tables["comparisons"]
    row = rows[rows["method"].str.startswith("Wilcoxon signed-rank")].iloc[0]
    assert len(wide) == 10
    assert (row["statistic"], row["p_value"], row["n"]) == (fit.statistic, fit.p_value, 10)
    assert pd.isna(row["task"])


def test_permutation_takes_the_pairs_of_the_signed_rank_test(analysed: Analysed) -> None:
    tables = analysed[1]
    wide = tables["metrics"].pivot_table(
        index=["task", "head", "filters"], columns="pretrain", values="test_auc", dropna=False
    )
    wide = wide.dropna()
    fit = sign_flip_test(wide["ImageNet"], wide["RadImageNet"], rng=np.random.default_rng(0))
    row = pick(tables["comparisons"], analysis="permutation")
    assert (row["p_value"], row["estimate"], row["n"]) == (fit.p_value, fit.mean_difference, 10)
    assert row["method"] == "sign-flip permutation of the mean, exact"
    assert row["family"] == "permutation test_auc pretrain, all"
    text = pick(tables["findings"], analysis="permutation")["sentence"]
    assert "over 10 pairs of cells that differ in nothing else" in text


def test_comparisons_outside_the_plan_are_marked(make_store: MakeStore) -> None:
    store = make_store()
    own = parse_study(store.read_study()).analysis
    other = plan_of(delong=[{"contrast": "pretrain"}, {"contrast": "filters"}])
    tables = analyse(store, other, own_plan=own)
    rows = tables["comparisons"]
    assert rows[rows["comparison"].str.startswith("pretrain")]["planned"].all()
    assert not rows[rows["comparison"].str.startswith("filters")]["planned"].any()
    assert tables["findings"]["planned"].sum() == 2


def test_every_comparison_has_a_name_of_its_own(make_store: MakeStore) -> None:
    plan = plan_of(
        delong=[{"contrast": "pretrain"}, {"contrast": "pretrain", "select": "val_f1"}],
        wilcoxon=[
            {"contrast": "pretrain"},
            {"contrast": "pretrain", "paired": True},
            {"contrast": "pretrain", "by": ["task", "head"]},
        ],
    )
    rows = analyse(make_store(), plan)["comparisons"]
    assert not rows.duplicated(["analysis", "task", "comparison"]).any()
    assert "pretrain: ImageNet - RadImageNet (chosen by val_f1)" in set(rows["comparison"])
    assert "pretrain: ImageNet - RadImageNet, paired cells" in set(rows["comparison"])
    assert "pretrain: ImageNet - RadImageNet (knee, head Conv)" in set(rows["comparison"])


def test_roc_curves_end_at_the_corners_and_match_the_auc(analysed: Analysed) -> None:
    tables = analysed[1]
    for _, curve in tables["roc"].groupby(["task", "contrast", "arm"]):
        area = (
            np.diff(curve["fpr"]) * (curve["tpr"].to_numpy()[1:] + curve["tpr"].to_numpy()[:-1]) / 2
        ).sum()
        auc = tables["metrics"].set_index("cell_id").loc[curve["cell_id"].iloc[0], "test_auc"]
        assert area == pytest.approx(auc, abs=1e-9)
        assert curve.iloc[0][["fpr", "tpr"]].tolist() == [0.0, 0.0]


def test_data_flow_adds_up_from_the_data_set_to_the_split(make_store: Callable[..., Store]) -> None:
    store = make_store()
    kept = len(store.read_manifest("knee"))
    left_out = pd.DataFrame(
        {"image_id": ["a", "b", "c"], "reason": ["duplicate", "label conflict", "duplicate"]}
    ).assign(duplicate_of="d")
    store.write_exclusions("knee", left_out)
    flow = data_flow(store).query("task == 'knee'")
    assert flow["step"].tolist() == ["found", "left out", "left out", "took part"]
    assert flow["reason"].tolist()[1:3] == ["duplicate", "label conflict"]
    assert flow["n_images"].tolist() == [kept + 3, 2, 1, kept]
    assert data_flow(store).query("task == 'breast'")["step"].tolist() == ["found", "took part"]


def test_data_summary_counts_images_and_patients(analysed: Analysed) -> None:
    summary = analysed[1]["data_summary"]
    row = pick(summary, task="knee", split="test", label=1)
    assert (row["class"], row["n_images"], row["n_groups"]) == ("torn", 20, 20)
    assert summary["n_images"].sum() == 360
