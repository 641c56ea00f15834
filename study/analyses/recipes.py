"""Recipes over seeds: is a difference one of two trained models, or of two ways of training?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from stats.levels import level_names
from stats.pairing import PairedPredictions, paired_predictions
from stats.recipes.variance import recipe_comparison
from stats.results import ComparisonResult, joined_notes
from study.analyses.arm_rows import no_patients
from study.analyses.grid_data import GridData, design_keys, varied_columns
from study.config.selected_plans import RecipePlan

METHOD = "mean AUC over seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The settings of one arm that were chosen, with the done cell of each seed in the order of seeds."""

    settings: str
    cells: pd.DataFrame


def recipe_rows(
    data: GridData, plan: RecipePlan, *, task: str, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Compare the arms of one task: per arm the settings with the best mean validation metric over seeds.

    Every pair has two rows: these trained models on new images, and these recipes with new seeds. Seeds are
    paired across arms, since seed s means the same order of images and the same dropout in each.
    """
    cells = data.metrics[data.metrics["task"] == task]
    shared: dict[str, Any] = {
        "analysis": "recipe",
        "task": task,
        "metric": "auc",
        "conf_level": conf_level,
        "planned": planned,
    }
    arms = data.arms(plan.contrast, task)
    chosen = {arm: found for arm in arms if (found := _best(cells, plan, arm)) is not None}
    missing = data.missing_note(data.planned[data.planned["task"] == task])
    reason = _cannot_run(plan, arms, chosen)
    test = None if reason else _test_predictions(data, task, chosen)
    reason = reason or no_patients(test, plan.group)
    if reason or test is None:
        note = joined_notes(f"not run: {reason}", missing)
        return [ComparisonResult(**shared, method=METHOD, comparison=plan.contrast, note=note)]
    width = {arm: len(recipe.cells) for arm, recipe in chosen.items()}
    ends = np.cumsum([0, *width.values()])
    scores = {arm: test.ranking[:, ends[i] : ends[i + 1]] for i, arm in enumerate(width)}
    seeds = [tuple(recipe.cells["seed"]) for recipe in chosen.values()]
    fit = recipe_comparison(
        test.labels.astype(int),
        scores,
        paired_seeds=len(set(seeds)) == 1,
        group=None if plan.group is None or test.groups is None else test.groups.tolist(),
        conf_level=conf_level,
    )
    told = "; ".join(f"{arm}: {recipe.settings}" for arm, recipe in chosen.items() if recipe.settings)
    return [
        replace(
            row,
            **shared,
            family=f"recipe {plan.contrast} by {plan.select}, {task}: {row.family}",
            comparison=f"{plan.contrast}: {row.arm_a} - {row.arm_b}, {row.comparison}",
            note=joined_notes(row.note, f"{len(seeds[0])} seeds, {told}" if told else None, missing),
        )
        for row in fit.to_results()
    ]


def _best(cells: pd.DataFrame, plan: RecipePlan, arm: str) -> Recipe | None:
    """The settings of an arm that all seeds have, with the highest mean of the selecting metric."""
    own = cells[(level_names(cells[plan.contrast]) == arm).to_numpy(dtype=bool)]
    own = own[own[plan.select].notna()]
    if own.empty:
        return None
    names = [name for name in varied_columns(cells) if name not in ("seed", plan.contrast, "task")]
    keyed = own.assign(key=pd.Series(design_keys(own, names), index=own.index, dtype=object))
    groups = dict(list(keyed.groupby("key", sort=False, dropna=False)))
    most = max(part["seed"].nunique() for part in groups.values())
    complete = {key: part for key, part in groups.items() if part["seed"].nunique() == most}
    key = max(complete, key=lambda k: complete[k][plan.select].mean())
    settings = ", ".join(
        f"{name} {value}" for name, value in zip(names, key, strict=True) if value is not None
    )
    return Recipe(settings=settings, cells=complete[key].sort_values("seed"))


def _cannot_run(plan: RecipePlan, arms: list[str], chosen: dict[str, Recipe]) -> str | None:
    if len(arms) < 2:
        return f"{plan.contrast} has {len(arms)} level{'s' if len(arms) != 1 else ''}"
    gone = [arm for arm in arms if arm not in chosen]
    return f"no done cell of {', '.join(gone)}" if gone else None


def _test_predictions(data: GridData, task: str, chosen: dict[str, Recipe]) -> PairedPredictions:
    ids = [str(i) for recipe in chosen.values() for i in recipe.cells["cell_id"]]
    rows = data.store.read_predictions(task=task, cell_ids=ids, splits=("test",))
    parts = dict(iter(rows.groupby("cell_id", sort=False)))
    return paired_predictions({f"cell {cell_id}": parts[cell_id] for cell_id in ids})
