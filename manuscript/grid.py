"""The grid seen from its cells: which columns vary, their levels, one label per selected cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from manuscript.text import FACTOR_NAMES, plain

SETTINGS = tuple(name for name in FACTOR_NAMES if name not in ("task", "seed", "fold"))


def varied_factors(study: Mapping[str, Any], cells: pd.DataFrame) -> list[str]:
    """Settings with more than one level, in the order of the study file, else as seen in the cells."""
    declared = [name for name, levels in study.get("factors", {}).items() if len(levels) > 1]
    names = declared or [name for name in SETTINGS if name in cells.columns]
    return [name for name in names if name in cells.columns and cells[name].nunique(dropna=True) > 1]


def fixed_settings(study: Mapping[str, Any], cells: pd.DataFrame) -> dict[str, Any]:
    """Settings that all cells share, with their value; settings that no cell uses are left out.

    A setting that the study file gives per task is shared by the cells of a task: "0.1 (breast), 0.4 (acl)".
    """
    varied = varied_factors(study, cells)
    shared = {}
    for name in SETTINGS:
        if name in varied or name not in cells.columns:
            continue
        levels = cells[name].dropna().unique()
        if len(levels) == 1:
            shared[name] = levels[0]
        elif len(levels) > 1 and "task" in cells:
            of_task = cells.groupby("task", sort=False)[name].agg(lambda own: list(own.dropna().unique()))
            if of_task.map(len).max() == 1:
                shared[name] = ", ".join(f"{plain(own[0])} ({task})" for task, own in of_task.items() if own)
    return shared


def level_order(study: Mapping[str, Any], name: str, values: pd.Series) -> list[str]:
    """Levels of a column as text, in the order of the study file, then as sorted values."""
    present = {plain(value): value for value in values.dropna().unique()}
    declared = study.get("tasks", {}) if name == "task" else study.get("factors", {}).get(name, [])
    # Compared as text: a column that holds 0, 1 and "all" comes back from a store as text.
    first = [text for text in dict.fromkeys(map(plain, declared)) if text in present]
    rest = [text for text in present if text not in first]
    return [*first, *sorted(rest, key=lambda text: (str(type(present[text])), present[text]))]


def as_levels(study: Mapping[str, Any], name: str, values: pd.Series) -> pd.Series:
    """A column as an ordered categorical of texts, for axes and legends."""
    order = level_order(study, name, values)
    texts = values.map(plain, na_action="ignore").astype(object)
    return pd.Series(pd.Categorical(texts, categories=order, ordered=True), index=values.index)


def first_contrast(study: Mapping[str, Any], cells: pd.DataFrame) -> str | None:
    """The factor whose levels are the arms of the figures: the plan's first contrast or first factor."""
    plan = study.get("analysis", {})
    for kind in ("delong", "mcnemar", "wilcoxon", "permutation"):
        for entry in plan.get(kind, []):
            if entry.get("contrast") in cells.columns:
                return str(entry["contrast"])
    factors = varied_factors(study, cells)
    return factors[0] if factors else None
