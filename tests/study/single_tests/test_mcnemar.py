"""`study test mcnemar`: the JSON contract, the printed tables, and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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


def test_mcnemar_refuses_bad_input(scores: Path, refused: Run) -> None:
    message = refused("mcnemar", scores, "--label", "y", "--predictions", "a,b")
    assert "`a` holds values that are no label" in message
    message = refused("mcnemar", scores, "--label", "y", "--predictions", "called_a,called_b")
    assert "`called_a` and `y` have no level in common (benign, malignant against 0, 1)" in message
    assert "give 2 column names" in refused("mcnemar", scores, "--label", "y", "--predictions", "a,b,c")
