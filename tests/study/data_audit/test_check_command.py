"""`study data check`: what it prints and writes."""

import html
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[3]
BUSI_COPY = ROOT.parent / "shared" / "busi"


@pytest.fixture
def check(study_command):
    return lambda *arguments: study_command("data", "check", *arguments)


def test_json_is_all_that_stands_on_stdout(defective_root):
    command = [sys.executable, "-m", "study.cli", "data", "check", "manifest", "--json", "-p", "malignant"]
    command += ["-o", "path=images.csv", "--data-root", str(defective_root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2  # a file cannot be read
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["unreadable"][0]["path"].endswith("broken.png")


def test_a_task_is_checked_with_its_labels_and_split(check, defective_root, defective_study):
    result = check("lesion", "--study", defective_study, "--data-root", defective_root)
    assert result.exit_code == 0, result.output
    assert "task lesion (manifest): 40 images, all readable" in result.stdout
    assert "the split of task lesion:\n  val: 8 images" in result.stdout
    assert "[ERROR] straddling_patients" in result.stdout


def test_a_task_with_unreadable_files_is_checked_without_its_split(
    check, defective_root, defective_study, tmp_path
):
    study = tmp_path / "study.toml"
    study.write_text(defective_study.read_text().replace("sound.csv", "images.csv"))
    result = check("lesion", "--study", study, "--data-root", defective_root)
    assert result.exit_code == 2
    assert "[ERROR] unreadable: 1 file cannot be read" in result.stdout
    assert "the split" not in result.stdout.split("findings:")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["knee"], "has no task 'knee'; its tasks are lesion"),
        (["lesion", "-p", "benign"], "leave out `--option` and `--positive`"),
        (["lesion", "-o", "path=x"], "leave out `--option` and `--positive`"),
    ],
)
def test_a_study_decides_tasks_options_and_classes(check, defective_study, arguments, message):
    result = check(*arguments, "--study", defective_study)
    assert result.exit_code == 2
    assert message in result.stderr


def test_out_writes_three_tables_and_a_page_with_escaped_names(check, defective_root, tmp_path):
    root = tmp_path / "set"
    for name in ("a & <b>", "c"):
        (root / name).mkdir(parents=True)
    shutil.copy(defective_root / "i00.png", root / "a & <b>" / "<i>1</i>.png".replace("/", ""))
    shutil.copy(defective_root / "i00.png", root / "c" / "2.png")
    result = check("folder", "-o", f"path={root}", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "contact-sheet.html").read_text(encoding="utf-8")
    assert "<i>1" not in page
    assert html.escape("a & <b>") in page
    assert page.count("data:image/jpeg;base64,") >= 4
    assert "http://" not in page
    assert "https://" not in page
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv")
    assert pairs["kind"].tolist() == ["exact"]
    findings = pd.read_csv(tmp_path / "out" / "findings.csv").set_index("code")
    assert len(json.loads(findings.loc["label_conflict", "images"])) == 2
    images = pd.read_csv(tmp_path / "out" / "images.csv")
    assert images["duplicate_group"].notna().all()


@pytest.mark.skipif(not BUSI_COPY.is_dir(), reason="no copy of BUSI beside the project")
def test_the_known_defects_of_busi_are_found(check):
    result = check("busi", "--data-root", BUSI_COPY, "-p", "malignant", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert ["benign (433)", "malignant (145)"] in report["duplicates"]["exact"]
    assert any({"benign (131)", "malignant (51)"} <= set(c["images"]) for c in report["label_conflicts"])
    assert 110 <= len(report["annotated"]["text"]) <= 120
    assert 105 <= len(report["annotated"]["caliper"]) <= 115
    assert 0.5 < report["shortcut"]["conf_low"] < report["shortcut"]["auc"] < 0.75
