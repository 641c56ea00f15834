"""A store as the referee sees it: cells, images, predictions and what `study stats` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from data.analysed import what_changed
from data.store import Store
from stats.levels import level_names
from stats.referee.subject import Repeat, Subject
from study.analyses.cell_facts import equal_scores
from study.analyses.grid_data import GridData, load_grid
from study.analyses.mixed_models import with_unused_levels
from study.config import AnalysisPlan, parse_study
from study.imports.study_file import is_imported, parse_stored_plan
from study.referee.images import task_facts
from study.referee.plan import planned_tests
from study.referee.study_file import level_repeats, varied_factors

if TYPE_CHECKING:
    from stats.lmm.fit import LmmFit

_SHOWN_SETS = 20


def store_subject(store: Store, data: GridData | None = None) -> Subject:
    """Return what a store holds; comparisons and winners as far as `study stats` wrote them.

    Parameters
    ----------
    data : the grid of this store where it was read before; None = read it

    Raises
    ------
    ValueError : no cell is done
    """
    data = data or load_grid(store)
    store = data.store
    text = store.read_study()
    plan = parse_stored_plan(text, source=f"{store.where}/study.toml")
    tests = planned_tests(plan)
    factors = varied_factors(data.planned)
    fits, unfitted = _fits(data, plan)
    tables, not_judged = _tables(store, data)
    selected = tables.get("selected")
    constant = [
        cell.cell_id for facts in data.facts.values() for cell in facts.cells.values() if cell.constant
    ]
    metrics = data.metrics.assign(constant=data.metrics["cell_id"].isin(constant))
    equal = [members for facts in data.facts.values() for members in equal_scores(facts)]
    repeats = () if is_imported(text) else level_repeats(parse_study(text))
    return Subject(
        name=store.name,
        kind="store",
        cells=data.planned,
        factors=factors,
        plan=tests,
        alpha=plan.alpha,
        tasks=tuple(task_facts(store, data, task, chosen=_chosen(selected, task)) for task in data.tasks),
        metrics=metrics,
        comparisons=tables.get("comparisons"),
        estimates=tables.get("estimates"),
        selected=selected,
        repeats=(*repeats, *equal_predictions(metrics, equal, factors)),
        fits=fits,
        unfitted=unfitted,
        not_judged=not_judged,
    )


def _tables(store: Store, data: GridData) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """Result tables, and what cannot be judged where there are none or they speak of another state."""
    written = set(store.results())
    if "comparisons" not in written:
        return {}, (f"there are no result tables; run `study stats {store.where}`, which referees too",)
    changed = what_changed(store, data.planned[data.planned["status"] == "done"])
    if changed:
        return {}, (f"the result tables {changed}; run `study stats {store.where}`, which referees too",)
    names = [name for name in ("comparisons", "estimates", "selected") if name in written]
    tables = {name: store.read_result(name) for name in names}
    return {name: table for name, table in tables.items() if len(table)}, ()


def _fits(data: GridData, plan: AnalysisPlan) -> tuple[dict[str, LmmFit], dict[str, str]]:
    from stats.lmm import fit_lmm

    fits, unfitted = {}, {}
    for formula in dict.fromkeys(entry.formula for entry in plan.mixed):
        try:
            frame, _ = with_unused_levels(data.metrics, formula)
            fits[formula] = fit_lmm(formula, frame)
        except ValueError as error:
            unfitted[formula] = str(error)
    return fits, unfitted


def _chosen(selected: pd.DataFrame | None, task: str) -> list[str]:
    if selected is None or "cell_id" not in selected:
        return []
    return list(dict.fromkeys(selected.loc[selected["task"] == task, "cell_id"].dropna().astype(str)))


def equal_predictions(
    metrics: pd.DataFrame, equal: Sequence[Sequence[str]], factors: tuple[str, ...]
) -> tuple[Repeat, ...]:
    """Sets of cells with the same score for every image, gathered by what their labels differ in."""
    found: dict[tuple[str, ...], list[Mapping[str, object]]] = {}
    for members in equal:
        rows = metrics[metrics["cell_id"].isin(members)]
        names = tuple(
            name
            for name in ("seed", *factors)
            if name in rows and level_names(rows[name]).fillna("").nunique() > 1
        )
        levels = {name: " = ".join(level_names(rows[name]).fillna("not used")) for name in names}
        row = {"task": str(rows["task"].iloc[0]), "cells": ", ".join(members), **levels}
        found.setdefault(names, []).append(row)
    return tuple(
        Repeat(
            kind="equal",
            factors=names,
            text=f"equal predictions with other {' and '.join(names) or 'cell ids'}",
            n_sets=len(rows),
            rows=tuple(rows[:_SHOWN_SETS]),
        )
        for names, rows in found.items()
    )
