"""`study power`: what is left out is worked out; options without effect are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from stats.power.auc import auc_sample_size
from stats.power.design import AucDesign
from stats.power.mcnemar import mcnemar_sample_size
from stats.roc.delong import delong_test
from study.cli import app

PAIR = ("--reference", 0.9, "--correlation", 0.5)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["power", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def answer(*arguments: object) -> dict:
    return json.loads(run(*arguments, "--json"))


@pytest.fixture
def pilot(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    sick = np.arange(90) % 3 == 0
    frame = pd.DataFrame({"truth": np.where(sick, "ill", "well"), "patient": np.arange(90) // 2})
    common = rng.normal(size=90)
    frame["a"], frame["b"] = (common + rng.normal(size=90) + gain * sick for gain in (1.0, 1.8))
    path = tmp_path / "pilot.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_worked_example_prints_its_images_and_every_formula() -> None:
    text = run(*PAIR, "--auc", 0.93, "--ratio", 2.7)
    assert "459 positive and 1240 negative images" in text
    assert all(name in text for name in ("obuchowski", "hanley-mcneil", "binormal"))
    assert "--null-variance alternative plans for it" in text


def test_json_is_the_library_with_every_digit_and_nothing_else() -> None:
    plan = answer(*PAIR, "--auc", 0.93, "--ratio", 2.7)["plan"]
    fit = auc_sample_size(AucDesign(reference=0.9, correlation=0.5, ratio=2.7), 0.93)
    assert plan["n_positive_exact"] == fit.n_positive_exact
    assert (plan["power"], plan["solved"], plan["n_images"]) == (fit.power, "images", 1699)


def test_given_images_ask_for_power_or_for_the_detectable_gain_and_loss() -> None:
    images = ("--positives", 100, "--negatives", 300)
    power = answer(*PAIR, *images, "--auc", 0.95)
    assert power["plan"]["solved"] == "power"
    assert power["loss"] is None
    both = answer(*PAIR, *images)
    assert both["plan"]["auc"] > 0.9 > both["loss"]["auc"]
    assert both["by_variance"][0]["auc_loss"] == both["loss"]["auc"]
    assert "smallest gain" in run(*PAIR, *images)
    assert "smallest loss" in run(*PAIR, *images)


def test_the_published_breast_test_set_cannot_show_a_gain() -> None:
    arguments = ("--reference", 0.8889, "--correlation", 0.5, "--positives", 21, "--negatives", 57)
    assert answer(*arguments)["plan"]["auc"] is None
    assert "not even an AUC of 1 is told from the reference" in run(*arguments)


def test_one_model_and_unpaired_models() -> None:
    assert answer("--auc", 0.8, "--null-auc", 0.6)["plan"]["design"] == "one"
    plan = answer("--auc", 0.93, "--reference", 0.9, "--unpaired")["plan"]
    assert plan["n_images"] == 2 * (plan["n_positive"] + plan["n_negative"])
    assert "per model" in run("--auc", 0.93, "--reference", 0.9, "--unpaired")


def test_a_margin_asks_for_non_inferiority() -> None:
    text = run(*PAIR, "--auc", 0.9, "--margin", 0.05, "--one-sided", "--alpha", 0.025)
    assert "AUC 0.9000 with margin 0.05" in text
    assert "under H0: alternative" in text


def test_a_pilot_file_gives_its_components(pilot: Path) -> None:
    arguments = ("--file", pilot, "--label", "truth", "--positive", "ill", "--scores", "a,b")
    report = answer(*arguments, "--positives", 30, "--negatives", 60, "--auc", 0.95)
    frame = pd.read_csv(pilot)
    expected = delong_test(frame["truth"] == "ill", frame["b"], frame["a"])
    assert report["plan"]["std_error"] == pytest.approx(expected.std_error, rel=1e-12)
    assert report["pilot"]["models"][0]["auc"] == report["plan"]["reference"] == expected.estimate_b
    assert report["pilot"]["design_effect"] == 1.0
    assert answer(*arguments, "--group", "patient")["pilot"]["design_effect"] != 1.0
    text = run(*arguments)
    assert "only restates its p-value" in text
    assert "Pilot: 30 positive (ill), 60 negative" in text


def test_a_pilot_of_one_model_needs_a_null(pilot: Path) -> None:
    arguments = ("--file", pilot, "--label", "truth", "--positive", "ill", "--scores", "a")
    assert answer(*arguments, "--null-auc", 0.6)["plan"]["design"] == "one"
    assert "one with --null-auc" in run(*arguments, code=2)


def test_mcnemar() -> None:
    plan = answer("--discordant", "0.15,0.01")["plan"]
    fit = mcnemar_sample_size(0.15, 0.01)
    assert (plan["n"], plan["n_connor"]) == (fit.n, fit.n_connor)
    assert answer("--discordant", "0.15,0.01", "--images", 78, "--variant", "exact")["plan"]["n"] == 78
    assert "Connor's formula" in run("--discordant", "0.15,0.01")
    assert "150 independent" in run("--discordant", "0.15,0.1", "--images", 300, "--design-effect", 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--auc", 0.9), "Give --reference"),
        (("--auc", 0.9, "--reference", 0.8, "--null-auc", 0.5), "or --null-auc for one model"),
        (("--auc", 0.9, "--reference", 0.8), "needs `correlation`"),
        (("--auc", 0.9, "--null-auc", 0.5, "--unpaired"), "--unpaired belongs to two models"),
        (PAIR, "Give --auc, the AUC that is expected"),
        ((*PAIR, "--auc", 1.2), "`auc` is 1.2"),
        ((*PAIR, "--positives", 5), "Give both --positives and --negatives"),
        ((*PAIR, "--positives", 50, "--negatives", 50, "--ratio", 2), "--ratio has no effect"),
        ((*PAIR, "--positives", 50, "--negatives", 50, "--auc", 0.95, "--power", 0.9), "nothing to work out"),
        ((*PAIR, "--auc", 0.95, "--label", "y"), "--label came without --file"),
        ((*PAIR, "--auc", 0.95, "--images", 5), "belong to --discordant"),
        (("--discordant", "0.1"), "--discordant is '0.1'; give two shares"),
        (("--discordant", "0.1,0.2", "--auc", 0.9), "--auc: such options have no effect on --discordant"),
        (("--discordant", "0.1,0.2", "--positives", 9), "--positives: such options"),
        (("--discordant", "0.1,0.2", "--images", 9, "--power", 0.9), "nothing to work out"),
        (("--discordant", "0.1,0.2", "--label", "y"), "no pilot file"),
        (("--file", "none.csv"), "needs --label"),
        (("--file", "none.csv", "--correlation", 0.5), "--correlation: such options come from the file"),
        (("--file", "none.csv", "--label", "y", "--scores", "a,b"), "There is no file 'none.csv'"),
        (("--file", "none.csv", "--label", "y", "--scores", "a,b,c"), "--scores takes two columns"),
    ],
)
def test_bad_options_are_named_with_exit_2(arguments: tuple, words: str) -> None:
    assert words in run(*arguments, code=2)
