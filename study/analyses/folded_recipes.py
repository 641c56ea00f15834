"""Recipes over the folds of a cross-validation: the corrected resampled t test."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from stats.levels import level_names
from stats.multiplicity.adjust import adjust_p
from stats.recipes.resampled_t import METHOD, resampled_t_test
from stats.results import ComparisonResult, joined_notes
from study.analyses.folds import complete_settings
from study.analyses.grid_data import GridData
from study.config.selected_plans import RecipePlan


def folded_recipe_rows(
    data: GridData, plan: RecipePlan, *, task: str, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Compare the arms of one task over folds: per arm the settings with the best mean over folds and seeds.

    The unit is the fold; the seeds of a fold are averaged first, for they share its images. Holm over pairs.
    """
    cells = data.metrics[data.metrics["task"] == task]
    arms = data.arms(plan.contrast, task)
    chosen = {arm: best for arm in arms if (best := _best(data, cells, plan, arm, task)) is not None}
    missing = data.missing_note(data.planned[data.planned["task"] == task])
    shared: dict[str, Any] = {
        "analysis": "recipe",
        "family": f"recipe {plan.contrast} by {plan.select}, {task}: these recipes",
        "task": task,
        "metric": "auc",
        "conf_level": conf_level,
        "planned": planned,
    }
    gone = [arm for arm in arms if arm not in chosen]
    if len(arms) < 2 or gone:
        many = f"{plan.contrast} has {len(arms)} level{'s' if len(arms) != 1 else ''}"
        reason = f"no settings of {', '.join(gone)} have all folds" if gone else many
        note = joined_notes(f"not run: {reason}", missing)
        return [ComparisonResult(**shared, method=METHOD, comparison=plan.contrast, note=note)]
    n_train, n_test = _sizes(data, task)
    rows = []
    for a, b in combinations(chosen, 2):
        comparison = f"{plan.contrast}: {a} - {b}, these recipes, other training sets"
        key = {**shared, "comparison": comparison, "arm_a": a, "arm_b": b}
        try:
            first, second = _by_fold(chosen[a]), _by_fold(chosen[b])
            fit = resampled_t_test(first, second, n_train=n_train, n_test=n_test, conf_level=conf_level)
        except ValueError as error:
            reason = f"not run: {str(error).rstrip('.')}"
            rows.append(ComparisonResult(**key, method=METHOD, note=joined_notes(reason, missing)))
            continue
        seeds = chosen[a]["seed"].nunique()
        told = f"seeds averaged within folds ({seeds} per fold)" if seeds > 1 else None
        told = joined_notes(told, "folds are the unit, not patients" if plan.group else None)
        rows.append(replace(fit.to_result(), **key, note=joined_notes(fit.note, told, missing)))
    adjusted = adjust_p([row.p_value for row in rows], "holm")
    return [replace(row, p_adjusted=float(p)) for row, p in zip(rows, adjusted, strict=True)]


def _best(data: GridData, cells: pd.DataFrame, plan: RecipePlan, arm: str, task: str) -> pd.DataFrame | None:
    """The settings that all seeds have in all folds, with the highest mean of the selecting metric."""
    own = cells[(level_names(cells[plan.contrast]) == arm).to_numpy(dtype=bool)]
    whole = complete_settings(
        own,
        cells,
        select=plan.select,
        n_folds=data.n_folds(task),
        apart=("fold", "seed", "task", plan.contrast),
    )
    runs = int(data.planned.loc[data.planned["task"] == task, "seed"].nunique()) * data.n_folds(task)
    full = [part for part in whole if len(part) == runs]
    return max(full, key=lambda part: part[plan.select].mean()) if full else None


def _by_fold(cells: pd.DataFrame) -> np.ndarray:
    return cells.groupby("fold", sort=True)["test_auc"].mean().to_numpy(dtype=np.float64)


def _sizes(data: GridData, task: str) -> tuple[float, float]:
    """Mean images per fold for training and for testing."""
    counts = data.store.read_split(task).groupby(["fold", "split"]).size().groupby("split").mean()
    return float(counts["train"]), float(counts["test"])
