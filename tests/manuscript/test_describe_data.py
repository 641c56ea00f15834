"""The data section: given splits, and images that leak."""

from dataclasses import replace

import pandas as pd
import pytest

from manuscript import describe_data
from manuscript.load import Report


def _with_split(report: Report, **split: object) -> Report:
    tasks = {"acl": {"dataset": "radimagenet-acl", "positive": ["yes"], "split": split}}
    return replace(report, study={**report.study, "tasks": tasks})


@pytest.mark.parametrize(
    ("split", "text"),
    [
        ({"file": "splits.csv"}, "test is given by the file `splits.csv`."),
        (
            {"published": True, "folds": 5},
            "given by the data set in 5 folds, each image tested in one of them.",
        ),
        ({"test": 0.1, "unit": "image"}, "(stratified by class, single images divided, even of one patient"),
    ],
)
def test_the_split_is_told_as_the_study_file_has_it(synthetic_report: Report, split, text) -> None:
    assert text in describe_data.tasks_text(_with_split(synthetic_report, **split))


def test_policies_for_duplicates_are_told(synthetic_report: Report) -> None:
    report = _with_split(synthetic_report, test=0.1)
    tasks = {"acl": {**report.study["tasks"]["acl"], "duplicates": "drop", "label_conflicts": "drop"}}
    text = describe_data.tasks_text(replace(report, study={**report.study, "tasks": tasks}))
    assert text.endswith("one per label took part. Pictures under both labels were left out.")
    assert "picture" not in describe_data.tasks_text(report)


def test_test_images_with_siblings_in_training_are_counted(synthetic_report: Report) -> None:
    clean = describe_data.images_text(synthetic_report)
    assert "leaks" not in clean
    summary = synthetic_report.table("data_summary")
    assert summary is not None
    leaking = summary.assign(n_copy_in_training=pd.NA)
    tested = (leaking["split"] == "test") & (leaking["task"] == "knee")
    leaking.loc[tested, "n_patient_in_training"] = 5
    leaking.loc[tested & (leaking["label"] == 1), "n_copy_in_training"] = 2
    tables = {**synthetic_report.tables, "data_summary": leaking}
    text = describe_data.images_text(replace(synthetic_report, tables=tables))
    total = int(leaking.loc[tested, "n_images"].sum())
    assert f"Its split leaks: of {total} test images 10 (" in text
    assert "have an image of the same patient or exam in training and 2 (" in text
    assert text.count("leaks") == 1


def test_images_that_were_left_out_are_counted_with_their_reasons(synthetic_report: Report) -> None:
    flow = pd.DataFrame(
        {
            "task": ["knee"] * 4,
            "step": ["found", "left out", "left out", "took part"],
            "reason": [None, "duplicate", "label conflict", None],
            "n_images": [100, 7, 3, 90],
        }
    )
    tables = {**synthetic_report.tables, "data_flow": flow}
    text = describe_data.images_text(replace(synthetic_report, tables=tables))
    assert text.count("were left out") == 1
    assert "Of 100 images of the data set 10 were left out: 7 as duplicate and 3 as label conflict." in text


def test_a_table_of_an_earlier_version_has_no_counts_and_says_nothing(synthetic_report: Report) -> None:
    summary = synthetic_report.table("data_summary")
    assert summary is not None
    old = summary[["task", "split", "class", "label", "n_images", "n_groups"]]
    tables = {**synthetic_report.tables, "data_summary": old}
    assert describe_data.images_text(replace(synthetic_report, tables=tables)) == describe_data.images_text(
        synthetic_report
    )
