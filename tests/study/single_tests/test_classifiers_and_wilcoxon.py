"""`study test` on user tables: the JSON contract, the printed tables, and every kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
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


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    rows = [
        {"pretrain": p, "head": h, "filters": f, "auc": rng.normal(0.8 + 0.05 * (p == "Rad"), 0.02)}
        for p in ("Rad", "Image")
        for h in ("Linear", "Conv", "Skip")
        for f in ((None,) if h == "Linear" else (4, 16))
    ]
    path = tmp_path / "grid.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
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


def test_mcnemar_counts_correct_rows(scores: Path, run: Run) -> None:
    report = json.loads(
        run("mcnemar", scores, "--label", "truth", "--predictions", "called_a,called_b", "--json")
    )
    frame = pd.read_csv(scores)
    right_a, right_b = frame["called_a"] == frame["truth"], frame["called_b"] == frame["truth"]
    assert report["only_a"] == (right_a & ~right_b).sum()
    assert report["both_correct"] == (right_a & right_b).sum()
    assert report["difference"] == pytest.approx(right_a.mean() - right_b.mean())
    assert report["conf_low"] < report["difference"] < report["conf_high"]
    assert report["conf_method"].startswith("Newcombe 1998 paired")
    for key in ("chi2_corrected", "chi2", "exact", "mid_p"):
        assert 0 < report[key]["p_value"] <= 1
    assert report["chi2"]["df"] == 1
    assert report["odds_ratio"] == report["only_a"] / report["only_b"]


def test_mcnemar_without_an_odds_ratio_is_null(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "calls.csv"
    pd.DataFrame({"y": [1, 0, 1, 0], "a": [1, 0, 1, 0], "b": [1, 0, 0, 1]}).to_csv(path, index=False)
    report = json.loads(run("mcnemar", path, "--label", "y", "--predictions", "a,b", "--json"))
    assert (report["only_a"], report["only_b"], report["odds_ratio"]) == (2, 0, None)


def test_mcnemar_with_patients_takes_them_as_independent(tmp_path: Path, run: Run) -> None:
    """Five copies of every image tell nothing more: the clustered p is that of one image per patient."""
    one = pd.DataFrame({"y": [1] * 12, "a": [1] * 9 + [0] * 3, "b": [0] * 7 + [1] * 5})
    one["patient"] = [f"p{i}" for i in range(12)]
    path = tmp_path / "calls.csv"
    reports = []
    for copies in (1, 5):
        pd.concat([one] * copies).to_csv(path, index=False)
        arguments = ("mcnemar", path, "--label", "y", "--predictions", "a,b", "--group", "patient")
        reports.append(json.loads(run(*arguments, "--json")))
        assert "clustered, permutation of patients" in run(*arguments)
    single, repeated = reports
    assert repeated["clustered"]["n_groups"] == 12
    for variant in ("obuchowski", "durkalski", "permutation"):
        expected = single["clustered"][variant]["p_value"]
        assert repeated["clustered"][variant]["p_value"] == pytest.approx(expected, rel=1e-12)
    assert single["clustered"]["permutation"]["p_value"] == pytest.approx(single["exact"]["p_value"])
    assert repeated["chi2"]["p_value"] < single["chi2"]["p_value"] / 10
    assert any("use the clustered tests" in note for note in repeated["notes"])


def test_mcnemar_tables_are_printed(scores: Path, run: Run) -> None:
    text = run("mcnemar", scores, "--label", "truth", "--predictions", "called_a,called_b")
    assert "only called_a right" in text
    assert "mid-p" in text


def test_wilcoxon_counts_the_first_level(grid: Path, run: Run) -> None:
    report = json.loads(run("wilcoxon", grid, "--value", "auc", "--by", "pretrain", "--json"))
    frame = pd.read_csv(grid)
    first, second = (frame.loc[frame["pretrain"] == level, "auc"] for level in ("Image", "Rad"))
    assert report["levels"] == ["Image", "Rad"]
    assert report["n"] == [5, 5]
    assert report["W"] == sum(a > b for a in first for b in second)
    assert report["test"] == "rank-sum"
    assert report["exact"] is True
    assert report["correction"] is False
    assert report["conf_low"] < report["hodges_lehmann"] < report["conf_high"]


def test_wilcoxon_pairs_rows_by_the_match_columns_with_missing_values(grid: Path, run: Run) -> None:
    arguments = ("wilcoxon", grid, "--value", "auc", "--by", "pretrain", "--paired", "--json")
    report = json.loads(run(*arguments, "--match", "head,filters"))
    frame = pd.read_csv(grid).pivot_table(
        index=["head", "filters"], columns="pretrain", values="auc", dropna=False
    )
    d = (frame["Image"] - frame["Rad"]).dropna()
    assert report["test"] == "signed-rank"
    assert report["n"] == [5, 5]
    assert report["V"] == d.abs().rank()[d > 0].sum()
    flips = report["permutation"]
    assert report["notes"] == ["2 rows with an empty cell in head, filters are matched with each other"]
    assert flips["mean_difference"] == pytest.approx(d.mean())
    assert flips["exact"] is True
    sums = np.array(list(product((-1, 1), repeat=5))) @ d.abs().to_numpy()
    assert flips["p_value"] == np.mean(np.abs(sums) >= abs(d.sum()) - 1e-12)


def test_wilcoxon_levels_that_are_numbers_sort_by_value(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "numbers.csv"
    pd.DataFrame({"filters": [16, 16, 4, 4], "v": [1.0, 2, 3, 4]}).to_csv(path, index=False)
    report = json.loads(run("wilcoxon", path, "--value", "v", "--by", "filters", "--json"))
    assert report["levels"] == ["4", "16"]
    assert report["W"] == 4


def test_wilcoxon_tables_are_printed(grid: Path, run: Run) -> None:
    text = run("wilcoxon", grid, "--value", "auc", "--by", "pretrain")
    assert "Wilcoxon rank-sum, exact" in text
    assert "Hodges-Lehmann" in text


def test_parquet_gives_the_same_as_csv(scores: Path, tmp_path: Path, run: Run) -> None:
    parquet = tmp_path / "scores.parquet"
    pd.read_csv(scores).to_parquet(parquet)
    arguments = ("--label", "y", "--scores", "a,b", "--json")
    assert run("delong", scores, *arguments) == run("delong", parquet, *arguments)


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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "There is no file"),
        ("empty.csv", b"", "cannot be read as a table"),
        ("header.csv", b"y,a\n", "has no rows"),
        ("ragged.csv", b"y,a\n1,2\n1,2,3\n", "cannot be read as a table"),
        ("table.xlsx", b"x", "ends in '.xlsx'; allowed are .csv, .tsv and .parquet"),
        ("bad.parquet", b"no parquet", "cannot be read as a table"),
        ("latin.csv", "y,größe\n1,2\n".encode("latin-1"), "is not UTF-8 text; save it again"),
    ],
)
def test_unreadable_files_are_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str, refused: Run
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert message in refused("delong", path, "--label", "y", "--scores", "a")


def test_a_folder_is_refused(tmp_path: Path, refused: Run) -> None:
    assert "is a folder" in refused("delong", tmp_path, "--label", "y", "--scores", "a")


def test_mcnemar_refuses_bad_input(scores: Path, refused: Run) -> None:
    message = refused("mcnemar", scores, "--label", "y", "--predictions", "a,b")
    assert "`a` holds values that are no label" in message
    message = refused("mcnemar", scores, "--label", "y", "--predictions", "called_a,called_b")
    assert "`called_a` and `y` have no level in common (benign, malignant against 0, 1)" in message
    assert "give 2 column names" in refused("mcnemar", scores, "--label", "y", "--predictions", "a,b,c")


WILCOXON_ERRORS = [
    (("--value", "auc", "--by", "head"), "`head` has 3 levels ('Conv', 'Linear', 'Skip')"),
    (("--value", "head", "--by", "pretrain"), "`head` is not numeric"),
    (("--value", "filters", "--by", "pretrain"), "`filters` has 2 missing or infinite values (row 1, 6)"),
    (("--value", "auc", "--by", "filters"), "`filters` is missing in 2 rows (row 1, 6)"),
    (("--value", "auc", "--by", "pretrain", "--paired"), "--paired needs --match COLS"),
    (("--value", "auc", "--by", "pretrain", "--match", "head"), "--match was given without --paired"),
    (
        ("--value", "auc", "--by", "pretrain", "--paired", "--match", "head,pretrain"),
        "--match names 'pretrain', which is the factor itself",
    ),
    (
        ("--value", "auc", "--by", "pretrain", "--paired", "--match", "head"),
        "The pair head=Conv has several rows of 'Rad'",
    ),
]


@pytest.mark.parametrize(("options", "message"), WILCOXON_ERRORS)
def test_wilcoxon_refuses_bad_input(grid: Path, options: tuple[str, ...], message: str, refused: Run) -> None:
    assert message in refused("wilcoxon", grid, *options)


def test_wilcoxon_names_a_row_without_partner(grid: Path, tmp_path: Path, refused: Run) -> None:
    path = tmp_path / "short.csv"
    pd.read_csv(grid).iloc[:-1].to_csv(path, index=False)
    message = refused(
        "wilcoxon", path, "--value", "auc", "--by", "pretrain", "--paired", "--match", "head,filters"
    )
    assert "1 rows of 'Rad' have no partner in 'Image', first The pair head=Skip, filters=16" in message


def test_wilcoxon_refuses_one_level(tmp_path: Path, refused: Run) -> None:
    path = tmp_path / "one.csv"
    path.write_text("g,v\na,1\na,2\n")
    message = refused("wilcoxon", path, "--value", "v", "--by", "g")
    assert "`g` has 1 level ('a'); a Wilcoxon test compares exactly two" in message


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
