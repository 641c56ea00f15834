"""Plan entries beyond AUC and accuracy: parts of curves, thresholds, calibration, winners, all pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from data.store import Store
from stats.multiplicity.max_t import max_t_test
from stats.pairing import paired_predictions
from stats.rates.thresholds import choose_threshold
from stats.roc.delong import delong
from stats.roc.operating_point import operating_point_ci
from study.analyse import analyse
from study.analyses.predictions import split_predictions
from study.config import parse_analysis

PLAN = """
[analysis]
[[analysis.roc]]
contrast = "pretrain"
specificity = [0.8]
partial_auc = [0.8, 1.0]
[[analysis.threshold]]
contrast = "pretrain"
rule = "sensitivity"
target = 0.9
[[analysis.threshold]]
contrast = "pretrain"
[[analysis.calibration]]
contrast = "pretrain"
group = "patient"
[[analysis.winner]]
contrast = "pretrain"
[[analysis.pairs]]
adjust = "bh"
[[analysis.mcnemar]]
contrast = "head"
[[analysis.delong]]
contrast = "head"
adjust = "max-t"
reference = "Linear"
"""


@pytest.fixture(scope="module")
def found(analysed) -> tuple[Store, dict[str, pd.DataFrame]]:
    store, _ = analysed
    return store, analyse(store, parse_analysis(PLAN))


def arm_scores(store: Store, tables: dict[str, pd.DataFrame], task: str, split: str):
    """Labels, and scores of the selected cells of the pretrainings by arm."""
    chosen = tables["selected"].query("task == @task and contrast == 'pretrain'").drop_duplicates("arm")
    rows = store.read_predictions(task=task, cell_ids=chosen["cell_id"].tolist(), splits=(split,))
    parts = dict(iter(rows.groupby("cell_id")))
    return paired_predictions(
        {arm: parts[c] for arm, c in zip(chosen["arm"], chosen["cell_id"], strict=True)}
    )


def test_operating_points_stand_among_the_estimates_and_their_differences_among_the_comparisons(found):
    store, tables = found
    paired = arm_scores(store, tables, "breast", "test")
    rows = tables["estimates"].query("analysis == 'roc' and task == 'breast'")
    assert rows["metric"].unique().tolist() == [
        "sensitivity at specificity 0.8",
        "partial auc, specificity 0.8 to 1",
    ]
    for k, arm in enumerate(paired.names):
        own = rows[(rows["arm_a"] == arm) & rows["metric"].str.startswith("sensitivity")].iloc[0]
        direct = operating_point_ci(paired.labels, paired.ranking[:, k], specificity=0.8)
        assert (own["estimate"], own["conf_low"]) == (direct.estimate, direct.conf_low)
    pairs = tables["comparisons"].query("analysis == 'roc' and task == 'breast'")
    assert pairs["comparison"].unique().tolist() == ["pretrain: ImageNet - RadImageNet"]
    by_metric = rows.set_index(["metric", "arm_a"])["estimate"]
    for row in pairs.itertuples():
        assert row.estimate == pytest.approx(
            by_metric[row.metric, "ImageNet"] - by_metric[row.metric, "RadImageNet"]
        )
    assert pairs["family"].nunique() == 2


def test_thresholds_come_from_validation_and_rates_from_test(found):
    store, tables = found
    val, test = (arm_scores(store, tables, "knee", split) for split in ("val", "test"))
    rows = tables["estimates"].query("analysis == 'threshold' and task == 'knee'")
    assert len(rows) == 2 * 2 * 8
    own = rows[rows["comparison"].str.endswith(", sensitivity threshold 0.9")]
    for k, arm in enumerate(val.names):
        cut = choose_threshold(val.labels, val.scores[:, k], rule="sensitivity", target=0.9)
        called = test.scores[:, k] >= cut.threshold
        row = own[(own["arm_a"] == arm) & (own["metric"] == "specificity")].iloc[0]
        assert row["estimate"] == pytest.approx((~called & ~test.labels).sum() / (~test.labels).sum())
        assert f"{cut.threshold:.6g} chosen on 60 validation images" in row["note"]
    pairs = tables["comparisons"].query("analysis == 'threshold' and task == 'knee'")
    assert pairs["metric"].tolist() == ["accuracy", "sensitivity", "specificity"] * 2
    assert pairs["family"].nunique() == 6
    assert pairs.query("metric == 'sensitivity'")["n"].tolist() == [20, 20]


def test_calibration_by_patient_has_curves(found):
    _, tables = found
    rows = tables["estimates"].query("analysis == 'calibration'")
    assert set(rows["n_groups"]) == {30}
    assert {"brier", "slope", "ece"} <= {str(m).rpartition("calibration_")[2] for m in rows["metric"]}
    for name in ("reliability", "decision"):
        assert set(tables[name]["task"]) == {"breast", "knee"}
        assert {"ImageNet", "RadImageNet"} <= set(tables[name]["arm"])
    brier = tables["comparisons"].query("analysis == 'calibration'")
    assert brier["metric"].tolist() == ["brier", "brier"]


def test_the_winner_of_the_grid_and_of_each_arm_is_corrected(found):
    _, tables = found
    rows = tables["estimates"].query("analysis == 'winner' and task == 'breast'")
    assert rows["comparison"].tolist() == [
        f"{where}: {what}, best of {k}"
        for where, k in (("all cells", 10), ("pretrain ImageNet", 5), ("pretrain RadImageNet", 5))
        for what in ("naive", "corrected", "test")
    ]
    metrics = tables["metrics"].query("task == 'breast'")
    best = metrics.loc[metrics["val_auc"].idxmax()]
    assert rows["arm_a"].iloc[0] == best["cell_id"]
    assert rows["estimate"].iloc[0] == pytest.approx(best["val_auc"], abs=1e-12)
    assert rows["estimate"].iloc[2] == pytest.approx(best["test_auc"], abs=1e-12)
    assert rows["estimate"].iloc[1] < rows["estimate"].iloc[0]
    sentence = tables["findings"].query("analysis == 'winner'")["sentence"].iloc[0]
    assert f"the best of 10 cells (all cells), {best['cell_id']}" in sentence
    assert "the choice among 10 is worth" in sentence


def test_all_pairs_of_cells_are_delongs(found):
    store, tables = found
    rows = tables["pairs"].query("task == 'knee'")
    assert len(rows) == 45
    ids = tables["metrics"].query("task == 'knee'")["cell_id"].tolist()
    frames = store.read_predictions(task="knee", cell_ids=ids, splits=("test",))
    parts = dict(iter(frames.groupby("cell_id")))
    paired = paired_predictions({cell: parts[cell] for cell in ids})
    fit = delong(paired.labels, paired.ranking, names=ids, adjust="bh")
    np.testing.assert_array_equal(rows["p_adjusted"], fit.pairs.p_adjusted)
    differ = int((rows["p_adjusted"] < 0.05).sum())
    sentence = tables["findings"].query("analysis == 'pairs' and task == 'knee'")["sentence"].iloc[0]
    assert sentence.startswith(f"knee: of the 45 pairs of 10 cells {differ} differ in test AUC")


def test_three_arms_have_cochrans_q(found):
    _, tables = found
    rows = tables["comparisons"].query("analysis == 'mcnemar' and task == 'breast'")
    q = rows[rows["arm_b"].isna()]
    assert len(rows) == 4
    assert q["comparison"].tolist() == ["head: all arms equal"]
    assert q["df"].tolist() == [2.0]
    assert q["method"].tolist() == ["Cochran Q, chi-square"]


def test_max_t_against_a_reference_in_the_plan(found):
    store, tables = found
    rows = tables["comparisons"].query("analysis == 'delong' and task == 'breast' and arm_b == 'Linear'")
    assert rows["arm_a"].tolist() == ["Conv", "ConvSkip"]
    chosen = tables["selected"].query("task == 'breast' and contrast == 'head'").drop_duplicates("arm")
    frames = store.read_predictions(task="breast", cell_ids=chosen["cell_id"].tolist(), splits=("test",))
    parts = dict(iter(frames.groupby("cell_id")))
    names = chosen["arm"].tolist()
    paired = paired_predictions({a: parts[c] for a, c in zip(names, chosen["cell_id"], strict=True)})
    joint = max_t_test(paired.labels, paired.ranking, names=names, reference="Linear")
    assert rows["p_adjusted"].tolist() == joint.p_adjusted.tolist()


def test_cells_without_images_of_a_split_are_named(make_store: Callable[..., Store]):
    def test_only(row, frame):
        return frame[frame["split"] == "test"] if row["head"] == "Linear" else frame

    store = make_store(change=test_only)
    with pytest.raises(ValueError, match="cell c00 has no predictions of val images"):
        split_predictions(store, "breast", ["c01", "c00"], "val")


def test_an_entry_that_cannot_run_says_why_in_its_row(make_store: Callable[..., Store]):
    def one_arm(row, frame):
        return frame if row["pretrain"] == "ImageNet" else None

    tables = analyse(make_store(change=one_arm), parse_analysis(PLAN))
    rows = tables["comparisons"].query("analysis in ('roc', 'threshold', 'calibration')")
    assert len(rows) == 8
    assert rows["note"].str.startswith("not run: no done cell of RadImageNet").all()
    winners = tables["estimates"].query("analysis == 'winner' and task == 'knee'")
    assert "not run: 0 done cell: nothing to choose from" in winners["note"].iloc[-1]
