"""What the figures and tables of tasks, cohort flow and networks show, or words that say what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from IPython.display import Markdown

from manuscript.figures.architecture import architecture_diagram
from manuscript.figures.cohort import cohort_flow
from manuscript.grid import level_order
from manuscript.load import Report
from manuscript.networks import cells_networks
from manuscript.origin import missing_text, typed_store
from manuscript.tables_study import layers_table, networks_table, task_cards

PUBLISHED_NOTE = (
    "The networks as this project builds them. In the code of the original study the hidden layer of the "
    "convolutional heads had the width of the flattened maps times the ratio, and ratio, kernel size and "
    "dropout never reached these heads."
)


def cards(report: Report) -> Any:
    """A card per task."""
    if not report.study.get("tasks"):
        return Markdown("*The study file names no task.*")
    return task_cards(report.study, report.table("data_summary"))


def flow(report: Report) -> Any:
    """The cohort flow."""
    steps, summary = report.table("data_flow"), report.table("data_summary")
    if steps is None or summary is None:
        return Markdown(missing_text(report, "the cohort flow"))
    tasks = level_order(report.study, "task", steps["task"])
    return cohort_flow(steps, summary, titles={task: _title(report, task) for task in tasks})


def _title(report: Report, task: str) -> str:
    """Task, data set and, with cross-validation, which fold is counted."""
    own = report.study.get("tasks", {}).get(task, {})
    title = f"{task}: {own['dataset']}" if own.get("dataset") else task
    folds = own.get("split", {}).get("folds")
    return f"{title} (parts of the first of {folds} folds)" if folds else title


def networks(report: Report) -> Any:
    """Trunks and heads with their parameters."""
    layers = _layers(report)
    if layers is None:
        return Markdown(_no_layers(report))
    return networks_table(layers, order=_heads(report), note=_note(report))


def diagram(report: Report) -> Any:
    """Trunks and heads as a diagram."""
    layers = _layers(report)
    return (
        Markdown(_no_layers(report)) if layers is None else architecture_diagram(layers, order=_heads(report))
    )


def layers(report: Report) -> Any:
    """Every layer."""
    found = _layers(report)
    if found is None:
        return Markdown(_no_layers(report))
    return layers_table(found, order=_heads(report), note=_note(report))


def _layers(report: Report) -> pd.DataFrame | None:
    found = report.table("architecture")
    if found is None:
        return None
    own = cells_networks(found, report.cells)
    return None if own.empty else own


def _heads(report: Report) -> list[str]:
    return level_order(report.study, "head", report.cells["head"])


def _note(report: Report) -> str:
    return PUBLISHED_NOTE if report.mode == "published" else ""


def _no_layers(report: Report) -> str:
    """Why a store has no table of layers, and what writes it."""
    if report.study.get("imported"):
        return "*Not available: the networks. The predictions were made elsewhere and imported.*"
    name = "" if report.root is None else typed_store(report.root)
    return (
        "*Not available: the networks. The store was written by an earlier version; `study run-grid` with "
        f"`--store {name}` adds their table and trains nothing that is done.*"
    )
