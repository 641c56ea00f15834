"""The limits of a study, written from its audits: data, size of the test sets, tests, grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from scipy.stats import norm

from manuscript.audit import was_audited
from manuscript.load import Report
from manuscript.text import auc, count, integer, join_words, mid_sentence, percent

POWER = 0.8
FEW_LEVELS = 2
FEW_IMAGES = 30  # of a class in the test set


_CHANCE = 0.5


def limitations_text(report: Report) -> str:
    """One paragraph per kind of limit that this report has; never empty, since no report is without any."""
    paragraphs = (_joined(report, writers) for writers in (_DATA, _TESTS, _GRID))
    return "\n\n".join(text for text in paragraphs if text)


def _joined(report: Report, writers: tuple[Callable[[Report], str], ...]) -> str:
    return " ".join(text for write in writers if (text := write(report)))


def _phantoms(report: Report) -> str:
    tasks = report.study.get("tasks", {})
    drawn = [name for name, task in tasks.items() if str(task.get("dataset", "")).startswith("phantom")]
    if not drawn:
        return ""
    return (
        f"The images of {_tasks(drawn)} are drawn by a program: the results show how the methods work and "
        "say nothing about patients."
    )


def _findings(report: Report) -> str:
    """Errors and warnings of the audit, each with what it means."""
    found = report.table("data_audit")
    if found is None:
        return ""
    grave = found[found["severity"] != "note"]
    return " ".join(
        f"Task *{row.task}*: {_sentence(row.sentence)} {_sentence(row.why)}" for row in grave.itertuples()
    )


def _shortcuts(report: Report) -> str:
    """Tasks where statistics of the files alone do better than chance."""
    found = report.table("data_shortcut")
    if found is None:
        return ""
    known = found[(found["statistics"] == "all") & (found["conf_low"] > _CHANCE)]
    return " ".join(
        f"In task *{row.task}* file statistics alone reach an AUC of {auc(row.auc)}: part of what the "
        "models achieve there may come from how the images were made."
        for row in known.itertuples()
    )


def _not_audited(report: Report) -> str:
    if report.mode == "published":
        return (
            "The published grid has no images and no predictions: neither its data nor its models could be "
            "audited, and no test on images could be repeated."
        )
    if report.study.get("imported"):
        return (
            "The predictions were made elsewhere: how the models were trained, and on which images, could "
            "not be checked."
        )
    if report.table("metrics") is None or was_audited(report):
        return ""
    return "The images were not audited before training."


def _one_source(report: Report) -> str:
    """No model was tested on images of another source, whatever else was done."""
    folds = any(task.get("split", {}).get("folds") for task in report.study.get("tasks", {}).values())
    how = "cross-validation" if folds else "the division into training, validation and test images"
    if report.study.get("imported"):
        return "Nothing here shows how the models do on images of other scanners, sites or patients."
    return (
        f"All images of a task come from one data set, and {how} stays within it: there was no external "
        "validation, and performance on images of other scanners, sites and patients may be lower."
    )


def _small_tests(report: Report) -> str:
    """Small test sets, and the smallest difference that was likely to show."""
    parts = []
    metrics = report.table("metrics")
    if metrics is not None and "n_test_positive" in metrics:
        for task, rows in metrics.groupby("task", sort=False):
            n, positive = int(rows["n_test"].max()), int(rows["n_test_positive"].max())
            if min(positive, n - positive) < FEW_IMAGES:
                shown = f"{integer(positive)} positive and {integer(n - positive)} negative"
                parts.append(f"Task *{task}* has a small test set: {shown} images.")
    return " ".join([*parts, *_detectable(report)])


def _detectable(report: Report) -> list[str]:
    rows = report.analysis("delong")
    if rows is None:
        return []
    known = rows[(rows["std_error"] > 0) & (rows["metric"] == "auc")]
    if known.empty:
        return []
    level = 1 - known["conf_level"]
    smallest = known["std_error"] * (norm.isf(level / 2) + norm.isf(1 - POWER))
    shown = [
        f"{auc(value)} ({task})" for task, value in smallest.groupby(known["task"], sort=False).max().items()
    ]
    return [
        f"With the standard errors that were seen, a DeLong test finds differences in AUC smaller than "
        f"{join_words(shown)} with less than {percent(POWER)} probability: that no difference was found does "
        "not mean that there is none."
    ]


def _multiplicity(report: Report) -> str:
    rows = report.table("comparisons")
    if rows is None:
        return ""
    tested = rows[rows["p_value"].notna()]
    if len(tested) < FEW_LEVELS:
        return ""
    families = tested["family"].nunique()
    alpha = float(report.study.get("analysis", {}).get("alpha", 0.05))
    return (
        f"The report holds {count(len(tested), 'p-value')} in {count(int(families), 'family', 'families')}; "
        "they are adjusted within a family where the plan says so and never across families, so that at a "
        f"level of {alpha:g} some will fall below it by chance."
    )


def _seeds(report: Report) -> str:
    """One training run per setting shows no noise between runs."""
    cells = report.cells
    if report.study.get("imported") or cells.empty:
        return ""
    if "seed" in cells and cells["seed"].nunique() > 1:
        return ""
    return (
        "Every setting was trained with one seed: a difference between two models includes what another seed "
        "would have changed."
    )


def _few_levels(report: Report) -> str:
    """Random factors whose variance rests on two levels."""
    random = report.table("mixed_random")
    if random is None:
        return ""
    few = random[random["levels"].notna() & (random["levels"] <= FEW_LEVELS)]
    names = [mid_sentence(name) for name in dict.fromkeys(few["group"])]
    if not names:
        return ""
    verb = "has" if len(names) == 1 else "have"
    return (
        f"In the mixed models, {join_words(names)} {verb} no more than {FEW_LEVELS} levels: a variance from "
        "so few is hardly known, and conclusions about levels that were not in the grid do not follow."
    )


def _fits(report: Report) -> str:
    models = report.table("mixed_models")
    if models is None:
        return ""
    fitted = models[models["criterion"].notna()]
    singular = int(fitted["singular"].astype(bool).sum())
    lost = len(models) - len(fitted) + int((~fitted["converged"].astype(bool)).sum())
    parts = []
    if singular:
        parts.append(
            f"{count(singular, 'mixed model').capitalize()} estimated a variance as zero, so that its factor "
            "is treated as if it did not matter."
        )
    if lost:
        parts.append(f"{count(lost, 'mixed model').capitalize()} could not be fitted or did not converge.")
    return " ".join(parts)


def _collapsed(report: Report) -> str:
    metrics = report.table("metrics")
    if metrics is None or "collapsed" not in metrics:
        return ""
    n = int(metrics["collapsed"].fillna(False).astype(bool).sum())
    if not n:
        return ""
    verb = "predicts" if n == 1 else "predict"
    return (
        f"{count(n, 'cell').capitalize()} of {integer(len(metrics))} {verb} one class for every test image; "
        "their accuracy is the share of that class and pulls on every comparison over cells."
    )


def _missing_cells(report: Report) -> str:
    if report.cells.empty or report.mode == "published":
        return ""
    missing = len(report.cells) - len(report.done)
    if not missing:
        return ""
    return (
        f"{count(missing, 'cell').capitalize()} of {integer(len(report.cells))} failed or did not run: "
        "comparisons over cells are no longer balanced."
    )


def _tasks(names: list[str]) -> str:
    return f"{'task' if len(names) == 1 else 'tasks'} {join_words([f'*{name}*' for name in names])}"


def _sentence(text: Any) -> str:
    """A text with a capital and a full stop; empty where it is missing."""
    if text is None or pd.isna(text) or not str(text).strip():
        return ""
    words = str(text).strip().rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


_DATA = (_phantoms, _not_audited, _findings, _shortcuts, _one_source)
_TESTS = (_small_tests, _multiplicity)
_GRID = (_seeds, _missing_cells, _collapsed, _few_levels, _fits)
