"""Everything that the page shows, from a store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from data.store import Store
from stats.metrics import THRESHOLD
from study.analyses.arm_rows import shared_patients_note
from study.analyses.grid_data import GridData, load_grid
from study.config import AnalysisPlan
from study.config.load import parse_toml
from study.explore.cells import Predictions, by_patient, cell_rows, curve_points, setting_columns
from study.explore.pictures import LARGEST, SMALLEST, Budget
from study.explore.results import first_models, results_notice, sentences
from study.explore.scores import image_table, predictions_by_part, read_scores, task_content, widest_first
from study.explore.sources import cell_maps, task_thumbnails
from study.imports.study_file import parse_stored_plan

DEFAULT_PIXELS = 96
DEFAULT_BUDGET_MB = 20.0
_MAP_SHARE = 0.25  # of the room for pictures; what the maps leave goes to the images


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """What the page shows.

    Attributes
    ----------
    title, description : of the study
    notices : what the reader must know of this page: results that are missing or old, pictures left out
    findings : sentences of `study stats`; empty where they are missing or old
    data : what the page's script draws, as plain values
    """

    title: str
    description: str
    notices: tuple[str, ...]
    findings: tuple[str, ...]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOptions:
    """Where pictures come from and how much room they have.

    Attributes
    ----------
    data_root : folder of the image data, as for training
    pixels : longest side of a picture
    budget_mb : room for all pictures in the page, in 10^6 bytes; 0 leaves them out
    """

    data_root: Path | None = None
    pixels: int = DEFAULT_PIXELS
    budget_mb: float = DEFAULT_BUDGET_MB

    def __post_init__(self) -> None:
        if not SMALLEST <= self.pixels <= LARGEST:
            raise ValueError(
                f"`pixels` is {self.pixels}; allowed are {SMALLEST} to {LARGEST} for the longest side."
            )
        if not 0 <= self.budget_mb < float("inf"):
            raise ValueError(
                f"`picture_mb` is {self.budget_mb:g}; give megabytes from 0 (no pictures) upwards."
            )


def page_content(
    store: Store, *, cells: Collection[str] = (), pictures: PictureOptions = PictureOptions()
) -> PageContent:
    """Collect the content of the page.

    Parameters
    ----------
    cells : ids of the cells to show; empty = all planned cells

    Raises
    ------
    ValueError : no cell is done, an unknown cell, cells that were made from different data
    """
    text = store.read_study()
    plan = parse_stored_plan(text, source=f"{store.where}/study.toml")
    whole = load_grid(store)
    stale = results_notice(store, whole)
    shown = _only(whole, cells)
    scores = {
        task: read_scores(store, task, ids)
        for task in shown.tasks
        if (ids := shown.metrics.loc[shown.metrics["task"] == task, "cell_id"].tolist())
    }
    by_part = {key: own for rows in scores.values() for key, own in predictions_by_part(rows).items()}
    tasks, maps, notes = _images(store, scores, pictures)
    for task, content in tasks.items():
        own = shown.metrics[shown.metrics["task"] == task]
        content["models"] = first_models(None if stale else store, own)
    settings = setting_columns(whole.planned)
    study = parse_toml(text, f"{store.where}/study.toml")
    return PageContent(
        title=str(study.get("title") or study.get("name") or store.name),
        description=str(study.get("description") or ""),
        notices=(*([stale] if stale else []), *_patient_notes(scores, by_part, plan), *notes),
        findings=() if stale else sentences(store),
        data={
            "threshold": THRESHOLD,
            "conf_level": plan.conf_level,
            "settings": settings,
            "cells": cell_rows(shown, by_part, plan, settings=settings),
            "curves": curve_points(by_part),
            "tasks": tasks,
            "maps": maps,
        },
    )


def _images(
    store: Store, scores: dict[str, pd.DataFrame], options: PictureOptions
) -> tuple[dict[str, Any], dict[str, dict[str, str]], list[str]]:
    """Images, scores and pictures of every task, Grad-CAM overlays by cell and image, and notes."""
    room = int(options.budget_mb * 1e6)
    ids = [str(cell_id) for rows in scores.values() for cell_id in rows["cell_id"].unique()]
    budget = Budget(room=int(room * _MAP_SHARE))
    found, notes = cell_maps(store, ids, pixels=options.pixels, budget=budget)
    maps: dict[str, dict[str, str]] = {}
    for (cell_id, image_id), picture in found.items():
        maps.setdefault(cell_id, {})[image_id] = picture
    tasks = {}
    for task, rows in scores.items():
        images, table = image_table(rows, store.read_manifest(task))
        small, reasons = task_thumbnails(
            store,
            task,
            widest_first(images, table),
            data_root=options.data_root,
            pixels=options.pixels,
            budget=Budget(room=(room - budget.used) // len(scores)),
        )
        tasks[task] = task_content(images, table) | {"pictures": small}
        notes += reasons
    return tasks, maps, notes


def _patient_notes(scores: dict[str, pd.DataFrame], by_part: Predictions, plan: AnalysisPlan) -> list[str]:
    """Say where images of one patient count as independent in the intervals."""
    notes = []
    for task, rows in scores.items() if not by_patient(plan) else ():
        note = shared_patients_note(by_part[str(rows["cell_id"].iloc[0]), "test"])
        if note is not None:
            notes.append(
                f'Task {task}: in the intervals {note}. `group = "patient"` in an analysis of the plan '
                "clusters them."
            )
    return notes


def _only(data: GridData, cells: Collection[str]) -> GridData:
    """The grid with the named cells alone."""
    if not cells:
        return data
    known = data.planned["cell_id"]
    unknown = [name for name in cells if name not in set(known)]
    if unknown:
        raise ValueError(
            f"The store '{data.store.where}' has no cell {', '.join(map(repr, unknown))}; "
            f"its {len(known)} cells begin with {', '.join(known.head(3))}; "
            "without --cells the page lists all."
        )
    planned = data.planned[known.isin(list(cells))].reset_index(drop=True)
    metrics = data.metrics[data.metrics["cell_id"].isin(list(cells))].reset_index(drop=True)
    if metrics.empty:
        raise ValueError(f"None of the cells {', '.join(cells)} is done; name a done cell with --cells.")
    return replace(data, planned=planned, metrics=metrics)
