"""The audit of a data set with one of every defect."""

import io
import json

import pandas as pd
import pytest
from rich.console import Console

from data.store import Store
from study.analyses.printed import _audit
from study.config import load_study
from study.data_audit.as_json import audit_report
from study.data_audit.audit import audit_dataset, audit_task
from study.data_audit.image_findings import image_findings
from study.data_audit.parts import straddling
from study.data_audit.printed import audit_lines, note_lines
from study.data_audit.results import AUDIT_COLUMNS, stored_findings, stored_shortcuts
from study.data_audit.stored import write_audit
from study.run.prepare import prepare_task
from study.single_tests.plain import plain_json


@pytest.fixture(scope="module")
def audit(defective):
    return audit_dataset(defective, name="manifest", positive=["malignant"])


@pytest.fixture(scope="module")
def task_audit(defective_root, defective_study):
    config = load_study(defective_study).config.tasks["lesion"]
    return audit_task(prepare_task("lesion", config, defective_root))


@pytest.fixture(scope="module")
def report(audit):
    return json.loads(plain_json(audit_report(audit)))


def found(audit, code):
    return {finding.code: finding for finding in audit.findings}[code]


def test_counts_of_images_classes_and_patients(report):
    assert (report["dataset"], report["n_images"]) == ("manifest", 40)
    assert report["classes"] == {"benign": 20, "malignant": 20}
    assert report["n_groups"] == 20
    assert report["images_per_group"] == {"1": 1, "2": 18, "3": 1}


def test_every_unreadable_file_is_named_with_its_reason(report):
    assert [row["path"].rsplit("/", 1)[-1] for row in report["unreadable"]] == ["broken.png"]
    assert report["unreadable"][0]["reason"]


def test_a_copy_in_another_class_is_a_duplicate_and_a_label_conflict(report):
    first, copy = (name for pair in report["duplicates"]["exact"] for name in pair)
    assert {first[-7:-4], copy[-7:-4]} == {"i00", "i39"} or {first[-3:], copy[-3:]} == {"i00", "i39"}
    assert report["duplicates"]["groups"] == [[first, copy]]
    assert report["label_conflicts"] == [{"images": [first, copy], "classes": ["benign", "malignant"]}]


def test_blank_and_annotated_images_are_named(report):
    assert [name for name in report["blank"] if "i05" in name] == report["blank"] != []
    assert [name for name in report["annotated"]["text"] if "i07" in name] == report["annotated"]["text"]
    assert report["annotated"]["n"] == len(report["annotated"]["images"]) == 1
    assert report["annotated"]["not_searched"] == 0


def test_without_a_split_nothing_straddles(report):
    assert report["straddling"] is None
    assert not [row for row in report["findings"] if row["code"].startswith("straddling")]


def test_errors_come_first_and_every_finding_says_why_and_what_to_do(report):
    order = [row["severity"] for row in report["findings"]]
    assert order == sorted(order, key=("error", "warning", "note").index)
    assert {row["code"] for row in report["findings"]} >= {
        "unreadable",
        "label_conflict",
        "exact_duplicates",
        "blank",
        "annotated",
        "mixed_patients",
    }
    for row in report["findings"]:
        assert set(row) == {"code", "severity", "n", "sentence", "why", "do", "images"}
        assert all(row[name].endswith(".") for name in ("sentence", "why", "do"))


def test_patients_and_twins_in_several_parts_are_counted_from_the_split(task_audit):
    crossed, split = task_audit.crossed, task_audit.split.set_index("image_id")["split"]
    images = task_audit.images.set_index("image_id")
    test = images.index[split[images.index] == "test"]
    trained = set(images.loc[split[images.index] == "train", "group_id"])
    share = images.loc[test, "group_id"].isin(trained).mean()
    assert crossed.share("patient", "test") == pytest.approx(share, abs=1e-15)
    assert 0 < share < 1
    assert found(task_audit, "straddling_patients").severity == "error"
    assert f"{share:.1%} of the test images" in found(task_audit, "straddling_patients").sentence


def test_a_patient_and_a_duplicate_join_images_to_one_unit(audit):
    unit = audit.images.set_index(audit.images["image_id"].str.extract(r"(i\d\d)")[0])["unit"]
    assert unit["i00"] == unit["i01"] == unit["i38"] == unit["i39"]
    assert unit["i02"] == unit["i03"] != unit["i04"]


def test_the_text_report_says_the_same(audit, task_audit):
    text = "\n".join(audit_lines(audit))
    assert "manifest: 40 images, 1 more cannot be read" in text
    assert "patients or exams: 20 (images of each: 1 with 1, 18 with 2, 1 with 3)" in text
    assert "[ERROR] label_conflict: 1 group of duplicates carries different classes; in 1 of them" in text
    assert "broken.png' (" in text
    lines = audit_lines(task_audit)
    assert lines[0] == "task lesion (manifest): 40 images, all readable"
    assert any(line.startswith("  test: 12 images") for line in lines)


def test_notes_of_a_run_leave_out_mere_notes(task_audit):
    lines = note_lines(task_audit)
    assert lines
    assert all(line.startswith(("ERROR: ", "warning: ")) for line in lines)


@pytest.mark.parametrize(("kept_together", "severity"), [(True, "note"), (False, "warning")])
def test_duplicates_that_a_split_keeps_together_are_a_note(task_audit, kept_together, severity):
    findings = image_findings(
        task_audit.images,
        task_audit.pairs,
        task_audit.unreadable,
        (),
        positive=["malignant"],
        kept_together=kept_together,
    )
    exact = next(one for one in findings if one is not None and one.code == "exact_duplicates")
    assert exact.severity == severity


@pytest.mark.parametrize(
    ("positive", "severity"), [([], "error"), (["malignant"], "error"), (["other"], "note")]
)
def test_a_conflict_between_classes_of_one_label_is_a_note(task_audit, positive, severity):
    findings = image_findings(
        task_audit.images,
        task_audit.pairs,
        task_audit.unreadable,
        task_audit.conflicts,
        positive=positive,
        kept_together=True,
    )
    conflict = next(one for one in findings if one is not None and one.code == "label_conflict")
    assert conflict.severity == severity


def test_images_that_the_task_leaves_out_are_told_and_not_audited(defective_root, defective_study, tmp_path):
    study = tmp_path / "drop.toml"
    study.write_text(defective_study.read_text().replace("split =", 'label_conflicts = "drop"\nsplit ='))
    audit = audit_task(prepare_task("lesion", load_study(study).config.tasks["lesion"], defective_root))
    assert len(audit.images) == 38
    assert len(audit_report(audit)["left_out"]) == 2
    assert not audit.conflicts
    assert any(line.startswith("left out of the task: 2 images (") for line in audit_lines(audit))


def test_all_images_in_training_straddle_nothing(task_audit):
    crossed = straddling(task_audit.images, task_audit.split.assign(split="train"))
    assert crossed.duplicates == crossed.patients == ()
    assert crossed.parts["n"].tolist() == [0, 0]


def test_an_unknown_positive_class_is_refused(defective):
    with pytest.raises(ValueError, match="`positive` names 'cancer'"):
        audit_dataset(defective, name="manifest", positive=["cancer"])


def test_the_images_of_the_audit_are_those_of_the_manifest(audit, defective):
    pd.testing.assert_series_equal(audit.images["image_id"], defective.manifest["image_id"])


def test_statistics_carry_the_stored_audit_on(task_audit, tmp_path):
    store = Store.create(tmp_path / "store")
    store.write_manifest("lesion", task_audit.dataset.manifest.assign(label=0))
    write_audit(store, task_audit)
    findings, shortcuts = stored_findings(store), stored_shortcuts(store)
    assert findings["code"].tolist() == [finding.code for finding in task_audit.findings]
    assert set(findings["task"]) == set(shortcuts["task"]) == {"lesion"}
    assert shortcuts.loc[0, "note"] == task_audit.shortcut.note
    console = Console(file=io.StringIO(), width=200)
    _audit(console, findings)
    assert "- lesion: error: " in console.file.getvalue()
    assert "note: " not in console.file.getvalue()


def test_a_store_without_audit_has_empty_tables(tmp_path):
    store = Store.create(tmp_path / "store")
    assert tuple(stored_findings(store).columns) == AUDIT_COLUMNS
    assert stored_shortcuts(store).empty
