"""`study test cochran`: K classifiers by which rows each got right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stats.rates.cochran import cochran_test

Run = Callable[..., str]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    truth = np.where(np.arange(50) % 3 == 0, "yes", "no")
    frame = pd.DataFrame({"truth": truth})
    for name, wrong in (("a", 0.1), ("b", 0.3), ("c", 0.35)):
        frame[name] = np.where(rng.random(50) < wrong, np.where(truth == "yes", "no", "yes"), truth)
    path = tmp_path / "calls.csv"
    frame.to_csv(path, index=False)
    return path


def test_json_has_q_its_permutation_and_every_pair(calls: Path, run: Run) -> None:
    report = json.loads(run("cochran", calls, "--label", "truth", "--predictions", "a,b,c", "--json"))
    frame = pd.read_csv(calls)
    correct = frame[["a", "b", "c"]].eq(frame["truth"], axis=0).to_numpy()
    fit = cochran_test(correct, names=["a", "b", "c"], rng=np.random.default_rng(0))
    assert (report["Q"], report["df"], report["p_value"]) == (fit.statistic, 2, fit.p_chi2)
    assert report["permutation"]["p_value"] == fit.p_permutation
    assert [m["correct"] for m in report["models"]] == correct.sum(axis=0).tolist()
    assert [(c["model_a"], c["model_b"]) for c in report["comparisons"]] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    assert [c["p_adjusted"] for c in report["comparisons"]] == fit.pair_p_adjusted.tolist()


def test_q_is_printed_with_its_pairs(calls: Path, run: Run) -> None:
    text = run("cochran", calls, "--label", "truth", "--predictions", "a,b,c")
    assert "All accuracies equal: Q" in text
    assert "McNemar for every pair" in text


def test_one_column_is_no_comparison(calls: Path, refused: Run) -> None:
    message = refused("cochran", calls, "--label", "truth", "--predictions", "a")
    assert "--predictions is 'a'; give 2 or more column names" in message
