"""`study test wilcoxon`: the JSON contract, the printed tables, and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., str]


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
