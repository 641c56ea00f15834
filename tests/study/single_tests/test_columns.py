"""Columns of users: one role each, levels spelled alike, ids kept apart, and what they may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., str]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(8)
    sick = np.arange(24) % 2
    frame = pd.DataFrame({"truth": sick, "model_a": rng.random(24), "model_b": rng.random(24)})
    frame["patient"] = np.arange(24) // 2
    frame["called"] = rng.integers(0, 2, 24)
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


def changed(table: Path, **columns: object) -> Path:
    path = table.with_name("changed.parquet")
    pd.read_csv(table).assign(**columns).to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("delong", "--scores", "truth,model_a"), "`truth` is named as label and as score"),
        (
            ("delong", "--scores", "model_a", "--group", "model_a"),
            "`model_a` is named as score and as patient",
        ),
        (("delong", "--scores", "model_a", "--group", "truth"), "`truth` is named as label and as patient"),
        (("mcnemar", "--predictions", "truth,called"), "`truth` is named as label and as prediction"),
    ],
)
def test_a_column_has_one_role(table: Path, call: tuple[str, ...], message: str, refused: Run) -> None:
    """Labels given as scores would be a perfect model."""
    assert message in refused(call[0], table, "--label", "truth", *call[1:])


def test_a_factor_is_not_its_own_value(table: Path, refused: Run) -> None:
    message = refused("wilcoxon", table, "--value", "truth", "--by", "truth")
    assert "`truth` is named as value and as factor" in message


@pytest.mark.parametrize(("typed", "meant"), [("Model_A", "model_a"), ("modelb", "model_b")])
def test_the_nearest_column_is_proposed(table: Path, typed: str, meant: str, refused: Run) -> None:
    message = refused("delong", table, "--label", "truth", "--scores", typed)
    assert f"The table has no column {typed!r}; it has 'truth', 'model_a'" in message
    assert f"Did you mean {meant!r}?" in message
    assert "Did you mean" not in refused("delong", table, "--label", "truth", "--scores", "xyz")


@pytest.mark.parametrize("other", ["mal ", "Mal", " MAL"])
def test_one_class_spelled_in_two_ways_is_refused(table: Path, other: str, refused: Run) -> None:
    """Else the rows of the other spelling count as negative."""
    words = np.where(np.arange(24) % 2 == 1, "mal", "ben").astype(object)
    mixed = words.copy()
    mixed[1] = other
    path = changed(table, truth=mixed)
    message = refused("delong", path, "--label", "truth", "--scores", "model_a", "--positive", "mal")
    assert "`truth` has the levels" in message
    assert "differ by blanks or capitals only; write them alike" in message
    path = changed(table, truth=words, called=mixed, model_b=words)
    message = refused("mcnemar", path, "--label", "truth", "--predictions", "called,model_b")
    assert "`truth` and `called` have the levels" in message


def test_zero_one_labels_need_no_choice_in_whatever_type(table: Path, run: Run) -> None:
    y = pd.read_csv(table)["truth"]
    arguments = ("--label", "truth", "--scores", "model_a,model_b", "--json")
    expected = json.loads(run("delong", table, *arguments))
    words = np.where(y == 1, "1", "0")
    kinds = {
        "float": y.astype(float),
        "nullable": y.astype("Int64"),
        "bool": y.astype(bool),
        "text": words,
        "categories in another order": pd.Categorical(words, categories=["1", "0"]),
    }
    for kind, column in kinds.items():
        found = json.loads(run("delong", changed(table, truth=column), *arguments))
        assert found["models"] == expected["models"], kind


def test_ids_that_differ_in_the_last_digit_are_different_patients(table: Path, run: Run) -> None:
    path = changed(table, patient=1e15 + np.arange(24) / 8)
    arguments = ("delong", path, "--label", "truth", "--scores", "model_a", "--group", "patient", "--json")
    assert json.loads(run(*arguments))["n_groups"] == 24


def test_lists_are_no_patients(table: Path, refused: Run) -> None:
    path = changed(table, patient=[[1]] * 24)
    arguments = ("delong", path, "--label", "truth", "--scores", "model_a", "--group", "patient")
    assert "`patient` holds values of type ndarray" in refused(*arguments)


def test_whole_numbers_that_float64_makes_equal_are_counted(table: Path, run: Run) -> None:
    path = changed(table, model_a=2**53 + np.arange(24), model_b=np.arange(24))
    report = json.loads(run("delong", path, "--label", "truth", "--scores", "model_a,model_b", "--json"))
    lost = 24 - np.unique(2.0**53 + np.arange(24)).size
    assert (
        f"model_a holds whole numbers beyond 2^53, where float64 cannot tell neighbours apart: {lost} "
        in (report["notes"][0])
    )
    assert not any("model_b holds" in note for note in report["notes"])


@pytest.mark.parametrize("level", ["0", "1", "nan", "inf", "-1"])
@pytest.mark.parametrize(
    "call",
    [
        ("delong", "--label", "truth", "--scores", "model_a,model_b"),
        ("mcnemar", "--label", "truth", "--predictions", "called,patient"),
        ("wilcoxon", "--value", "model_a", "--by", "truth"),
    ],
    ids=lambda call: call[0],
)
def test_levels_of_intervals_lie_between_0_and_1(
    table: Path, call: tuple[str, ...], level: str, refused: Run
) -> None:
    message = refused(call[0], table, *call[1:], "--conf-level", level)
    assert "`conf_level` is" in message
    assert "must lie between 0 and 1" in message
