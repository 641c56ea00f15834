"""Limits of a study, each written only where the audits show it."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from scipy.stats import norm

from manuscript.limitations import limitations_text
from manuscript.load import Report, load_report
from manuscript.text import auc


def _with(report: Report, **tables: pd.DataFrame | None) -> Report:
    return replace(report, tables={**report.tables, **tables})


def _table(report: Report, name: str) -> pd.DataFrame:
    frame = report.table(name)
    assert frame is not None
    return frame


def test_the_smallest_detectable_difference_comes_from_the_standard_errors(synthetic_report: Report) -> None:
    rows = _table(synthetic_report, "comparisons").query("analysis == 'delong' and task == 'breast'")
    smallest = (norm.isf(0.025) + norm.isf(0.2)) * rows["std_error"].max()
    assert f"smaller than {auc(smallest)} (breast)" in limitations_text(synthetic_report)


def test_small_test_sets_are_named_and_large_ones_are_not(synthetic_report: Report) -> None:
    told = "Task *breast* has a small test set: 20 positive and 40 negative images."
    assert told in limitations_text(synthetic_report)
    large = _table(synthetic_report, "metrics").assign(n_test=600, n_test_positive=200)
    assert "small test set" not in limitations_text(_with(synthetic_report, metrics=large))


def test_one_seed_is_a_limit_and_several_are_not(synthetic_report: Report) -> None:
    assert "trained with one seed" in limitations_text(synthetic_report)
    cells = synthetic_report.cells.assign(seed=[i % 2 for i in range(len(synthetic_report.cells))])
    assert "trained with one seed" not in limitations_text(replace(synthetic_report, cells=cells))


@pytest.mark.parametrize(
    ("table", "changes", "told"),
    [
        ("mixed_models", {"singular": True}, "1 mixed model estimated a variance as zero"),
        ("mixed_models", {"converged": False}, "1 mixed model could not be fitted or did not converge."),
        ("metrics", {"collapsed": True}, "11 cells of 11 predict one class for every test image"),
        ("mixed_random", {"levels": 2}, "head has no more than 2 levels"),
    ],
)
def test_what_the_statistics_found_is_a_limit(
    synthetic_report: Report, table: str, changes: dict[str, Any], told: str
) -> None:
    frame = _table(synthetic_report, table)
    if table == "mixed_random":
        frame = frame[frame["group"] == "head"]
    assert told in limitations_text(_with(synthetic_report, **{table: frame.assign(**changes)}))


def test_findings_of_the_audit_are_told_with_what_they_mean_but_notes_are_not(
    synthetic_report: Report,
) -> None:
    rows = [("breast", "error", "duplicates"), ("knee", "note", "marks")]
    found = pd.DataFrame(
        {
            "task": task,
            "severity": severity,
            "sentence": f"found {what}",
            "why": f"{what} matter",
        }
        for task, severity, what in rows
    )
    text = limitations_text(_with(synthetic_report, data_audit=found))
    assert "Task *breast*: Found duplicates. Duplicates matter." in text
    assert "marks" not in text


def test_a_shortcut_above_chance_is_a_limit(synthetic_report: Report) -> None:
    shortcut = {"task": "breast", "statistics": "all", "auc": 0.8, "conf_low": 0.7, "conf_high": 0.9}
    known = _with(synthetic_report, data_shortcut=pd.DataFrame([shortcut]))
    assert "file statistics alone reach an AUC of 0.800" in limitations_text(known)
    chance = _with(synthetic_report, data_shortcut=pd.DataFrame([shortcut | {"conf_low": 0.4}]))
    assert "file statistics alone" not in limitations_text(chance)


def test_failed_cells_and_the_missing_audit_and_validation_are_limits(synthetic_report: Report) -> None:
    text = limitations_text(synthetic_report)
    assert "1 cell of 12 failed or did not run" in text
    assert "The images were not audited before training." in text
    assert "no external validation" in text


def test_phantoms_say_nothing_about_patients(synthetic_report: Report) -> None:
    assert "say nothing about patients" in limitations_text(synthetic_report)
    tasks = {"breast": {"dataset": "busi", "positive": ["malignant"]}}
    real = replace(synthetic_report, study={**synthetic_report.study, "tasks": tasks})
    assert "say nothing about patients" not in limitations_text(real)


def test_imported_predictions_could_not_be_checked(synthetic_report: Report) -> None:
    imported = replace(synthetic_report, study={**synthetic_report.study, "imported": True})
    text = limitations_text(imported)
    assert "made elsewhere" in text
    assert "one seed" not in text


def test_the_published_grid_has_limits_of_its_own() -> None:
    text = limitations_text(load_report(None))
    assert "no images and no predictions" in text
    assert "26 cells of 176 predict one class" in text
    assert "DeLong test finds" not in text
