"""The best cell of a grid, chosen on validation: what the choice adds to its value there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from stats.levels import level_names
from stats.results import ComparisonResult, joined_notes
from study.analyses.arm_rows import NO_FOLDS, no_patients, shared_patients_note
from study.analyses.grid_data import GridData
from study.analyses.predictions import scored_models, split_predictions
from study.config.analysis import WinnerPlan
from study.models.scored import ModelOptions
from study.models.winner import SELECT_METRICS, winner_rows

ANALYSIS = "winner"


def winner_estimates(
    data: GridData, plan: WinnerPlan, *, task: str, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Return the rows "naive", "corrected" (BBC-CV) and "test" of the best cell of a task.

    `arm_a` is the winner's cell id. With a contrast the winners of its arms follow. Where there is nothing
    to choose from, one row says so.
    """
    cells = data.metrics[data.metrics["task"] == task]
    sets: list[tuple[str, pd.DataFrame]] = [("all cells", cells)]
    if plan.contrast is not None and plan.contrast in cells:
        names = level_names(cells[plan.contrast])
        sets += [
            (f"{plan.contrast} {arm}", pd.DataFrame(cells[(names == arm).to_numpy(dtype=bool)]))
            for arm in data.arms(plan.contrast, task)
        ]
    missing = data.missing_note(data.planned[data.planned["task"] == task])
    shared: dict[str, Any] = {
        "analysis": ANALYSIS,
        "family": f"{ANALYSIS} by {plan.select}{', by patient' if plan.group else ''}, {task}",
        "task": task,
        "planned": planned,
    }
    rows: list[ComparisonResult] = []
    for name, own in sets:
        try:
            found = _winner(data, plan, task, own, conf_level)
        except ValueError as error:
            reason = f"not run: {str(error).rstrip('.')}"
            rows.append(
                ComparisonResult(
                    **shared,
                    comparison=name,
                    metric=SELECT_METRICS[plan.select],
                    method="BBC-CV",
                    conf_level=conf_level,
                    note=joined_notes(reason, missing),
                )
            )
            continue
        rows += [
            replace(
                row,
                **shared,
                comparison=f"{name}: {row.comparison}",
                note=joined_notes(row.note, missing),
            )
            for row in found
        ]
    return rows


def _winner(
    data: GridData, plan: WinnerPlan, task: str, cells: pd.DataFrame, conf_level: float
) -> list[ComparisonResult]:
    ids = [str(cell_id) for cell_id in cells["cell_id"]]
    if data.n_folds(task) > 1:
        raise ValueError(NO_FOLDS)
    if len(ids) < 2:
        raise ValueError(f"{len(ids)} done cell: nothing to choose from")
    validation = split_predictions(data.store, task, ids, "val")
    test = split_predictions(data.store, task, ids, "test")
    reason = no_patients(validation, plan.group) or no_patients(test, plan.group)
    if reason:
        raise ValueError(reason)
    by_patient = plan.group is not None
    note = None if by_patient else shared_patients_note(validation)
    rows = winner_rows(
        scored_models(validation, ids, patients=by_patient),
        scored_models(test, ids, patients=by_patient),
        ModelOptions(conf_level=conf_level),
        metric=SELECT_METRICS[plan.select],
    )
    return [replace(row, note=joined_notes(row.note, note)) for row in rows]
