"""Cross-validation from the study file to the result tables, on a store that was trained for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.splits.folds import fold_split
from data.store import Store
from stats.roc.delong import delong
from study.analyse import analyse
from study.config import AnalysisPlan

FOLDED = """
name = "folded"
seeds = [0, 1]

[tasks.breast]
dataset = "phantom-breast"
positive = ["malignant"]
options = { n_patients = 60, size = 48, difficulty = 0.2, seed = 5 }
split = { folds = 3, val = 0.2 }

[factors]
pretrain = ["random", "file:WEIGHTS"]
head = ["Linear", "NonLinear"]

[protocol]
backbone = "ResNet18"
epochs = 1
batch_size = 16
image_size = 48
lr = 1e-2
fc_ratio = 0.25

[analysis]
delong = [{ contrast = "pretrain" }, { contrast = "pretrain", group = "patient" }]
mcnemar = [{ contrast = "pretrain" }]
margin = [{ contrast = "head", reference = "Linear", margin = 0.1 }]
recipe = [{ contrast = "pretrain" }]
roc = [{ contrast = "pretrain" }]
winner = [{ contrast = "pretrain" }]
pairs = [{}]
wilcoxon = [{ contrast = "pretrain" }, { contrast = "pretrain", paired = true }]
permutation = [{ contrast = "head", by = ["task", "fold"] }]
mixed = [{ formula = "test_auc ~ pretrain + (1|fold)" }, { formula = "test_auc ~ pretrain + (1|head)" }]
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory, study_command, other_weights) -> Store:
    folder = tmp_path_factory.mktemp("folded")
    path = folder / "folded.toml"
    path.write_text(FOLDED.replace("WEIGHTS", str(other_weights)), encoding="utf-8")
    planned = study_command("run-grid", path, "--dry-run")
    assert "24 cells in 6 groups" in planned.stdout
    result = study_command("run-grid", path, "--store", folder / "store", "--no-gradcam")
    assert result.exit_code == 0, result.output
    assert "fold 2" in result.stderr
    return Store.open(folder / "store")


@pytest.fixture(scope="module")
def tables(store: Store, study_command) -> dict[str, pd.DataFrame]:
    result = study_command("stats", store.root)
    assert result.exit_code == 0, result.output
    return {name: store.read_result(name) for name in store.results()}


def test_every_cell_predicts_the_images_of_its_own_fold(store: Store):
    split = store.read_split("breast")
    cells = store.cells()
    assert sorted(cells["fold"].unique()) == [0, 1, 2]
    for row in cells.itertuples():
        own = fold_split(split, row.fold)
        for part in ("val", "test"):
            seen = store.read_predictions(cell_ids=[row.cell_id], splits=(part,))
            assert set(seen["image_id"]) == set(own.loc[own["split"] == part, "image_id"])
            assert set(seen["fold"]) == {row.fold}
    tested = store.read_predictions(splits=("test",)).groupby("image_id").size()
    assert set(tested) == {len(cells) // 3}


def test_delong_averages_the_folds_of_the_best_settings(store: Store, tables):
    row = tables["comparisons"].query("analysis == 'delong'").iloc[0]
    metrics = tables["metrics"]
    ids = {}
    for arm, own in metrics.groupby("pretrain"):
        means = own.groupby(["head", "seed"])[["val_auc", "test_auc"]].mean()
        best = means["val_auc"].idxmax()
        chosen = own[(own["head"] == best[0]) & (own["seed"] == best[1])].sort_values("fold")
        ids[arm] = list(chosen["cell_id"])
        estimate = row["estimate_a"] if arm == row["arm_a"] else row["estimate_b"]
        assert estimate == pytest.approx(means["test_auc"][best], rel=1e-12)
    variance = 0.0
    for fold in range(3):
        one, other = (
            store.read_predictions(cell_ids=[ids[arm][fold]], splits=("test",))
            for arm in (row["arm_a"], row["arm_b"])
        )
        assert one["image_id"].tolist() == other["image_id"].tolist()
        margins = [f["logit_1"].astype(float) - f["logit_0"].astype(float) for f in (one, other)]
        fit = delong(one["label"].to_numpy(), np.column_stack(margins))
        variance += float(fit.pairs.std_error[0]) ** 2 / 9
    assert row["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert row["n"] == len(store.read_manifest("breast"))
    assert "3 folds; speaks of their trained models" in row["note"]
    clustered = tables["comparisons"].query("analysis == 'delong'").iloc[1]
    assert clustered["method"] == "Obuchowski clustered paired, mean over strata"


def test_mcnemar_counts_each_image_once(store: Store, tables):
    row = tables["comparisons"].query("analysis == 'mcnemar'").squeeze()
    assert row["n"] == len(store.read_manifest("breast"))
    assert "correct answers of all folds pooled" in row["note"]


def test_recipes_take_the_corrected_resampled_t(store: Store, tables):
    row = tables["comparisons"].query("analysis == 'recipe'").squeeze()
    assert row["method"].startswith("corrected resampled t")
    assert (row["n"], row["df"]) == (3, 2)
    assert "seeds averaged within folds (2 per fold)" in row["note"]
    metrics = tables["metrics"]
    best = {arm: own.groupby("head")["val_auc"].mean().idxmax() for arm, own in metrics.groupby("pretrain")}
    folds = {
        arm: metrics[(metrics["pretrain"] == arm) & (metrics["head"] == head)]
        .groupby("fold")["test_auc"]
        .mean()
        for arm, head in best.items()
    }
    d = folds[row["arm_a"]] - folds[row["arm_b"]]
    counts = store.read_split("breast").groupby("split").size()
    error = np.sqrt(d.var(ddof=1) * (1 / 3 + counts["test"] / counts["train"]))
    assert row["std_error"] == pytest.approx(error, rel=1e-12)


@pytest.mark.parametrize("analysis", ["non-inferiority", "roc", "winner"])
def test_an_analysis_without_a_form_for_folds_says_so(tables, analysis):
    rows = pd.concat([tables["comparisons"], tables["estimates"]])
    rows = rows[rows["analysis"].str.startswith(analysis)]
    assert len(rows)
    assert rows["p_value"].isna().all()
    assert rows["note"].str.contains("cross-validation: scores of different folds").all()


def test_all_pairs_of_cells_are_not_compared_over_folds(tables):
    assert "cross-validation" in tables["pairs"]["note"].iloc[0]


def test_tests_over_cells_say_that_folds_share_images(tables):
    rows = tables["comparisons"]
    wilcoxon = rows[rows["analysis"] == "wilcoxon"]
    assert wilcoxon["note"].str.contains("cells of 3 folds count as independent").all()
    by_fold = rows[rows["analysis"] == "permutation"]
    assert len(by_fold) == 3
    assert not by_fold["note"].fillna("").str.contains("count as independent").any()
    with_fold, without = tables["mixed_models"]["note"].fillna("")
    assert "count as independent" not in with_fold
    assert "cells of 3 folds count as independent" in without


def test_selected_and_roc_hold_means_over_folds(tables):
    chosen = tables["selected"]
    assert set(chosen["n_folds"]) == {3}
    assert (chosen["test_auc_low"] < chosen["test_auc"]).all()
    metrics = tables["metrics"].set_index("cell_id")["test_auc"]
    for row in chosen.itertuples():
        assert row.test_auc == pytest.approx(metrics[row.cell_ids.split()].mean())
    for _, curve in tables["roc"].groupby(["contrast", "arm"]):
        assert curve["tpr"].is_monotonic_increasing
        assert (curve["fpr"].iloc[0], curve["tpr"].iloc[-1]) == (0.0, 1.0)


def test_folds_are_no_arms(store: Store):
    plan = AnalysisPlan.model_validate({"wilcoxon": [{"contrast": "fold"}]})
    with pytest.raises(ValueError, match="contrast `fold`: folds test different images"):
        analyse(store, plan)


def test_an_arm_without_all_folds_is_named(tmp_path: Path, store: Store):
    import shutil

    copy = Store.open(shutil.copytree(store.root, tmp_path / "store"))
    for row in copy.cells().itertuples():
        if row.fold == 1 and row.pretrain == "random":
            (copy.root / "cells" / f"{row.cell_id}.json").unlink()
    plan = AnalysisPlan.model_validate(
        {"delong": [{"contrast": "pretrain"}], "recipe": [{"contrast": "pretrain"}]}
    )
    rows = analyse(copy, plan)["comparisons"]
    assert rows["note"].str.contains("not run").all()
    assert rows["note"].str.contains("no done cell of random|no settings of random have all folds").all()


def test_a_manuscript_is_made_from_folds(store: Store, tables):
    from manuscript import floats, floats_figures
    from manuscript.load import load_report

    report = load_report(store.root)
    assert "3 folds" in floats.selected(report).as_raw_html()
    floats.roc(report)
    floats_figures.curves(report)
