"""`study test lmm` on user tables: the JSON contract, what can be asked for beside the fit, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stats.lmm import fit_lmm
from stats.lmm.anova import anova
from stats.lmm.lrt import ranova

Run = Callable[..., str]


@pytest.fixture
def sleep(tmp_path: Path) -> Path:
    rng = np.random.default_rng(8)
    rows = [
        {"subject": f"s{s}", "arm": arm, "y": rng.normal() * 0.3 + s / 5 + 0.4 * (arm == "b")}
        for s in range(8)
        for arm in ("a", "b")
    ]
    path = tmp_path / "sleep.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_lmm_json_has_the_contract(sleep: Path, run: Run) -> None:
    report = json.loads(run("lmm", sleep, "--formula", "y ~ arm + (1|subject)", "--json"))
    assert set(report) >= {
        *("formula", "n", "reml", "criterion", "converged", "singular", "df_method", "fixed", "random"),
        *("residual_variance", "groups", "scaled_residuals", "warnings"),
    }
    assert (report["n"], report["reml"], report["df_method"]) == (16, True, "satterthwaite")
    assert report["groups"] == {"subject": 8}
    assert [row["term"] for row in report["fixed"]] == ["Intercept", "arm[b]"]
    keys = {"term", "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high"}
    assert set(report["fixed"][0]) == keys
    keys = {"group", "term", "variance", "std_dev", "correlation", "levels"}
    assert set(report["random"][0]) == keys
    assert set(report["scaled_residuals"]) == {"min", "q1", "median", "q3", "max"}


def test_lmm_of_two_arms_and_subjects_is_the_paired_t_test(sleep: Path, run: Run) -> None:
    report = json.loads(run("lmm", sleep, "--formula", "y ~ arm + (1|subject)", "--json"))
    wide = pd.read_csv(sleep).pivot_table(index="subject", columns="arm", values="y")
    d = wide["b"] - wide["a"]
    effect = report["fixed"][1]
    assert effect["estimate"] == pytest.approx(d.mean(), rel=1e-9)
    assert effect["statistic"] == pytest.approx(d.mean() / (d.std(ddof=1) / np.sqrt(8)), rel=1e-6)
    assert effect["df"] == pytest.approx(7, rel=1e-5)


def test_lmm_options_reach_the_engine(sleep: Path, run: Run) -> None:
    ml = json.loads(run("lmm", sleep, "--formula", "y ~ arm + (1|subject)", "--ml", "--df", "none", "--json"))
    assert (ml["reml"], ml["df_method"]) == (False, "none")
    assert ml["fixed"][1]["p_value"] is None
    kr = json.loads(
        run("lmm", sleep, "--formula", "y ~ arm + (1|subject)", "--df", "kenward-roger", "--json")
    )
    assert kr["df_method"] == "kenward-roger"


def test_lmm_tables_are_printed(sleep: Path, run: Run) -> None:
    text = run("lmm", sleep, "--formula", "y ~ arm + (1|subject)")
    assert "Fixed effects" in text
    assert "arm[b]" in text
    assert "Residual" in text


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ colour + (1|subject)", "colour"),
        ("y ~ arm + (1|site)", "site"),
        ("y ~ arm", "random"),
        ("y ~ __import__('os') + (1|subject)", "does not parse"),
        ("y ~ log(arm) + (1|subject)", "would be code"),
    ],
)
def test_lmm_refuses_bad_formulas(sleep: Path, formula: str, message: str, refused: Run) -> None:
    assert message in refused("lmm", sleep, "--formula", formula)


def test_printed_notes_end_with_one_full_stop(crossed: Path, run: Run) -> None:
    text = run("lmm", crossed, "--formula", "y ~ arm + (1|net)")
    assert "Note: " in text
    assert ".." not in text


@pytest.fixture
def crossed(tmp_path: Path) -> Path:
    """Two arms whose difference changes sign with the backbone; missing values in two rows."""
    rng = np.random.default_rng(4)
    rows = [
        {"arm": arm, "net": net, "fold": f"f{fold}", "w": 1.0 + fold, "shift": 0.1 * fold}
        for arm in "ab"
        for net in "xyz"
        for fold in range(6)
    ]
    frame = pd.DataFrame(rows)
    sign = frame["net"].map({"x": -1.0, "y": 1.0, "z": 1.0}) * (frame["arm"] == "b")
    effect = rng.normal(size=6)[frame["fold"].str[1:].astype(int)]
    frame["y"] = 0.8 * sign + effect + 0.3 * rng.normal(size=len(frame))
    frame.loc[[3, 20], "y"] = np.nan
    path = tmp_path / "crossed.csv"
    frame.to_csv(path, index=False)
    return path


FORMULA = "y ~ arm * net + (1|fold)"


def test_lmm_counts_dropped_rows(crossed: Path, run: Run) -> None:
    report = json.loads(run("lmm", crossed, "--formula", FORMULA, "--json"))
    assert (report["n"], report["n_dropped"]) == (34, 2)
    assert "2 rows were dropped because of missing values; 34 were used." in report["warnings"]
    assert "2 rows were dropped" in " ".join(run("lmm", crossed, "--formula", FORMULA).split())


def test_lmm_details_equal_the_library(crossed: Path, run: Run) -> None:
    report = json.loads(run("lmm", crossed, "--formula", FORMULA, "--details", "--json"))
    fit = fit_lmm(FORMULA, pd.read_csv(crossed))
    assert [r["p_value"] for r in report["anova"]] == pytest.approx(anova(fit)["p_value"].tolist())
    assert [r["p_value"] for r in report["random_tests"]] == pytest.approx(ranova(fit)["p_value"].tolist())
    assert sum(r["share"] for r in report["variance_shares"]) == pytest.approx(1.0)
    assert report["optimiser"]["status"] == "converged"
    effects = {r["level"]: r["estimate"] for r in report["random_effects"]}
    assert list(effects) == [f"f{i}" for i in range(6)]
    assert sum(effects.values()) == pytest.approx(0.0, abs=1e-9)
    assert report["convergence"]["messages"] == []
    assert {"skewness", "large", "spread_by_level"} <= set(report["residuals"])
    text = run("lmm", crossed, "--formula", FORMULA, "--details")
    assert "F tests of the terms (type III)" in text
    assert "R2 marginal" in text


def test_lmm_contrasts_are_sliced_and_adjusted(crossed: Path, run: Run) -> None:
    arguments = ("lmm", crossed, "--formula", FORMULA, "--contrasts", "arm", "--by", "net")
    report = json.loads(run(*arguments, "--json"))
    assert [r["note"] for r in report["contrasts"]] == [f"within net = {n}" for n in "xyz"]
    assert report["contrasts"][0]["estimate"] > 0 > report["contrasts"][1]["estimate"]
    assert [(r["slice"], r["level"]) for r in report["means"]][:2] == [("x", "a"), ("x", "b")]
    text = run(*arguments)
    assert "net = x" in text
    pairs = ("lmm", crossed, "--formula", FORMULA, "--contrasts", "net", "--adjust", "tukey", "--json")
    rows = json.loads(run(*pairs))["contrasts"]
    assert [r["comparison"] for r in rows] == ["x - y", "x - z", "y - z"]
    assert all(r["p_adjusted"] >= r["p_value"] for r in rows)
    control = json.loads(run(*pairs[:-2], "holm", "--kind", "treatment-vs-control", "--json"))["contrasts"]
    assert [r["comparison"] for r in control] == ["y - x", "z - x"]


def test_lmm_intervals_of_every_parameter(crossed: Path, run: Run) -> None:
    profile = json.loads(run("lmm", crossed, "--formula", FORMULA, "--intervals", "profile", "--json"))
    assert profile["interval_method"] == "profile"
    assert {r["part"] for r in profile["intervals"]} == {"random", "residual", "fixed"}
    options = ("--intervals", "bootstrap", "--n-resamples", "20")
    first, again, other = (
        json.loads(run("lmm", crossed, "--formula", FORMULA, *options, "--seed", seed, "--json"))["intervals"]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert "Bootstrap intervals" in run("lmm", crossed, "--formula", FORMULA, *options)


def test_lmm_weights_offset_and_coding_reach_the_fit(crossed: Path, run: Run) -> None:
    formula = "y ~ net + (1|fold)"
    options = {"weights": "w", "offset": "shift", "coding": "sum"}
    flags = [text for name, value in options.items() for text in (f"--{name}", value)]
    report = json.loads(run("lmm", crossed, "--formula", formula, *flags, "--json"))
    fit = fit_lmm(formula, pd.read_csv(crossed), **options)
    assert report["criterion"] == fit.criterion
    assert [row["term"] for row in report["fixed"]] == ["Intercept", "net[S.x]", "net[S.y]"]


def test_lmm_second_engine_says_what_it_found(crossed: Path, run: Run) -> None:
    formula = "y ~ net + (1|fold)"
    report = json.loads(run("lmm", crossed, "--formula", formula, "--engine", "statsmodels", "--json"))
    own = json.loads(run("lmm", crossed, "--formula", formula, "--json"))
    assert "statsmodels agrees" in report["warnings"][-1]
    assert report["criterion"] == pytest.approx(own["criterion"], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "net"), "--by needs --contrasts FACTOR"),
        (("--contrasts", "fold"), "`factor` 'fold' is not a fixed effect"),
        (("--contrasts", "net", "--adjust", "tukey", "--kind", "treatment-vs-control"), "pairwise contrasts"),
        (("--weights", "mass"), "The table has no column 'mass'"),
        (("--engine", "statsmodels", "--weights", "w"), "does not cover weights"),
        (("--intervals", "bootstrap", "--n-resamples", "1"), "at least 2"),
        (("--df", "kenward-roger", "--ml"), "Kenward-Roger needs a REML fit"),
    ],
)
def test_lmm_refuses_options_that_do_not_apply(
    crossed: Path, options: tuple[str, ...], message: str, refused: Run
) -> None:
    assert message in refused("lmm", crossed, "--formula", FORMULA, *options)
