"""The sentences that depend on the study, written from the study file, the cells and the tables."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from manuscript.grid import varied_factors
from manuscript.load import Report
from manuscript.origin import missing_text
from manuscript.plan import metric_words
from manuscript.text import MINUS, count, duration, factor_name, join_words, plain, short_id

MANY = 5
# In the order of weight: the first kind that a study has is told in the abstract.
FINDING_KINDS = {
    "delong": "AUC of the selected models (DeLong)",
    "non-inferiority": "Non-inferiority of the selected models",
    "equivalence": "Equivalence of the selected models",
    "recipe": "Recipes over seeds",
    "roc": "Parts of the ROC curves of the selected models",
    "threshold": "Rates of the selected models at chosen thresholds",
    "calibration": "Brier scores of the selected models",
    "winner": "The choice of the best cell",
    "pairs": "All pairs of cells",
    "mixed": "All cells: mixed models",
    "wilcoxon": "All cells: Wilcoxon tests",
    "permutation": "Matched cells: permutation tests",
    "contrast": "Differences between levels, after the mixed models",
    "mcnemar": "Predicted classes of the selected models (McNemar)",
}


def study_line(report: Report) -> str:
    """Name, title and question of the study."""
    study = report.study
    title = str(study.get("title") or study.get("name", "unnamed study"))
    question = str(study.get("description", "")).strip()
    return f"**{title}.** {question}".strip()


def abstract(report: Report) -> str:
    """What was compared and what the planned comparisons found."""
    if report.mode == "published":
        opening = (
            "This report re-analyses the grid of trained models that the original study published. "
            "It holds one row of metrics per model and no predictions."
        )
    else:
        verb = "compared" if report.study.get("imported") else "trained and compared"
        opening = f"We {verb} {grid_size(report)}."
    findings = report.table("findings")
    if findings is None:
        return f"{opening} The comparisons have not been analysed yet."
    planned = findings[findings["planned"].astype(bool)]
    kinds = [kind for kind in FINDING_KINDS if (planned["analysis"] == kind).any()]
    shown = planned[planned["analysis"] == kinds[0]] if kinds else planned
    own, shared = _told([_finding(row) for row in shown.itertuples()])
    return " ".join(part for part in (opening, *own, shared) if part)


def grid_size(report: Report) -> str:
    """`24 cells (2 tasks, 2 levels of pretraining, …)`."""
    cells = report.cells
    names = [name for name in ("task", *varied_factors(report.study, cells), "seed") if name in cells.columns]
    parts = [
        f"{cells[name].nunique()} {_plural_name(name)}"
        for name in names
        if cells[name].nunique(dropna=True) > 1
    ]
    return f"{count(len(cells), 'model')} ({join_words(parts)})" if parts else count(len(cells), "model")


def _plural_name(name: str) -> str:
    plain_plurals = {"task": "tasks", "seed": "seeds", "backbone": "backbones", "head": "heads"}
    return plain_plurals.get(name, f"levels of {factor_name(name).lower()}")


def cells_text(report: Report) -> str:
    """How many cells ran, which failed and which are still to run."""
    cells, failed = report.cells, report.failed
    if report.mode == "published":
        return f"The published grid holds {count(len(cells), 'cell')}."
    if cells.empty:
        return "No cell of the grid has run yet; `study run-grid` starts it."
    n_open = int((cells["status"] == "open").sum())
    if report.study.get("imported"):
        return f"The predictions of {count(len(cells), 'cell')} were made elsewhere and imported."
    text = f"The grid has {count(len(cells), 'cell')}; {len(report.done)} ended with predictions."
    if n_open:
        text += f" {count(n_open, 'cell').capitalize()} did not run yet (`study run-grid` goes on with them)."
    if "seconds" in cells.columns and cells["seconds"].notna().any():
        text += f" Training the heads took {duration(float(cells['seconds'].sum()))} in all."
    return f"{text} {_failed_sentence(failed)}"


def design_text(report: Report) -> str:
    """Whose design the grid follows; imported predictions have one of their own."""
    if report.study.get("imported"):
        return ""
    return (
        "The grid follows the design of @frees2025, who compared the weights of @mei2022 with "
        "ImageNet weights."
    )


def _failed_sentence(failed: pd.DataFrame) -> str:
    if failed.empty:
        return "No cell failed."
    shown = failed.head(MANY)
    names = [f"{short_id(row.cell_id)} ({str(row.reason).rstrip('.')})" for row in shown.itertuples()]
    more = len(failed) - len(shown)
    if more:
        names.append(f"{more} more")
    return f"{count(len(failed), 'cell').capitalize()} failed: {join_words(names)}."


def protocol_text(report: Report) -> str:
    """How a model is trained, from the settings that all cells share."""
    cells = report.done if not report.done.empty else report.cells
    say = {name: plain(cells[name].dropna().iloc[0]) for name in _shared(cells)}
    parts = []
    if "epochs" in say:
        batch = f" in batches of {say['batch_size']}" if "batch_size" in say else ""
        parts.append(f"Every model was trained for {say['epochs']} epochs{batch}")
    if "optimizer" in say:
        rate = f" at an initial learning rate of {say['lr']}" if "lr" in say else ""
        parts.append(f"with {say['optimizer']}{rate}")
    if not parts:
        return ""
    ending = ""
    if say.get("unfreeze") == "0":
        ending += " The pretrained backbone was frozen; only the head was trained."
    if say.get("checkpoint") == "val_auc":
        ending += " The epoch with the best validation AUC was kept and scored once on the test images."
    return f"{' '.join(parts)}.{ending}"


def _shared(cells: pd.DataFrame) -> list[str]:
    return [name for name in cells.columns if cells[name].nunique(dropna=True) == 1]


def findings_text(report: Report) -> str:
    """One sentence per comparison, planned ones first."""
    findings = report.table("findings")
    if findings is None:
        return missing_text(report, "findings")
    planned = findings["planned"].astype(bool)
    parts = _by_kind(findings[planned])
    if not planned.all():
        parts += ["Exploratory, chosen after the results:", *_by_kind(findings[~planned])]
    return "\n\n".join(parts)


def _by_kind(findings: pd.DataFrame) -> list[str]:
    """A heading line and a list for each kind of analysis; what holds for all its rows is said once."""
    parts = []
    for kind, rows in findings.groupby("analysis", sort=False):
        own, shared = _told([_finding(row) for row in rows.itertuples()])
        parts.append(f"*{FINDING_KINDS.get(str(kind), str(kind))}*")
        parts.append("\n".join(f"- {text}" for text in own))
        if shared:
            parts.append(shared)
    return parts


def _told(findings: list[str]) -> tuple[list[str], str]:
    """Each finding without the sentences that all of them share, and those sentences."""
    split = [re.split(r"(?<=\.) (?=[A-Z])", text) for text in findings]
    if len(split) < 2:
        return findings, ""
    shared = [part for part in split[0] if all(part in parts for parts in split[1:])]
    return [" ".join(part for part in parts if part not in shared) for parts in split], " ".join(shared)


def _finding(row: Any) -> str:
    """The sentence with its task in italics, a capital at its start and true minus signs."""
    text = re.sub(r"(?<![\w.])-(?=\d)", MINUS, str(row.sentence))
    # A formula keeps the name of its column; in a sentence the metric is called by its name.
    text = re.sub(r"\b((?:val|test)_(?:auc|f1|accuracy))\b(?! ~)", lambda match: metric_words(match[1]), text)
    start = f"{row.task}: "
    if isinstance(row.task, str) and text.startswith(start):
        return f"*{row.task}*: {text.removeprefix(start)}"
    return f"{text[:1].upper()}{text[1:]}"
