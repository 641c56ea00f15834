"""`study audit claims`: shipped files, exit codes, and bad input in words."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from study.claims.advice import ADVICE, SOURCES
from study.cli import app

CLAIMS = Path(__file__).resolve().parents[3] / "docs" / "claims"
PAPER, MADE_UP = CLAIMS / "frees-2025.toml", CLAIMS / "contradictions.toml"


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["audit", "claims", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def answer(file: Path) -> dict:
    return json.loads(run(file, "--json"))


def written(folder: Path, text: str) -> Path:
    path = folder / "paper.toml"
    path.write_text('title = "A paper"\n' + text, encoding="utf-8")
    return path


def verdicts(report: dict, code: str) -> list[str]:
    return [check["verdict"] for check in report["checks"] if check["code"] == code]


def test_all_figures_of_the_paper_are_consistent():
    report = answer(PAPER)
    assert report["counts"]["contradiction"] == 0
    assert report["counts"]["not run"] == 0
    assert report["findings"] == []
    assert report["counts"]["consistent"] == len(report["checks"]) == 75
    assert "could not run 0" in run(PAPER, "--strict")


def test_the_paper_leaves_one_pair_of_discordant_counts_each():
    found = {
        check["where"]: {(row["only_a"], row["only_b"]) for row in check["evidence"]}
        for check in answer(PAPER)["checks"]
        if check["code"] == "mcnemar"
    }
    assert [*found.values()] == [{(15, 1)}, {(7, 3)}]


def test_the_confusion_tables_of_the_paper_are_found():
    tables = {c["where"]: c["evidence"] for c in answer(PAPER)["checks"] if c["code"] == "confusion"}
    assert tables["Breast ImageNet, test (Table 9)"] == [{"tp": 17, "fp": 3, "fn": 4, "tn": 54}]
    assert len(tables["ACL ImageNet, train (Table 9)"]) == 4


def test_another_class_size_would_make_an_auc_of_the_paper_impossible(tmp_path):
    text = PAPER.read_text(encoding="utf-8")
    path = tmp_path / "changed.toml"
    path.write_text(text.replace("positive = 31\nnegative = 86", "positive = 32\nnegative = 85"), "utf-8")
    (found,) = answer(path)["findings"]
    assert found["code"] == "auc-step"
    assert "0.8635" in found["sentence"]


def test_every_contradiction_of_the_constructed_paper_is_found():
    report = answer(MADE_UP)
    errors = sorted(finding["code"] for finding in report["findings"] if finding["severity"] == "error")
    assert errors == sorted(
        [
            *("total", "auc-se", "confusion", "auc-step", "share-step", "duality", "test-figures", "mcnemar"),
            *("wilcoxon-w", "test-figures"),
        ]
    )
    duality = next(finding for finding in report["findings"] if finding["code"] == "duality")
    assert duality["sentence"] == "The 95 % interval -0.012 to 0.074 contains 0, but p < 0.001 rejects it."
    assert set(report["sources"]) >= {"lehmann2005", "delong1988"}


def test_strict_is_exit_code_1_for_an_error_alone():
    run(MADE_UP)
    text = run(MADE_UP, "--strict", code=1)
    assert "ERROR duality: new - old weights (Table 3)" in text
    assert "Could not run" in text


def test_what_cannot_be_checked_says_why(tmp_path):
    path = written(
        tmp_path,
        """
[samples.test]
n = 100
[[models]]
name = "a"
sample = "test"
auc = "0.91"
auc_std_error = "0.02"
f1 = "0.8"
[[models]]
name = "b"
auc = "0.90"
[[comparisons]]
name = "a - b"
p = "0.03"
[[mcnemar]]
name = "a, b"
model_a = "a"
model_b = "b"
p = "0.03"
""",
    )
    report = answer(path)
    assert report["findings"] == []
    why = {check["code"]: check["sentence"] for check in report["checks"] if check["verdict"] == "not run"}
    assert why["auc-step"] == "The numbers of positive and negative images are not given."
    assert "method" in why["auc-se"]
    assert why["confusion"] == "The numbers of positive and negative images are not given."
    assert why["test-figures"].startswith("Two of estimate")
    assert "not on the same sample" in why["mcnemar"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[models]]\nname = "a"\naucc = "0.9"', "unknown key `models.0.aucc`. Did you mean `auc`?"),
        ('[[models]]\nname = "a"\nauc = 0.9', "write the figure in quotes"),
        ('[[models]]\nname = "a"\nauc = "about 0.9"', "is no printed number"),
        ('[[models]]\nname = "a"\nsample = "test"', "`sample` of 'a' is 'test'; the file has none"),
        ('[[models]]\nname = "a"\n[[models]]\nname = "a"', "two models are called 'a'"),
        ('[[comparisons]]\nname = "x"\nz = "1"\nt = "1"', "`z` and `t` are both given"),
        ('[[comparisons]]\nname = "x"\nmetric = "aucs"', "`metric` of 'x' is 'aucs'; allowed: auc, accuracy"),
        ('[[wilcoxon]]\nname = "x"\nn_a = 3\nw = "1"', "rank-sum needs `n_a` and `n_b`"),
        (f'[[models]]\nname = "a"\nauc = "{"9" * 300}"', "is too large for a printed figure"),
        (f"[samples.test]\nn = {'9' * 300}", "less than or equal to 1000000000000"),
        ("", "states no figures"),
        ("x = [", "is not valid TOML"),
    ],
)
def test_bad_input_is_named(tmp_path, text, message):
    output = run(written(tmp_path, text), code=2)
    assert message in " ".join(output.split())
    assert "Traceback" not in output


def test_a_missing_file_is_named(tmp_path):
    assert "is no file" in run(tmp_path / "none.toml", code=2)


def test_the_file_that_the_documentation_shows_is_consistent(tmp_path):
    (text,) = re.findall(
        r"```toml\n(.*?)```", (CLAIMS / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    path = tmp_path / "shown.toml"
    path.write_text(text, encoding="utf-8")
    report = answer(path)
    assert report["findings"] == []
    assert report["counts"]["consistent"] >= 15


def test_the_documentation_names_every_code():
    text = (CLAIMS / "README.md").read_text(encoding="utf-8")
    assert [code for code in ADVICE if f"`{code}`" not in text] == []
    assert {key for advice in ADVICE.values() for key in advice.sources} == set(SOURCES)


def test_a_class_larger_than_the_sample_is_a_contradiction_and_stops_what_needs_the_other(tmp_path):
    text = '[samples.test]\nn = 50\npositive = 60\n[[models]]\nname = "a"\nsample = "test"\nauc = "0.9"'
    report = answer(written(tmp_path, text))
    assert [finding["code"] for finding in report["findings"]] == ["total"]
    assert verdicts(report, "auc-step") == ["not run"]


def test_large_samples_are_answered_at_once(tmp_path):
    text = """
[samples.test]
positive = 3000000
negative = 4000000
[[models]]
name = "a"
sample = "test"
auc = "0.9"
accuracy = "0.9"
f1 = "0.8"
[[models]]
name = "b"
sample = "test"
accuracy = "0.8"
[[mcnemar]]
name = "a, b"
model_a = "a"
model_b = "b"
p = "0.03"
"""
    report = answer(written(tmp_path, text))
    assert verdicts(report, "auc-step") == ["consistent"]
    assert verdicts(report, "confusion") == ["not run", "not run"]
    assert verdicts(report, "mcnemar") == ["not run"]
