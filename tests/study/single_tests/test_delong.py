"""`study test delong`: the JSON contract, the printed tables, and every kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stats.multiplicity.adjust import ADJUSTMENTS, adjust_p
from stats.multiplicity.max_t import max_t_test
from stats.roc.delong import delong

Run = Callable[..., str]


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    sick = np.arange(60) % 3 == 0
    frame = pd.DataFrame({"truth": np.where(sick, "malignant", "benign"), "y": sick.astype(int)})
    frame["a"] = rng.normal(size=60) + 1.5 * sick
    frame["b"] = rng.normal(size=60) + 0.8 * sick
    frame["c"] = rng.normal(size=60) - 0.5 * sick
    frame["patient"] = [f"p{i // 2}" for i in range(60)]
    frame["stage"] = np.where(sick, "T2", np.where(np.arange(60) % 2 == 0, "T0", "T1"))
    frame["called_a"] = np.where(frame["a"] > 0.5, "malignant", "benign")
    frame["called_b"] = np.where(frame["b"] > 0.5, "malignant", "benign")
    path = tmp_path / "scores.csv"
    frame.to_csv(path, index=False)
    return path


def test_delong_json_has_the_contract_and_every_digit(scores: Path, run: Run) -> None:
    report = json.loads(
        run("delong", scores, "--label", "truth", "--scores", "a,b,c", "--positive", "malignant", "--json")
    )
    frame = pd.read_csv(scores)
    fit = delong(frame["y"], frame[["a", "b", "c"]])
    assert report["n_positive"] == 20
    assert report["n_negative"] == 40
    assert [m["name"] for m in report["models"]] == ["a", "b", "c"]
    assert set(report["models"][0]) == {"name", "auc", "std_error", "conf_low", "conf_high"}
    assert [m["auc"] for m in report["models"]] == fit.auc.tolist()
    pairs = [(c["model_a"], c["model_b"]) for c in report["comparisons"]]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]
    first = report["comparisons"][0]
    assert first["difference"] == pytest.approx(report["models"][0]["auc"] - report["models"][1]["auc"])
    assert first["statistic"] == fit.pairs.statistic[0]
    assert [c["p_adjusted"] for c in report["comparisons"]] == fit.pairs.p_adjusted.tolist()
    assert first["df"] is None
    assert np.array(report["covariance"]).shape == (3, 3)
    assert report["global"]["df"] == 2
    assert report["method"] == "DeLong paired"


def test_delong_max_t_adds_simultaneous_intervals(scores: Path, run: Run) -> None:
    call = ("delong", scores, "--label", "y", "--scores", "a,b,c", "--adjust", "max-t")
    report = json.loads(run(*call, "--reference", "b", "--json"))
    frame = pd.read_csv(scores)
    joint = max_t_test(frame["y"], frame[["a", "b", "c"]], names=["a", "b", "c"], reference="b")
    assert [(c["model_a"], c["model_b"]) for c in report["comparisons"]] == [("a", "b"), ("c", "b")]
    assert [c["p_adjusted"] for c in report["comparisons"]] == joint.p_adjusted.tolist()
    assert [c["simultaneous_conf_low"] for c in report["comparisons"]] == joint.conf_low.tolist()
    assert report["max_t"]["critical_value"] == joint.critical_value
    assert "p (max-t)" in run(*call)


def test_delong_refuses_max_t_and_a_reference_without_pairs(scores: Path, refused: Run) -> None:
    call = ("delong", scores, "--label", "y", "--scores", "a,b", "--unpaired")
    assert "--adjust max-t needs models on the same images" in refused(*call, "--adjust", "max-t")
    assert "--reference needs models on the same images" in refused(*call, "--reference", "a")
    wrong = refused("delong", scores, "--label", "y", "--scores", "a,b", "--reference", "c")
    assert "`reference` is 'c'; the models are 'a', 'b'" in wrong


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_delong_takes_every_adjustment(scores: Path, run: Run, adjust: str) -> None:
    report = json.loads(
        run("delong", scores, "--label", "y", "--scores", "a,b,c", "--adjust", adjust, "--json")
    )
    raw = [c["p_value"] for c in report["comparisons"]]
    assert [c["p_adjusted"] for c in report["comparisons"]] == adjust_p(raw, adjust).tolist()


def test_delong_takes_zero_one_labels_without_positive(scores: Path, run: Run) -> None:
    report = json.loads(run("delong", scores, "--label", "y", "--scores", "a,b", "--json"))
    assert (report["n_positive"], report["positive"]) == (20, "1")


def test_delong_positive_level_can_be_any(scores: Path, run: Run) -> None:
    one = json.loads(run("delong", scores, "--label", "y", "--scores", "a", "--json"))
    other = json.loads(run("delong", scores, "--label", "y", "--scores", "a", "--positive", "0", "--json"))
    assert other["n_positive"] == 40
    assert other["models"][0]["auc"] == pytest.approx(1 - one["models"][0]["auc"], abs=1e-15)
    assert any("below 0.5" in note for note in other["notes"])


def test_delong_one_level_against_the_others_is_noted(scores: Path, run: Run) -> None:
    report = json.loads(
        run("delong", scores, "--label", "stage", "--scores", "a,b", "--positive", "T2", "--json")
    )
    assert report["n_positive"] == 20
    assert "T2 against T0, T1" in report["notes"]


def test_delong_groups_change_the_variance_not_the_auc(scores: Path, run: Run) -> None:
    plain = json.loads(run("delong", scores, "--label", "y", "--scores", "a,b", "--json"))
    clustered = json.loads(
        run("delong", scores, "--label", "y", "--scores", "a,b", "--group", "patient", "--json")
    )
    assert clustered["n_groups"] == 30
    assert clustered["method"] == "Obuchowski clustered paired"
    assert clustered["models"][0]["auc"] == plain["models"][0]["auc"]
    assert clustered["models"][0]["std_error"] != plain["models"][0]["std_error"]


def test_delong_unpaired_uses_each_columns_filled_rows(scores: Path, tmp_path: Path, run: Run) -> None:
    frame = pd.read_csv(scores)
    frame.loc[:29, "b"] = np.nan
    frame.loc[30:, "a"] = np.nan
    path = tmp_path / "two-samples.csv"
    frame.to_csv(path, index=False)
    report = json.loads(run("delong", path, "--label", "y", "--scores", "a,b", "--unpaired", "--json"))
    comparison = report["comparisons"][0]
    assert report["method"] == "DeLong unpaired (Welch t)"
    assert 20 < comparison["df"] < 60
    assert comparison["std_error"] == pytest.approx(
        np.hypot(report["models"][0]["std_error"], report["models"][1]["std_error"])
    )
    assert report["covariance"][0][1] == 0
    assert report["notes"] == []


def test_delong_unpaired_says_where_rows_are_shared(scores: Path, run: Run) -> None:
    report = json.loads(run("delong", scores, "--label", "y", "--scores", "a,b", "--unpaired", "--json"))
    assert any("count as different images" in note for note in report["notes"])


def test_missing_numbers_are_null_in_valid_json(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "perfect.csv"
    pd.DataFrame({"y": [1, 1, 0, 0], "a": [2.0, 2, 1, 1], "b": [1.0, 1, 1, 1]}).to_csv(path, index=False)
    text = run("delong", path, "--label", "y", "--scores", "a,b", "--json")
    assert "NaN" not in text
    report = json.loads(text)
    assert report["comparisons"][0]["p_value"] is None
    assert any("variance of 0" in note for note in report["notes"])


def test_delong_tables_are_printed(scores: Path, run: Run) -> None:
    text = run("delong", scores, "--label", "y", "--scores", "a,b,c")
    assert "20 positive (1), 40 negative" in text
    assert "a - b" in text
    assert "chi-square" in text
    assert "below 0.5" in " ".join(text.split())


DELONG_ERRORS = [
    (("--label", "y", "--scores", "a,d"), "no column 'd'; it has 'truth', 'y', 'a'"),
    (("--label", "truth", "--scores", "a,b"), "say which one is positive with --positive LEVEL"),
    (("--label", "stage", "--scores", "a,b"), "has the levels 'T0', 'T1', 'T2'; say which one"),
    (
        ("--label", "truth", "--scores", "a", "--positive", "bad"),
        "--positive is 'bad'; `truth` has the levels",
    ),
    (("--label", "y", "--scores", "a,patient"), "`patient` is not numeric ('p0', 'p0', 'p1')"),
    (("--label", "y", "--scores", "a,a"), "--scores names 'a' twice"),
    (("--label", "y", "--scores", "a,,b"), "give 1 or more column names separated by commas"),
    (("--label", "y", "--scores", "a,b", "--group", "patient", "--unpaired"), "--group cannot be joined"),
    (("--label", "y", "--scores", "a,b", "--conf-level", "95"), "must lie between 0 and 1"),
]


@pytest.mark.parametrize(("options", "message"), DELONG_ERRORS)
def test_delong_refuses_bad_input(scores: Path, options: tuple[str, ...], message: str, refused: Run) -> None:
    assert message in refused("delong", scores, *options)


def test_delong_names_the_rows_of_missing_scores(tmp_path: Path, refused: Run) -> None:
    path = tmp_path / "holes.csv"
    path.write_text("y,a\n1,0.2\n0,\n1,0.4\n0,inf\n1,NA\n")
    message = refused("delong", path, "--label", "y", "--scores", "a")
    assert "`a` has 3 missing or infinite values (row 2, 4, 5)" in message


def test_delong_refuses_one_class_and_missing_labels(tmp_path: Path, refused: Run) -> None:
    path = tmp_path / "one.csv"
    path.write_text("y,z,a\n1,1,0.2\n1,,0.3\n1,0,0.4\n")
    assert "`y` has one class only ('1')" in refused("delong", path, "--label", "y", "--scores", "a")
    assert "`z` is missing in 1 row (row 2)" in refused("delong", path, "--label", "z", "--scores", "a")


@pytest.mark.parametrize("level", ["TRUE", "true", "True"])
def test_positive_may_be_spelled_as_in_the_file(tmp_path: Path, level: str, run: Run) -> None:
    path = tmp_path / "logical.csv"
    path.write_text("y, a\n" + "TRUE,0.9\nFALSE,0.2\nTRUE,0.6\nFALSE,0.7\n")
    report = json.loads(run("delong", path, "--label", "y", "--scores", "a", "--positive", level, "--json"))
    assert (report["n_positive"], report["models"][0]["auc"]) == (2, 0.75)
    path.write_text("y,a\n1,0.9\n0,0.2\n1,0.6\n0,0.7\n")
    assert json.loads(
        run("delong", path, "--label", "y", "--scores", "a", "--positive", "1.0", "--json")
    ) == json.loads(run("delong", path, "--label", "y", "--scores", "a", "--positive", "1", "--json"))


def test_delong_names_the_column_that_lacks_a_class(tmp_path: Path, refused: Run) -> None:
    path = tmp_path / "few.csv"
    path.write_text("y,a,b\n1,0.9,\n0,0.2,0.1\n1,0.6,0.3\n0,0.7,0.2\n")
    message = refused("delong", path, "--label", "y", "--scores", "a,b", "--unpaired")
    assert "`y` has 1 rows of '1' and 2 others where `b` has a value" in message
