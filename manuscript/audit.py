"""The audit of the data in the article: a sentence, the findings per task, the shortcut figures."""

from __future__ import annotations

from typing import Any

import pandas as pd
from great_tables import GT

from manuscript.load import Report
from manuscript.origin import missing_text, store_name
from manuscript.tables import styled
from manuscript.text import MISSING, auc, count, estimate, integer

_NOT_AUDITED = "The images were not audited before training, or the store was written by an earlier version."
STATISTIC_NAMES = {
    "all": "All together",
    "width": "Width",
    "height": "Height",
    "aspect": "Width / height",
    "mean": "Mean brightness",
    "std": "Standard deviation",
    "black_share": "Share of black",
    "annotation_share": "Area drawn upon",
    "colour": "Colour file",
}


def was_audited(report: Report) -> bool:
    """Whether the results hold anything that an audit of the images left."""
    return report.table("data_shortcut") is not None or report.table("data_audit") is not None


def findings_known(report: Report) -> bool:
    """Whether the images were audited and the results hold what was found, be it nothing."""
    return was_audited(report) and report.tables.get("data_audit") is not None


def audit_text(report: Report) -> str:
    """How many findings of which weight each task has, and what file statistics alone give away."""
    if not was_audited(report):
        return _not_audited(report)
    sentences = [
        "Before training, the images were audited for duplicates, wrong labels, leaks between the parts of "
        "the split, annotations and shortcuts."
    ]
    shortcuts = report.table("data_shortcut")
    if shortcuts is None:
        return f"{sentences[0]} {_lacking(report, 'shortcut figure')}"
    whole = shortcuts[shortcuts["statistics"] == "all"]
    return " ".join([*sentences, *(_shortcut_sentence(row) for row in whole.itertuples())])


def no_findings(report: Report) -> str:
    """Words where the table of findings has no row."""
    if findings_known(report):
        return "*Nothing was found that would spoil a comparison.*"
    text = _lacking(report, "list of findings") if was_audited(report) else _not_audited(report)
    return text if text.startswith("*") else f"*{text}*"


def no_shortcut(report: Report) -> str:
    """Words where the table of the shortcut figure has no row."""
    text = _lacking(report, "shortcut figure") if was_audited(report) else _not_audited(report)
    return text if text.startswith("*") else f"*{text}*"


def _not_audited(report: Report) -> str:
    if report.mode == "published" or report.study.get("imported"):
        return "No images belong to this report, so none were audited."
    if report.table("metrics") is None:
        return missing_text(report, "the audit of the images")
    return _NOT_AUDITED


def _lacking(report: Report, what: str) -> str:
    return f"The {what} of the audit is not among the results; run `study stats {store_name(report)}`."


def _shortcut_sentence(row: Any) -> str:
    if pd.isna(row.auc):
        return f"In task *{row.task}* the shortcut figure is missing ({row.note})."
    value = estimate(row.auc, row.conf_low, row.conf_high)
    return (
        f"In task *{row.task}*, file statistics alone (size, brightness, what is drawn on the image) tell "
        f"positive from negative images with an AUC of {value}."
    )


def audit_table(report: Report) -> GT | None:
    """One row per finding; None where nothing was audited or found."""
    found = report.table("data_audit")
    if found is None:
        return None
    frame = pd.DataFrame(
        {
            "Task": found["task"].astype(str),
            "Weight": found["severity"].str.capitalize(),
            "Finding": found["sentence"].astype(str),
            "What it means": found["why"].astype(str),
        }
    )
    return styled(frame, groups="Task")


def shortcut_table(shortcuts: pd.DataFrame) -> GT:
    """AUC of file statistics per task, together and each by itself.

    Parameters
    ----------
    shortcuts : the table `data_shortcut`
    """
    columns = {"Statistic": [STATISTIC_NAMES.get(name, name) for name in _statistics(shortcuts)]}
    notes = ["Together: cross-validated, mean over folds with its interval."]
    for task, rows in shortcuts.groupby("task", sort=False):
        values = rows.set_index("statistics")
        columns[str(task)] = [_value(values, name) for name in _statistics(shortcuts)]
        first = values.loc["all"]
        notes.append(
            f"{task}: {count(int(first['n']), 'image')}, {integer(first['n_positive'])} of them positive, in "
            f"{count(int(first['n_groups']), 'group')} that belong together."
        )
    notes.append("By itself: below one half, low values belong to the positive class.")
    return styled(
        pd.DataFrame(columns), numbers=[name for name in columns if name != "Statistic"], notes=notes
    )


def _statistics(shortcuts: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(shortcuts["statistics"]))


def _value(values: pd.DataFrame, name: str) -> str:
    if name not in values.index:
        return MISSING
    row = values.loc[name]
    return estimate(row["auc"], row["conf_low"], row["conf_high"]) if name == "all" else auc(row["auc"])
