"""From a store and its analysis plan to the result tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from data.store import Store
from stats.results import RESULT_COLUMNS, ComparisonResult, records, results_frame
from study.analyses.cell_tests import CellTest, cell_test_rows
from study.analyses.grid_data import GridData, design_columns, load_grid
from study.analyses.leaks import check_patients
from study.analyses.margins import margin_rows
from study.analyses.mixed_models import (
    FIXED_COLUMNS,
    MODEL_COLUMNS,
    RANDOM_COLUMNS,
    SHARE_COLUMNS,
    TEST_COLUMNS,
    MixedResult,
    check_mixed,
    fit_mixed,
)
from study.analyses.paired_tests import delong_rows, mcnemar_rows
from study.analyses.recipes import recipe_rows
from study.analyses.selection import (
    ROC_COLUMNS,
    SELECTED_COLUMNS,
    Selection,
    roc_rows,
    select_cells,
    selected_rows,
)
from study.analyses.sentences import comparison_sentence, mixed_sentence
from study.config import AnalysisPlan
from study.config.analysis import SelectedPlan

FINDING_COLUMNS = ("analysis", "task", "comparison", "planned", "sentence")
SUMMARY_COLUMNS = ("task", "split", "class", "label", "n_images", "n_groups")
_SPLITS = ("train", "val", "test")


def analyse(
    store: Store, plan: AnalysisPlan, *, own_plan: AnalysisPlan | None = None
) -> dict[str, pd.DataFrame]:
    """Run every comparison of `plan`, write the result tables into the store and return them.

    Parameters
    ----------
    plan : what to run
    own_plan : the plan that was fixed with the study, if `plan` is another one: what it does not hold is
        marked `planned = false`

    Returns
    -------
    metrics, comparisons, mixed_fixed, mixed_random, mixed_models, mixed_tests, mixed_shares, selected, roc,
    data_summary, findings

    Raises
    ------
    ValueError : no cell is done; a contrast, `by` or name in a formula that is no column; predictions that
        cannot be paired; patients in training and test where the plan groups by patient. A comparison that
        cannot run for want of cells gives a row with a note instead.
    """
    data = load_grid(store)
    _check_names(plan, data)
    check_patients(store, plan, data.tasks)
    selections = _selections(plan, data)
    rows = _image_rows(plan, data, selections, own_plan) + _cell_rows(plan, data, own_plan)
    mixed = [
        fit_mixed(
            data,
            entry,
            model=number,
            conf_level=plan.conf_level,
            planned=_is_planned(entry, own_plan, "mixed"),
        )
        for number, entry in enumerate(plan.mixed, start=1)
    ]
    comparisons = _stacked([results_frame(rows), *(fit.contrasts for fit in mixed)], RESULT_COLUMNS)
    tables = {
        "metrics": data.metrics,
        "comparisons": comparisons,
        "mixed_fixed": _stacked((fit.fixed for fit in mixed), FIXED_COLUMNS),
        "mixed_random": _stacked((fit.random for fit in mixed), RANDOM_COLUMNS),
        "mixed_models": _stacked((fit.models for fit in mixed), MODEL_COLUMNS),
        "selected": _stacked(
            (selected_rows(s, conf_level=plan.conf_level) for s in selections.values()), SELECTED_COLUMNS
        ),
        "roc": _stacked((roc_rows(s) for s in selections.values()), ROC_COLUMNS).drop_duplicates(
            ignore_index=True
        ),
        "data_summary": data_summary(store),
        "mixed_tests": _stacked((fit.tests for fit in mixed), TEST_COLUMNS),
        "mixed_shares": _stacked((fit.shares for fit in mixed), SHARE_COLUMNS),
        "findings": _findings(comparisons, plan, mixed, own_plan),
    }
    for name, table in tables.items():
        store.write_result(name, table)
    return tables


def data_summary(store: Store) -> pd.DataFrame:
    """Return images and patients per task, split and class."""
    rows: list[dict[str, Any]] = []
    for task in store.tasks():
        joined = store.read_manifest(task).merge(store.read_split(task), on="image_id", validate="1:1")
        for (split, name, label), part in joined.groupby(["split", "class", "label"], sort=True):
            groups = part["group_id"].nunique() if part["group_id"].notna().any() else None
            rows.append(
                {"task": task, "split": split, "class": name, "label": label}
                | {"n_images": len(part), "n_groups": groups}
            )
    rows.sort(key=lambda row: (row["task"], _SPLITS.index(row["split"]), -row["label"], row["class"]))
    frame = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return frame.astype({"n_images": "Int64", "n_groups": "Int64"})


def _check_names(plan: AnalysisPlan, data: GridData) -> None:
    columns = design_columns(data.planned)
    for kind in ("delong", "mcnemar", "margin", "recipe", "wilcoxon", "permutation"):
        for entry in getattr(plan, kind):
            wanted = [entry.contrast, *getattr(entry, "by", ())]
            unknown = [name for name in wanted if name not in columns]
            if unknown:
                raise ValueError(
                    f"analysis.{kind} names `{unknown[0]}`, which is no column of the grid; "
                    f"columns are {', '.join(columns)}."
                )
    for entry in plan.mixed:
        check_mixed(entry, set(data.metrics.columns))


def _selections(plan: AnalysisPlan, data: GridData) -> dict[tuple[str, str, str], Selection]:
    """One selection per contrast, selecting metric and task, shared by DeLong and McNemar."""
    entries: list[SelectedPlan] = [*plan.delong, *plan.mcnemar, *plan.margin]
    wanted = dict.fromkeys((entry.contrast, entry.select) for entry in entries)
    return {
        (contrast, select, task): select_cells(data, task=task, contrast=contrast, select=select)
        for contrast, select in wanted
        for task in data.tasks
    }


def _image_rows(
    plan: AnalysisPlan,
    data: GridData,
    selections: dict[tuple[str, str, str], Selection],
    own_plan: AnalysisPlan | None,
) -> list[ComparisonResult]:
    run: dict[str, Callable[..., list[ComparisonResult]]] = {"delong": delong_rows, "mcnemar": mcnemar_rows}
    rows: list[ComparisonResult] = []
    for kind, function in run.items():
        for entry in getattr(plan, kind):
            planned = _is_planned(entry, own_plan, kind)
            for task in data.tasks:
                selection = selections[entry.contrast, entry.select, task]
                rows += function(
                    data, selection, conf_level=plan.conf_level, planned=planned, group=entry.group
                )
    for entry in plan.margin:
        planned = _is_planned(entry, own_plan, "margin")
        for task in data.tasks:
            selection = selections[entry.contrast, entry.select, task]
            rows += margin_rows(data, selection, entry, conf_level=plan.conf_level, planned=planned)
    for entry in plan.recipe:
        planned = _is_planned(entry, own_plan, "recipe")
        for task in data.tasks:
            rows += recipe_rows(data, entry, task=task, conf_level=plan.conf_level, planned=planned)
    return rows


def _cell_rows(plan: AnalysisPlan, data: GridData, own_plan: AnalysisPlan | None) -> list[ComparisonResult]:
    entries: list[tuple[str, CellTest, Any]] = [
        *(("wilcoxon", "signed-rank" if e.paired else "rank-sum", e) for e in plan.wilcoxon),
        *(("permutation", "permutation", e) for e in plan.permutation),
    ]
    return [
        row
        for kind, test, entry in entries
        for row in cell_test_rows(
            data,
            test=test,
            value=entry.value,
            contrast=entry.contrast,
            by=entry.by,
            conf_level=plan.conf_level,
            planned=_is_planned(entry, own_plan, kind),
        )
    ]


def _findings(
    comparisons: pd.DataFrame,
    plan: AnalysisPlan,
    mixed: list[MixedResult],
    own_plan: AnalysisPlan | None,
) -> pd.DataFrame:
    rows = [
        {
            "analysis": row["analysis"],
            "task": row["task"],
            "comparison": row["comparison"],
            "planned": row["planned"],
            "sentence": comparison_sentence(row, alpha=plan.alpha),
        }
        for row in records(comparisons)
    ]
    for entry, fit in zip(plan.mixed, mixed, strict=True):
        key = {"analysis": "mixed", "task": None, "planned": _is_planned(entry, own_plan, "mixed")}
        note = records(fit.models)[0]["note"]
        if fit.reason is not None:
            sentence = f"The model {entry.formula} could not be fitted: {fit.reason.rstrip('.')}."
            rows.append(key | {"comparison": entry.formula, "sentence": sentence})
        for row, meaning in zip(records(fit.fixed), fit.meanings, strict=True):
            if meaning.kind != "intercept":
                sentence = mixed_sentence(
                    row,
                    response=fit.response,
                    alpha=plan.alpha,
                    note=note,
                    meaning=meaning,
                )
                rows.append(key | {"comparison": f"{entry.formula}: {row['term']}", "sentence": sentence})
    return pd.DataFrame(rows, columns=list(FINDING_COLUMNS)).astype({"planned": bool})


def _is_planned(entry: Any, own_plan: AnalysisPlan | None, kind: str) -> bool:
    return own_plan is None or entry in getattr(own_plan, kind)


def _stacked(frames: Iterable[pd.DataFrame], columns: Iterable[str]) -> pd.DataFrame:
    """All rows with the given columns; types come from the frames that have rows."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(filled, ignore_index=True)[list(columns)]
