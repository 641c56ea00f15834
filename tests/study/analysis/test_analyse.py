"""From a store to result tables: what is compared with what, and what happens when something is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.atomic import write_parquet
from data.store import Store
from stats.ranks.sign_flip import sign_flip_test
from stats.ranks.wilcoxon import rank_sum_test, signed_rank_test
from stats.rates.mcnemar import mcnemar_test
from stats.results import RESULT_COLUMNS
from stats.roc.delong import delong
from study.analyse import analyse
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
        "selected",
        "roc",
        "roc_bands",
        "reliability",
        "decision",
        "data_summary",
        "findings",
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


def test_mixed_models_keep_cells_without_a_grouping_factor(analysed: Analysed) -> None:
    tables = analysed[1]
    model = tables["mixed_models"].iloc[0]
    assert model["n"] == 20
    assert "4 cells without filters form the level 'not used'" in model["note"]
    random = tables["mixed_random"]
    assert pick(random, model=1, group="filters")["levels"] == 3
    assert set(tables["mixed_fixed"]["term"]) == {
        "Intercept",
        "pretrain[RadImageNet]",
        "head[ConvSkip]",
        "head[Linear]",
    }


def test_contrasts_stand_among_the_comparisons(analysed: Analysed) -> None:
    rows = analysed[1]["comparisons"]
    rows = rows[rows["analysis"] == "contrast"]
    assert rows["comparison"].tolist() == ["Conv - ConvSkip", "Conv - Linear", "ConvSkip - Linear"]
    assert rows["p_adjusted"].ge(rows["p_value"]).all()
    assert rows["planned"].all()


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


def test_comparisons_outside_the_plan_are_marked(make_store: MakeStore) -> None:
    store = make_store()
    own = parse_study(store.read_study()).analysis
    other = plan_of(delong=[{"contrast": "pretrain"}, {"contrast": "filters"}])
    tables = analyse(store, other, own_plan=own)
    rows = tables["comparisons"]
    assert rows[rows["comparison"].str.startswith("pretrain")]["planned"].all()
    assert not rows[rows["comparison"].str.startswith("filters")]["planned"].any()
    assert tables["findings"]["planned"].sum() == 2


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


def test_data_summary_counts_images_and_patients(analysed: Analysed) -> None:
    summary = analysed[1]["data_summary"]
    row = pick(summary, task="knee", split="test", label=1)
    assert (row["class"], row["n_images"], row["n_groups"]) == ("torn", 20, 20)
    assert summary["n_images"].sum() == 360


def test_a_disagreement_of_the_engines_is_told(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stats.lmm import crosscheck_statsmodels

    plan = plan_of(mixed=[{"formula": "test_auc ~ pretrain + (1|head)"}])
    store = make_store()
    agreed = analyse(store, plan)["mixed_models"].loc[0, "note"]
    assert "statsmodels" not in (agreed or "")
    monkeypatch.setattr(crosscheck_statsmodels, "ESTIMATES_AGREE", -1.0)
    told = analyse(store, plan)["mixed_models"].loc[0, "note"]
    assert "(lower fits better)" in told


def test_findings_compare_with_the_baseline_of_the_fitted_cells(make_store: MakeStore) -> None:
    """Without a done Conv cell the heads are compared with ConvSkip; without intercept they are means."""
    store = make_store(change=lambda row, frame: None if row["head"] == "Conv" else frame)
    formulas = ("test_auc ~ head + (1|task)", "test_auc ~ 0 + head + (1|task)")
    plan = AnalysisPlan.model_validate({"mixed": [{"formula": text} for text in formulas]})
    findings = analyse(store, plan)["findings"]
    told = findings.loc[findings["analysis"] == "mixed", "sentence"].tolist()
    assert "head Linear against ConvSkip" in told[0] or "head Linear than with ConvSkip" in told[0]
    assert ["the mean of test_auc with head" in text for text in told] == [False, True, True]


def test_terms_and_variances_have_their_tests_and_shares(analysed: Analysed) -> None:
    tables = analysed[1]
    tests = tables["mixed_tests"]
    head = pick(tests[tests["model"] == 2], part="fixed")
    assert (head["term"], head["df1"]) == ("head", 2)
    assert set(tests.loc[tests["part"] == "random", "df1"]) == {1}
    assert tables["mixed_shares"].groupby("model")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert tables["mixed_models"]["r2_conditional"].between(0, 1).all()


def test_a_factor_with_unused_cells_has_one_role(analysed: Analysed) -> None:
    plan = AnalysisPlan.model_validate({"mixed": [{"formula": "test_auc ~ filters + (1|filters)"}]})
    note = analyse(analysed[0], plan)["mixed_models"].loc[0, "note"]
    assert "`filters` is fixed and random" in note


def test_cells_left_out_of_a_model_stand_in_its_finding(make_store: MakeStore) -> None:
    plan = AnalysisPlan.model_validate({"mixed": [{"formula": "test_auc ~ filters + (1|task)"}]})
    tables = analyse(make_store(), plan)
    assert "4 cells with missing values left out" in tables["findings"].loc[0, "sentence"]
    assert tables["mixed_models"].loc[0, "note"].count("4 ") == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"formula": "test_auc ~ pretain + (1|task)"}, "names `pretain`, which is no column of the cells"),
        ({"formula": "test_auc ~ log(lr) + (1|task)"}, "would be code"),
        (
            {"formula": "test_auc ~ pretrain + (1|task)", "contrasts": {"head": "pairwise"}},
            "compares levels of `head`, which is not among its fixed effects \\(pretrain\\)",
        ),
    ],
)
def test_a_model_that_cannot_be_meant_stops_before_the_analysis(
    make_store: MakeStore, entry: dict[str, Any], message: str
) -> None:
    store = make_store()
    with pytest.raises(ValueError, match=message):
        analyse(store, AnalysisPlan.model_validate({"mixed": [entry]}))
    text = (store.root / "study.toml").read_text()
    text = text[: text.index("[[analysis.mixed]]")]
    body = f'[[analysis.mixed]]\nformula = "{entry["formula"]}"\n'
    if "contrasts" in entry:
        body += 'contrasts = { head = "pairwise" }\n'
    with pytest.raises(ValueError, match=message):
        parse_study(text + body)


def test_cells_of_equal_settings_cannot_be_paired(make_store: MakeStore) -> None:
    store = make_store()
    twice = store.read_predictions(task="breast", cell_ids=["c00"], splits=("val", "test"))
    row = {**store.cells().set_index("cell_id").loc["c00"].to_dict(), "cell_id": "c99", "index": 99}
    row = {key: None if value is None or value != value else value for key, value in row.items()}
    store.write_cell(row, twice.assign(cell_id="c99"))
    plan = AnalysisPlan.model_validate({"wilcoxon": [{"contrast": "pretrain", "paired": True}]})
    with pytest.raises(ValueError, match="Several cells of pretrain RadImageNet have the same settings"):
        analyse(store, plan)
