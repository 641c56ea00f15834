"""Answers about the results. Each function reads a report; None where the report does not say."""

from __future__ import annotations

from typing import Any

import pandas as pd

from manuscript.checklist.model_answers import SHORT_HASH
from manuscript.load import Report
from manuscript.selected import main_selection
from manuscript.text import (
    auc,
    count,
    estimate,
    integer,
    join_words,
    metric_label,
    percent,
)

_TESTED = {
    "delong": "DeLong",
    "mcnemar": "McNemar",
    "recipe": "recipes over seeds",
    "wilcoxon": "Wilcoxon",
    "permutation": "permutation tests",
    "contrast": "contrasts of mixed models",
}


def metrics(report: Report) -> str | None:
    """What was measured."""
    names = [str(report.study.get("analysis", {}).get("primary_metric", "auc"))]
    found = report.table("metrics")
    if found is None:
        return None
    others = [name.removeprefix("test_") for name in found.columns if name.startswith("test_")]
    estimates = report.table("estimates")
    others += [] if estimates is None else [str(name) for name in dict.fromkeys(estimates["metric"].dropna())]
    kinds = {
        "f1",
        "accuracy",
        "sensitivity",
        "specificity",
        "brier",
        "calibration_slope",
        "ppv",
        "npv",
        "mcc",
    }
    also = [metric_label(name) for name in dict.fromkeys(others) if name in kinds]
    curves = [name for name in ("roc", "reliability", "decision") if report.table(name) is not None]
    drawn = (
        f" Curves: {join_words([name.upper() if name == 'roc' else name for name in curves])}."
        if curves
        else ""
    )
    return f"Main: {metric_label(names[0])}. Also: {join_words(also)}.{drawn}"


def uncertainty(report: Report) -> str | None:
    """Tests and intervals."""
    rows = report.table("comparisons")
    if rows is None:
        return None
    tests = [name for kind, name in _TESTED.items() if (rows["analysis"] == kind).any()]
    told = []
    if tests:
        told.append(f"Tests: {join_words(tests)}.")
    given = sorted(rows["conf_level"].dropna().unique())
    if given:
        told.append(f"Intervals: {join_words([percent(level) for level in given])}.")
    clustered = [_TESTED[kind] for kind in _by_patient(report) if kind in _TESTED]
    if clustered:
        told.append(f"By patient: {join_words(clustered)}.")
    adjusted = rows["p_adjusted"].notna() & (rows["p_adjusted"] != rows["p_value"])
    told.append(
        f"P-values adjusted for several tests: {integer(int(adjusted.sum()))} of {integer(len(rows))}."
    )
    return " ".join(told)


def clusters(report: Report) -> str | None:
    """Patients with several images."""
    rows, summary = report.table("comparisons"), report.table("data_summary")
    if rows is None or summary is None:
        return None
    if summary["n_groups"].isna().all():
        return "The data have no patient ids; images count as independent."
    grouped = rows[rows["analysis"].isin(_by_patient(report)) & rows["n_groups"].notna()]
    if grouped.empty:
        return "No comparison takes several images of a patient into account."
    told = [
        f"Task {task}: {integer(int(own['n_groups'].max()))} patients or exams in the test images."
        for task, own in grouped.groupby("task", sort=False)
    ]
    return f"{integer(len(grouped))} of {count(len(rows), 'comparison')} by patient. {' '.join(told)}"


def internal_test(report: Report) -> str | None:
    """Cells with a result on test images."""
    found = report.table("metrics")
    if found is None or found["test_auc"].isna().all():
        return None
    tested = found[found["test_auc"].notna()]
    told = [f"task {task}: {integer(len(rows))}" for task, rows in tested.groupby("task", sort=False)]
    return f"Models with a test AUC: {join_words(told)}."


def performance(report: Report) -> str | None:
    """Test AUC of the selected cells, else its range over all cells."""
    chosen, found = main_selection(report), report.table("metrics")
    if chosen is not None:
        told = [
            f"Task {row.task}, {row.arm}: {estimate(row.test_auc, row.test_auc_low, row.test_auc_high)}."
            for row in chosen.itertuples()
        ]
        return f"Test AUC (interval). {' '.join(told)}"
    if found is None or found["test_auc"].isna().all():
        return None
    told = [
        f"Task {task}: {auc(rows['test_auc'].min())} to {auc(rows['test_auc'].max())}."
        for task, rows in found.groupby("task", sort=False)
    ]
    return f"Test AUC over all models. {' '.join(told)}"


def errors(report: Report) -> str | None:
    """Wrong test images of the selected cells, at a score of one half; cells that predict one class."""
    found = report.table("metrics")
    if found is None:
        return None
    told = []
    for row, cell in _selected_cells(report, found):
        positive, total = int(cell["n_test_positive"]), int(cell["n_test"])
        missed = round(positive * (1 - cell["test_sensitivity"]))
        alarms = round((total - positive) * (1 - cell["test_specificity"]))
        told.append(
            f"Task {row['task']}, {row['arm']}: {integer(missed)} of {integer(positive)} positive images "
            f"missed, {integer(alarms)} of {integer(total - positive)} negative ones called positive."
        )
    if "collapsed" in found:
        fallen = int(found["collapsed"].fillna(False).astype(bool).sum())
        told.append(f"Models that predict one class only: {integer(fallen)} of {integer(len(found))}.")
    return " ".join(told) or None


def events(report: Report) -> str | None:
    """Images and positive images that the tests of selected cells rest on."""
    rows = report.analysis("delong", "mcnemar", "recipe")
    if rows is None or rows["n"].isna().all():
        return None
    told = []
    for task, own in rows.groupby("task", sort=False):
        pairs = own[["n", "n_positive"]].dropna(subset=["n"]).drop_duplicates()
        shown = [
            integer(row.n)
            if pd.isna(row.n_positive)
            else f"{integer(row.n)} ({integer(row.n_positive)} positive)"
            for row in pairs.itertuples()
        ]
        told.append(f"Task {task}: {join_words(shown)} test images.")
    return " ".join(told)


def indeterminate(report: Report) -> str | None:
    """Whether every test image has a score."""
    found, summary = report.table("metrics"), report.table("data_summary")
    if found is None or summary is None or "n_test" not in found or found["fold"].nunique() > 1:
        return None
    sizes = summary[summary["split"] == "test"].groupby("task")["n_images"].sum()
    lacking = int((found["n_test"] != found["task"].map(sizes)).sum())
    if lacking:
        return f"Models without a score for every test image: {integer(lacking)} of {integer(len(found))}."
    return "None: every model scored every test image of its task."


def explainability(report: Report) -> str | None:
    """Heat maps that were made and measured."""
    maps = report.gradcam
    if maps is None or maps.empty:
        return None
    shown = f"Grad-CAM of {count(len(maps), 'image')} chosen by rule."
    measured = report.table("saliency")
    return f"{shown} Measured against lesion masks: {'no' if measured is None else 'yes'}."


def availability(report: Report) -> str | None:
    """What can be had: code, metrics, predictions."""
    if report.mode == "published":
        models = count(len(report.cells), "model")
        return f"Metrics of all {models} in data/published/grid.csv; no predictions."
    if (kept := outputs(report)) is None:
        return None
    commit = str(report.run.get("environment", {}).get("commit") or "")
    return f"Code {commit[:SHORT_HASH]}. {kept}" if commit else kept


def outputs(report: Report) -> str | None:
    """What the store keeps of each cell."""
    if report.mode == "published" or report.done.empty:
        return None
    return (
        f"The store holds the score of every image for {count(len(report.done), 'model')}, the splits and "
        "all tables of results."
    )


def _by_patient(report: Report) -> list[str]:
    """Kinds of analyses that the plan clusters by patient."""
    plan = report.study.get("analysis", {})
    return [
        kind
        for kind, entries in plan.items()
        if isinstance(entries, list) and any(isinstance(e, dict) and e.get("group") for e in entries)
    ]


def _selected_cells(report: Report, found: pd.DataFrame) -> list[tuple[Any, Any]]:
    """Rows of `selected`, each with its row of `metrics`; none with folds, where it stands for several."""
    chosen = main_selection(report)
    needed = {"n_test", "n_test_positive", "test_sensitivity", "test_specificity"}
    if chosen is None or not needed <= set(found.columns) or found["fold"].nunique() > 1:
        return []
    by_cell = found.set_index(["task", "cell_id"])
    pairs = [(row, by_cell.loc[(row["task"], row["cell_id"])]) for _, row in chosen.iterrows()]
    return [(row, cell) for row, cell in pairs if cell[sorted(needed)].notna().all()]
