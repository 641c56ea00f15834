"""`study compare`: K score columns of one table, everything at once, in tables and a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from stats.calibration.brier_tests import brier_score
from stats.rates.mcnemar import mcnemar_test
from stats.rates.thresholds import choose_threshold
from stats.roc.auc import auc
from stats.roc.delong import delong
from stats.roc.partial_auc import partial_auc
from study.cli import app

TABLES = {
    *("auc", "auc_pairs", "roc", "roc_bands", "winner", "thresholded", "rate_pairs"),
    *("calibration", "brier_pairs", "reliability", "decision"),
}


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    rng = np.random.default_rng(8)
    sick = np.arange(90) % 3 == 0
    frame = pd.DataFrame({"truth": np.where(sick, "malignant", "benign")})
    frame["patient"] = [f"p{i // 2}" for i in range(90)]
    for name, shift in (("a", 1.2), ("b", 0.8), ("c", 0.3)):
        frame[name] = 1 / (1 + np.exp(-rng.normal(size=90) - shift * (2 * sick - 1)))
    frame["logit_a"] = np.log(frame["a"] / (1 - frame["a"]))
    path = tmp_path / "scores.csv"
    frame.to_csv(path, index=False)
    return path


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    return result.stdout if code == 0 else result.stderr


OPTIONS = ("--label", "truth", "--positive", "malignant", "--n-resamples", "100")


def test_json_holds_every_table_with_the_numbers_of_the_tests(scores: Path) -> None:
    report = json.loads(run(scores, *OPTIONS, "--scores", "a,b,c", "--json"))
    assert set(report) == {*TABLES, "notes"}
    frame = pd.read_csv(scores)
    y = frame["truth"] == "malignant"
    fit = delong(y, frame[["a", "b", "c"]])
    pairs = report["auc_pairs"]
    assert [row["comparison"] for row in pairs] == ["a - b", "a - c", "b - c", "all AUCs equal"]
    assert [row["p_adjusted"] for row in pairs[:3]] == fit.pairs.p_adjusted.tolist()
    assert pairs[3]["p_value"] == fit.overall.p_value
    assert report["rate_pairs"][9]["comparison"] == "all accuracies equal"
    correct = [(frame[name] >= 0.5) == y for name in "abc"]
    assert report["rate_pairs"][0]["p_value"] == mcnemar_test(correct[0], correct[1]).p_mid
    brier = {r["arm_a"]: r["estimate"] for r in report["calibration"] if r["metric"] == "brier"}
    assert brier["b"] == brier_score(y, frame["b"]).brier


def test_patients_are_clustered_everywhere(scores: Path) -> None:
    report = json.loads(run(scores, *OPTIONS, "--scores", "a,b", "--group", "patient", "--json"))
    assert report["auc_pairs"][0]["method"] == "Obuchowski clustered paired"
    assert "Obuchowski" in report["rate_pairs"][0]["method"]
    counts = {row["metric"]: row["n_groups"] for row in report["rate_pairs"]}
    assert counts == {"accuracy": 45, "sensitivity": 30, "specificity": 45}  # patients with such images
    assert {row["n_groups"] for row in report["calibration"]} == {45}
    assert {row["n_groups"] for row in report["brier_pairs"]} == {45}


@pytest.fixture
def divided(scores: Path) -> Path:
    """The table with a split column that keeps patients together."""
    frame = pd.read_csv(scores)
    frame["part"] = np.where(np.arange(90) < 44, "val", "test")
    path = scores.with_name("divided.csv")
    frame.to_csv(path, index=False)
    return path


def test_thresholds_and_the_winner_are_chosen_on_the_validation_rows(divided: Path) -> None:
    options = (*OPTIONS, "--scores", "a,b,c", "--split", "part", "--rule", "sensitivity", "--target", "0.9")
    report = json.loads(run(divided, *options, "--json"))
    frame = pd.read_csv(divided)
    val, test = frame[frame["part"] == "val"], frame[frame["part"] == "test"]
    cut = choose_threshold(val["truth"] == "malignant", val["a"], rule="sensitivity", target=0.9)
    first = next(r for r in report["thresholded"] if r["metric"] == "specificity" and r["arm_a"] == "a")
    benign = test[test["truth"] == "benign"]
    assert first["estimate"] == pytest.approx((benign["a"] < cut.threshold).mean())
    assert "chosen on 44 validation images by sensitivity 0.9" in first["note"]
    assert {row["n"] for row in report["auc"]} == {46}
    winner = {row["comparison"]: row for row in report["winner"]}
    best = max("abc", key=lambda name: auc(val["truth"] == "malignant", val[name]))
    assert {row["arm_a"] for row in winner.values()} == {best}
    assert winner["naive, best of 3"]["estimate"] == auc(val["truth"] == "malignant", val[best])
    assert winner["test, best of 3"]["estimate"] == auc(test["truth"] == "malignant", test[best])
    assert winner["corrected, best of 3"]["estimate"] < winner["naive, best of 3"]["estimate"]
    text = run(divided, *options)
    assert "what the choice adds" in text
    assert "Called positive at the sensitivity threshold" in text


def test_a_patient_in_both_parts_is_refused(divided: Path) -> None:
    frame = pd.read_csv(divided)
    frame.loc[44, "patient"] = "p0"
    frame.to_csv(divided, index=False)
    options = (*OPTIONS, "--scores", "a,b", "--split", "part", "--group", "patient")
    assert "have rows in val and in test (first 'p0')" in run(divided, *options, code=2)


def test_parts_of_the_curve_are_compared(scores: Path) -> None:
    asked = ("--specificity", "0.9", "--sensitivity", "0.95", "--partial-auc", "0.8,1", "--adjust", "max-t")
    report = json.loads(run(scores, *OPTIONS, "--scores", "a,b,c", *asked, "--json"))
    names = ["sensitivity at specificity 0.9", "specificity at sensitivity 0.95"]
    names.append("partial auc, specificity 0.8 to 1")
    assert [row["metric"] for row in report["roc_parts"] if row["arm_a"] == "b"] == names
    assert list(dict.fromkeys(row["metric"] for row in report["roc_part_pairs"])) == names
    y = pd.read_csv(scores)["truth"] == "malignant"
    area = next(r for r in report["roc_parts"] if r["metric"] == names[2] and r["arm_a"] == "c")
    assert area["estimate"] == partial_auc(y, pd.read_csv(scores)["c"], low=0.8)
    assert report["auc_pairs"][0]["family"] == "all pairs, max-t"
    assert {row["method"] for row in report["roc_bands"]} == {
        "Kolmogorov bands of both classes, joined (Campbell 1994)"
    }
    text = run(scores, *OPTIONS, "--scores", "a,b,c", *asked)
    assert "Differences partial auc, specificity 0.8 to 1" in text


def test_a_reference_restricts_the_auc_pairs(scores: Path) -> None:
    report = json.loads(run(scores, *OPTIONS, "--scores", "a,b,c", "--reference", "b", "--json"))
    assert [row["comparison"] for row in report["auc_pairs"]] == ["a - b", "c - b", "all AUCs equal"]


def test_a_margin_gives_tests_of_non_inferiority(scores: Path) -> None:
    options = (*OPTIONS, "--scores", "a,b,c", "--margin", "0.1")
    both = json.loads(run(scores, *options, "--json"))["noninferiority"]
    assert [row["comparison"] for row in both] == ["a - b", "b - a", "a - c", "c - a", "b - c", "c - b"]
    against = json.loads(run(scores, *options, "--reference", "b", "--json"))["noninferiority"]
    assert [row["comparison"] for row in against] == ["a - b", "c - b"]
    text = run(scores, *options, "--reference", "b")
    assert "Non-inferiority" in text
    mover = json.loads(run(scores, *options, "--margin-method", "mover-logit", "--json"))["noninferiority"]
    assert mover[0]["method"].startswith("MOVER of logit limits (DeLong paired), non-inferiority margin 0.1")
    assert mover[0]["conf_low"] != both[0]["conf_low"]


def test_log_odds_and_their_probabilities_agree(scores: Path) -> None:
    raw = json.loads(run(scores, *OPTIONS, "--scores", "a", "--json"))
    logits = json.loads(run(scores, *OPTIONS, "--scores", "logit_a", "--logits", "--json"))
    for one, other in zip(raw["calibration"], logits["calibration"], strict=True):
        assert one["estimate"] == pytest.approx(other["estimate"], rel=1e-9)


def test_scores_that_are_no_probabilities_are_only_ranked(scores: Path) -> None:
    report = json.loads(run(scores, *OPTIONS, "--scores", "a,logit_a", "--json"))
    assert set(report) == {"auc", "auc_pairs", "roc", "roc_bands", "winner", "notes"}
    assert "logit_a is no probability" in report["notes"][0]


def test_files_and_picture_are_written(scores: Path, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    text = run(scores, *OPTIONS, "--scores", "a,b,c", "--out", folder)
    assert "DeLong: differences of AUCs" in text
    assert "Called positive at 0.5 and above" in text
    assert {path.stem for path in folder.glob("*.csv")} == TABLES
    assert {path.stem for path in folder.glob("*.parquet")} == TABLES
    assert (folder / "comparison.svg").read_text().count("<svg") == 1
    picture = np.asarray(Image.open(folder / "comparison.png").convert("L"))
    assert picture.shape[1] > 1200
    assert (picture < 128).mean() > 0.002


def test_the_same_seed_gives_the_same_intervals(scores: Path) -> None:
    first, again, other = (
        json.loads(run(scores, *OPTIONS, "--scores", "a", "--seed", seed, "--json")) for seed in (1, 1, 2)
    )
    assert first == again
    assert first["decision"] != other["decision"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scores", "a,d"), "no column 'd'"),
        (("--scores", "a,b", "--reference", "d"), "--reference is 'd'; the models are 'a', 'b'"),
        (("--scores", "a,b", "--rule", "youden"), "--rule chooses thresholds on validation images"),
        (("--scores", "a,b", "--specificity", "high"), "--specificity is 'high'; give numbers"),
        (("--scores", "a,b", "--partial-auc", "0.9"), "--partial-auc is '0.9'; give 2 numbers"),
        (("--scores", "a,b", "--partial-auc", "1,0.9"), "needs 0 <= `low` < `high` <= 1"),
        (("--scores", "a,b", "--split", "patient"), "a split column holds 'val' and 'test', both of them"),
        (("--scores", "a,b", "--target", "0.9"), "--target has no effect without --rule"),
        (("--scores", "a,b", "--margin-method", "mover-logit"), "no effect without --margin;"),
        (("--scores", "a,b", "--focus", "sensitivity"), "--focus has no effect without --partial-auc"),
        (("--scores", "a,b", "--rule", "youden", "--threshold", "0.4"), "both set the threshold"),
        (("--scores", "a,b", "--band", "wide"), "allowed are 'auto', 'ks', 'fixed-width', 'none'"),
        (("--scores", "a,b", "--margin", "0.1", "--reference", "z"), "--reference is 'z'; the models are"),
        (("--scores", "a,b", "--margin", "-0.1"), "margin"),
        (("--scores", "a,truth"), "`truth` is named as label and as score"),
        (("--scores", "a,patient"), "`patient` is not numeric"),
    ],
)
def test_bad_options_are_refused(scores: Path, options: tuple[str, ...], message: str) -> None:
    assert message in run(scores, *OPTIONS, *options, code=2)


def test_a_class_of_one_image_is_named_by_its_column(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("truth,a\n1,0.9\n0,0.2\n0,0.3\n")
    message = run(path, "--label", "truth", "--scores", "a", code=2)
    assert "`truth` has 1 rows of '1' and 2 others; DeLong needs at least 2 of each" in message


def test_a_file_is_no_folder(scores: Path) -> None:
    assert "is a file; give a folder" in run(scores, *OPTIONS, "--scores", "a", "--out", scores, code=2)
