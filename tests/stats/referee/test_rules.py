"""Each rule sees the fault that it is for, in a grid that has no other."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stats.findings import SEVERITIES
from stats.referee.rules import referee
from stats.referee.subject import Leak, PlannedTest, Repeat, TaskFacts
from tests.stats.referee.conftest import sound_metrics, sound_subject

ROOT = Path(__file__).resolve().parents[3]
METRICS = sound_metrics()


def plan(*tests: PlannedTest) -> tuple[PlannedTest, ...]:
    return (*sound_subject().plan, *tests)


def test_a_sound_study_has_neither_error_nor_warning(found) -> None:
    loud = {code for code, own in found().items() if own[0].severity != "note"}
    assert loud == set()


def test_errors_come_first_and_every_finding_is_whole() -> None:
    spoiled = METRICS.assign(collapsed=METRICS["pretrain"] == "B")
    findings = referee(replace(sound_subject(), metrics=spoiled, planned=False))
    ranks = [SEVERITIES.index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks)
    for finding in findings:
        assert finding.sentence.endswith(".")
        assert finding.why
        assert finding.do
        assert finding.evidence


def test_every_source_is_a_reference_and_every_code_is_documented() -> None:
    texts = [path.read_text() for path in (ROOT / "stats" / "referee").glob("*.py")]
    sources = {key for text in texts for group in re.findall(r"sources=\(([^)]*)\)", text)
               for key in re.findall(r'"(\w+)"', group)}  # fmt: skip
    sources |= {key for text in texts for key in re.findall(r'_SOURCES = \("(\w+)"', text)}
    known = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "manuscript/references.bib").read_text(), re.MULTILINE))
    assert sources <= known
    assert len(sources) > 10
    codes = {code for text in texts for code in re.findall(r'code="([a-z-]+)"', text)}
    codes |= {"leak-patients", "leak-copies", "leak-images", "split-by-image", "unknown-patients"}
    documented = set(re.findall(r"^\| `([a-z-]+)`", (ROOT / "docs/audit.md").read_text(), re.MULTILINE))
    assert codes <= documented


# Inert factors


def inert_metrics() -> pd.DataFrame:
    """The sound grid in which the decay does nothing in heads a and b."""
    off = METRICS["head"].isin(["a", "b"])
    shift = 0.04 * ((METRICS["lr_decay"] == "beta") & off)
    return METRICS.assign(test_auc=METRICS["test_auc"] - shift)


def test_a_known_inert_factor_shows_its_pairs_and_their_spread(found) -> None:
    repeat = Repeat(
        kind="inert",
        factors=("lr_decay",),
        text="lr_decay does not act",
        n_sets=16,
        within={"head": ("a", "b")},
    )
    (finding,) = found(metrics=inert_metrics(), repeats=(repeat,))["inert-factor"]
    assert finding.severity == "error"
    assert finding.evidence[0]["pairs"] == 16
    cells = inert_metrics()[METRICS["head"].isin(["a", "b"])]
    wide = cells.pivot(index=["task", "seed", "pretrain", "head"], columns="lr_decay", values="test_auc")
    expected = (wide["cosine"] - wide["beta"]).std(ddof=1) / np.sqrt(2)
    assert finding.evidence[0]["sd_of_a_run"] == pytest.approx(expected)


def test_equal_predictions_are_an_error_and_repeated_levels_a_note(found) -> None:
    equal = Repeat(kind="equal", factors=("head",), text="x", n_sets=1, rows=({"cells": "c00, c01"},))
    levels = Repeat(kind="levels", factors=("unfreeze",), text="0 and 1 train the same layers", n_sets=2)
    codes = found(repeats=(equal, levels))
    assert codes["equal-predictions"][0].severity == "error"
    assert codes["repeated-levels"][0].severity == "note"


def test_a_factor_without_effect_is_told_and_one_with_effect_is_not(found) -> None:
    flat = METRICS.assign(test_auc=METRICS["test_auc"] - 0.04 * (METRICS["lr_decay"] == "beta"))
    assert [f.where for f in found(metrics=flat)["acts-like-repeats"]] == ["lr_decay"]
    assert "acts-like-repeats" not in found()


# Noise against effect


def test_one_seed_is_a_warning(found) -> None:
    single = METRICS[METRICS["seed"] == 0].reset_index(drop=True)
    codes = found(cells=single, metrics=single)
    assert codes["no-seeds"][0].severity == "warning"
    assert codes["single-runs"][0].where == "pretrain"  # a recipe over one seed says nothing of recipes
    assert "run-noise" not in codes


def test_a_difference_within_the_noise_of_seeds_is_told_with_the_seeds_it_needs(found) -> None:
    noisy = sound_metrics(noise=0.03)
    codes = found(cells=noisy, metrics=noisy)
    (finding,) = codes["gap-within-noise"]
    row = finding.evidence[0]
    assert row["difference"] == -0.05
    assert row["seeds_per_arm"] > 2
    assert f"{row['seeds_per_arm']} seeds per arm" in finding.sentence
    pooled = noisy.groupby(["task", "pretrain", "head", "lr_decay"])["test_auc"].var(ddof=1).mean() ** 0.5
    assert codes["run-noise"][0].evidence[0]["sd_of_a_run"] == pytest.approx(pooled)
    assert "gap-within-noise" not in found()


def test_single_runs_without_recipes(found) -> None:
    alone = tuple(test for test in sound_subject().plan if test.kind != "recipe")
    assert found(plan=alone)["single-runs"][0].severity == "warning"
    assert "single-runs" not in found()


# Leakage


@pytest.mark.parametrize(
    ("kind", "code"), [("patient", "leak-patients"), ("copy", "leak-copies"), ("image", "leak-images")]
)
def test_leaks_are_errors(found, kind, code) -> None:
    leak = Leak(kind=kind, part="train", share=0.05, n=10)
    facts = (replace(sound_subject().tasks[0], leaks=(leak,)), sound_subject().tasks[1])
    (finding,) = found(tasks=facts)[code]
    assert (finding.severity, finding.where) == ("error", "breast")
    assert "10 of 200 test images" in finding.sentence


def test_an_expected_leak_says_so_and_copies_within_the_test_set_warn(found) -> None:
    expected = Leak(kind="patient", part="train", share=0.741, n=None, expected=True)
    copies = Leak(kind="copy", part="test", share=0.1, n=20)
    codes = found(tasks=(replace(sound_subject().tasks[0], leaks=(expected, copies)),))
    assert "74% of the test images are expected" in codes["leak-patients"][0].sentence
    assert codes["copies-in-test"][0].severity == "warning"


def test_a_split_by_image_is_told_ahead(found) -> None:
    assert "split-by-image" in found(
        kind="study", metrics=None, tasks=(TaskFacts(task="t", split_by="image"),)
    )
    assert "unknown-patients" in found(tasks=(TaskFacts(task="t", split_by="image"),))


def test_the_test_set_is_used_twice(found) -> None:
    over_cells = plan(PlannedTest(kind="permutation", contrast="pretrain", value="test_auc", paired=True))
    assert found(plan=over_cells)["test-set-reused"][0].severity == "note"
    assert found(plan=over_cells, planned=False)["test-set-reused"][0].severity == "warning"
    on_val = plan(PlannedTest(kind="permutation", contrast="pretrain", value="val_auc", paired=True))
    assert "test-set-reused" not in found(plan=on_val)


# Collapsed cells


def test_a_few_collapsed_cells_warn_and_an_arm_of_them_is_an_error(found) -> None:
    few = METRICS.assign(collapsed=METRICS["cell_id"].isin(["c03", "c44"]))
    finding = found(metrics=few)["collapsed-cells"][0]
    assert finding.severity == "warning"
    assert [row["cell_id"] for row in finding.evidence] == ["c03", "c44"]
    arm = METRICS.assign(collapsed=(METRICS["pretrain"] == "B") & (METRICS["lr_decay"] == "beta"))
    finding = found(metrics=arm)["collapsed-cells"][0]
    assert finding.severity == "error"
    assert "0 of 40 with A, 20 of 40 with B" in finding.sentence
    assert "pretrain B and lr_decay beta" in finding.sentence


def test_a_chosen_model_that_collapsed_is_an_error(found) -> None:
    chosen = pd.DataFrame(
        {"task": ["breast"], "contrast": ["pretrain"], "arm": ["A"], "cell_id": ["c00"], "val_auc": [0.9],
         "collapsed_in": ["val and test"]}
    )  # fmt: skip
    assert found(selected=chosen)["collapsed-choice"][0].severity == "error"
    assert "collapsed-choice" not in found(selected=chosen.assign(collapsed_in=None))


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"test_auc": 0.5, "constant": True}, "constant-scores", "error"),
        ({"test_auc": 0.5}, "degenerate-auc", "warning"),
        ({"test_auc": 1.0}, "degenerate-auc", "warning"),
        ({"test_auc": 0.2}, "inverted-scores", "warning"),
        ({"collapsed": True}, "metrics-disagree", "warning"),
    ],
)
def test_values_that_cannot_be_trusted(found, change, code, severity) -> None:
    spoiled = METRICS.copy()
    for name, value in change.items():
        spoiled.loc[7, name] = value
    codes = found(metrics=spoiled)
    assert codes[code][0].severity == severity
    assert [row["cell_id"] for row in codes[code][0].evidence] == ["c07"]


# Design


def test_missing_cells_are_counted(found) -> None:
    cells = METRICS.assign(status=np.where(METRICS["cell_id"].isin(["c00", "c01"]), "failed", "done"))
    cells.loc[5, "status"] = "open"
    assert (
        "3 of 80 planned cells have no result (2 failed, 1 not run)"
        in found(cells=cells)["missing-cells"][0].sentence
    )


def test_an_alias_of_the_contrast_is_an_error(found) -> None:
    both = METRICS.assign(backbone=np.where(METRICS["pretrain"] == "A", "x", "y"))
    finding = found(cells=both, metrics=both, factors=("pretrain", "backbone", "head", "lr_decay"))[
        "aliased-factors"
    ][0]
    assert (finding.severity, finding.where) == ("error", "pretrain, backbone")


def test_unequal_arms_and_unequal_tuning(found) -> None:
    part = METRICS[~((METRICS["pretrain"] == "B") & (METRICS["head"] == "e"))].reset_index(drop=True)
    codes = found(cells=part, metrics=part)
    assert codes["unequal-arms"][0].where == "pretrain"
    rows = {(row["task"], row["arm"]): row["settings"] for row in codes["unequal-tuning"][0].evidence}
    assert rows["breast", "A"] == 10
    assert rows["breast", "B"] == 8


def test_settings_chosen_on_one_arm(found) -> None:
    assert found(tuned_on={"pretrain": "A"})["tuned-on-one-arm"][0].severity == "warning"
    one = METRICS[(METRICS["head"] == "a") & (METRICS["lr_decay"] == "beta")].reset_index(drop=True)
    assert "no-tuning-shown" in found(cells=one, metrics=one, factors=("pretrain",))
