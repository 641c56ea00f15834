"""A study file refereed before training, the published grid, and bad input."""

from __future__ import annotations

import json

import pytest

from stats.referee.rules import referee
from study.config import parse_study
from study.referee.plan import planned_tests
from study.referee.study_file import study_subject

STUDY = """
name = "s"
seeds = [0, 1, 2]
[tasks.t]
dataset = "phantom-breast"
positive = ["malignant"]
split = { group = "patient" }
[factors]
pretrain = ["random", "phantom"]
head = ["Linear", "NonLinear"]
[protocol]
backbone = "ResNet18"
[analysis]
[[analysis.delong]]
contrast = "pretrain"
group = "patient"
[[analysis.recipe]]
contrast = "pretrain"
group = "patient"
"""


def codes(text: str) -> dict[str, str]:
    return {f.code: f.severity for f in referee(study_subject(parse_study(text)))}


def test_a_sound_design_has_nothing_loud():
    assert [severity for severity in codes(STUDY).values() if severity != "note"] == []


@pytest.mark.parametrize(
    ("old", "new", "code", "severity"),
    [
        ("seeds = [0, 1, 2]", "seeds = [0]", "no-seeds", "warning"),
        ('group = "patient" }', 'group = "image" }', "split-by-image", "warning"),
        ('head = ["Linear", "NonLinear"]', "lr_decay_factor = [0.5, 0.9]\nhead = [\"Linear\"]",
         "inert-factor", "error"),
        ('head = ["Linear", "NonLinear"]',
         'unfreeze = [0, 1]\nunfreeze_count = ["children"]\nhead = ["Linear"]',
         "repeated-levels", "note"),
        ("[[analysis.recipe]]", '[[analysis.mixed]]\nformula = "test_auc ~ pretrain + (1|head)"\n'
         "[[analysis.recipe]]", "few-levels", "warning"),
        ("[[analysis.recipe]]", '[[analysis.wilcoxon]]\ncontrast = "pretrain"\n[[analysis.recipe]]',
         "rank-sum-on-grid", "warning"),
        ("[factors]", 'exclude = [{ pretrain = "phantom", head = "NonLinear" }]\n[factors]', "unequal-tuning",
         "warning"),
    ],
)  # fmt: skip
def test_what_the_design_alone_shows(old, new, code, severity):
    text = STUDY.replace(old, new)
    if code == "unequal-tuning":  # a key of the file, not of a task
        text = STUDY.replace("seeds", 'exclude = [{ pretrain = "phantom", head = "NonLinear" }]\nseeds')
    assert codes(text)[code] == severity


def test_the_plan_as_the_referee_reads_it():
    text = STUDY.replace(
        "[[analysis.recipe]]", '[[analysis.permutation]]\ncontrast = "pretrain"\n[[analysis.recipe]]'
    )
    tests = {test.kind: test for test in planned_tests(parse_study(text).analysis)}
    assert tests["delong"].by_patient
    assert tests["delong"].adjust == "holm"
    assert tests["permutation"].paired
    assert tests["permutation"].value == "test_auc"


def test_the_published_grid(study_command):
    result = study_command("audit", "--published", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    levels = [f for f in found["findings"] if f["code"] == "repeated-levels"]
    assert [f["evidence"][0]["levels"] for f in levels] == [
        "freezeall = unfreezetop1",
        "unfreezetop5 = unfreezetop7",
    ]
    assert study_command("audit", "--published", "--brief", "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "neither a shipped study nor a file"),
        (["demo", "--published"], "takes no store and no study"),
    ],
)
def test_bad_input(study_command, words, message):
    result = study_command("audit", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_folder_that_is_no_store(study_command, tmp_path):
    assert study_command("audit", str(tmp_path)).exit_code == 2


def test_a_shipped_study(study_command):
    result = study_command("audit", "large-grid", "--brief")
    assert result.exit_code == 0, result.output
    assert "split-by-image" in result.output
