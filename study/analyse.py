"""From a store and its analysis plan to the result tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from data.analysed import ANALYSED, analysis_inputs
from data.store import Store
from stats.results import RESULT_COLUMNS, ComparisonResult, results_frame
from study.analyses.all_pairs import PAIR_COLUMNS, all_pairs
from study.analyses.cell_tests import CellTest, cell_test_rows
from study.analyses.data_flow import data_flow
from study.analyses.data_summary import data_summary
from study.analyses.detectable import DETECTABLE_COLUMNS, detectable_rows
from study.analyses.findings import findings_table, is_planned
from study.analyses.folded_recipes import folded_recipe_rows
from study.analyses.folds import (
    folded_delong_rows,
    folded_mcnemar_rows,
    folded_roc_rows,
    folded_selected_rows,
    select_folded,
)
from study.analyses.grid_data import GridData, design_columns, load_grid
from study.analyses.leaks import check_patients, leak_marks, marked
from study.analyses.margins import margin_rows
from study.analyses.mixed_models import (
    FIXED_COLUMNS,
    MODEL_COLUMNS,
    RANDOM_COLUMNS,
    SHARE_COLUMNS,
    TEST_COLUMNS,
    check_mixed,
    fit_mixed,
)
from study.analyses.paired_tests import delong_rows, mcnemar_rows
from study.analyses.recipes import recipe_rows
from study.analyses.selected_models import CURVES, ModelResults, model_results
from study.analyses.selection import (
    ROC_COLUMNS,
    SELECTED_COLUMNS,
    Selection,
    roc_rows,
    select_cells,
    selected_rows,
)
from study.analyses.split_metrics import SPLIT_METRIC_COLUMNS, split_metrics
from study.analyses.winners import winner_estimates
from study.config import AnalysisPlan
from study.config.analysis import CONTRAST_KINDS, FOLD_IS_NO_ARM, SELECTED_KINDS
from study.config.selected_plans import SelectedPlan
from study.data_audit.results import stored_findings, stored_shortcuts
from study.referee.table import TABLE as AUDIT_FINDINGS


def analyse(
    store: Store,
    plan: AnalysisPlan,
    *,
    own_plan: AnalysisPlan | None = None,
    data: GridData | None = None,
    record: bool = True,
) -> dict[str, pd.DataFrame]:
    """Run every comparison of `plan`, write the result tables into the store and return them.

    Parameters
    ----------
    plan : what to run
    own_plan : the plan that was fixed with the study, if `plan` is another one: what it does not hold is
        marked `planned = false`
    data : the grid of this store where it was read before; None = read it
    record : False leaves the table `analysed` to the caller, who writes more tables before it: it comes last,
        and what an interruption leaves has none, so that no mixture of old and new tables passes as one

    Returns
    -------
    metrics, comparisons, estimates, pairs, mixed_fixed, mixed_random, mixed_models, mixed_tests,
    mixed_shares, selected, split_metrics, detectable, roc, roc_bands, reliability, decision, data_summary,
    data_flow, data_audit, data_shortcut, findings, analysed (what the tables were made from)

    Raises
    ------
    ValueError : no cell is done; a contrast, `by` or name in a formula that is no column; predictions that
        cannot be paired; patients in training and test where the plan groups by patient. A comparison that
        cannot run for want of cells gives a row with a note instead.
    """
    data = data or load_grid(store)
    # Of the rows that every prediction was compared with: what changes meanwhile must show as a change.
    store = data.store
    inputs = analysis_inputs(store, store.cells().query("status == 'done'"))
    _check_names(plan, data)
    check_patients(store, plan, data.tasks)
    selections = _selections(plan, data)
    models = _model_results(plan, data, selections, own_plan)
    rows = [
        *_image_rows(plan, data, selections, own_plan),
        *(row for found in models for row in found.comparisons),
        *_cell_rows(plan, data, own_plan),
    ]
    estimates = results_frame(
        [*(row for found in models for row in found.estimates), *_winner_rows(plan, data, own_plan)]
    )
    pairs = _stacked(
        (
            all_pairs(
                data,
                entry,
                task=task,
                conf_level=plan.conf_level,
                planned=is_planned(entry, own_plan, "pairs"),
            )
            for entry in plan.pairs
            for task in data.tasks
        ),
        PAIR_COLUMNS,
    )
    mixed = [
        fit_mixed(
            data,
            entry,
            model=number,
            conf_level=plan.conf_level,
            planned=is_planned(entry, own_plan, "mixed"),
        )
        for number, entry in enumerate(plan.mixed, start=1)
    ]
    marks = leak_marks(store, data.tasks)
    estimates, pairs = marked(estimates, marks), marked(pairs, marks)
    contrasts = (fit.contrasts for fit in mixed)
    comparisons = marked(_stacked([results_frame(rows), *contrasts], RESULT_COLUMNS), marks)
    tables = {
        "metrics": data.metrics,
        "comparisons": comparisons,
        "estimates": estimates,
        "pairs": pairs,
        "mixed_fixed": _stacked((fit.fixed for fit in mixed), FIXED_COLUMNS),
        "mixed_random": _stacked((fit.random for fit in mixed), RANDOM_COLUMNS),
        "mixed_models": marked(_stacked((fit.models for fit in mixed), MODEL_COLUMNS), marks),
        "selected": _stacked(
            (
                (selected_rows if data.n_folds(task) == 1 else folded_selected_rows)(
                    selection,
                    conf_level=plan.conf_level,
                    by_patient=_by_patient(plan, contrast, select),
                )
                for (contrast, select, task), selection in selections.items()
            ),
            SELECTED_COLUMNS,
        ),
        "split_metrics": _stacked(
            (
                split_metrics(
                    store,
                    selection,
                    conf_level=plan.conf_level,
                    by_patient=_by_patient(plan, contrast, select),
                )
                for (contrast, select, task), selection in selections.items()
            ),
            SPLIT_METRIC_COLUMNS,
        ),
        "detectable": _stacked(
            (
                detectable_rows(selection, alpha=plan.alpha, by_patient=_by_patient(plan, contrast, select))
                for (contrast, select, task), selection in selections.items()
            ),
            DETECTABLE_COLUMNS,
        ),
        "roc": _stacked(
            ((roc_rows if data.n_folds(s.task) == 1 else folded_roc_rows)(s) for s in selections.values()),
            ROC_COLUMNS,
        ).drop_duplicates(ignore_index=True),
        **{name: _curves(models, name) for name in CURVES},
        "data_summary": data_summary(store),
        "data_flow": data_flow(store),
        "data_audit": stored_findings(store),
        "data_shortcut": stored_shortcuts(store),
        "mixed_tests": _stacked((fit.tests for fit in mixed), TEST_COLUMNS),
        "mixed_shares": _stacked((fit.shares for fit in mixed), SHARE_COLUMNS),
        "findings": findings_table(comparisons, plan, mixed, own_plan, estimates=estimates, pairs=pairs),
        ANALYSED: inputs[inputs["cell_id"].isna() | inputs["cell_id"].isin(data.metrics["cell_id"])],
    }
    store.remove_results([ANALYSED, AUDIT_FINDINGS])
    for name, table in tables.items():
        if record or name != ANALYSED:
            store.write_result(name, table)
    return tables


def _check_names(plan: AnalysisPlan, data: GridData) -> None:
    columns = design_columns(data.planned)
    for kind in CONTRAST_KINDS:
        for entry in getattr(plan, kind):
            if entry.contrast == "fold":
                raise ValueError(f"analysis.{kind} has the contrast `fold`: {FOLD_IS_NO_ARM}.")
            wanted = [name for name in (entry.contrast, *getattr(entry, "by", ())) if name is not None]
            unknown = [name for name in wanted if name not in columns]
            if unknown:
                raise ValueError(
                    f"analysis.{kind} names `{unknown[0]}`, which is no column of the grid; "
                    f"columns are {', '.join(columns)}."
                )
    for entry in plan.mixed:
        check_mixed(entry, set(data.metrics.columns))


def _selections(plan: AnalysisPlan, data: GridData) -> dict[tuple[str, str, str], Selection]:
    """One selection per contrast, selecting metric and task, shared by all analyses of selected cells."""
    entries: list[SelectedPlan] = [entry for kind in SELECTED_KINDS for entry in getattr(plan, kind)]
    wanted = dict.fromkeys((entry.contrast, entry.select) for entry in entries)
    return {
        (contrast, select, task): (select_folded if data.n_folds(task) > 1 else select_cells)(
            data, task=task, contrast=contrast, select=select
        )
        for contrast, select in wanted
        for task in data.tasks
    }


def _by_patient(plan: AnalysisPlan, contrast: str, select: str) -> bool:
    """Whether an entry on these selected cells clusters by patient: their intervals then do so too."""
    return any(
        entry.group is not None
        for kind in SELECTED_KINDS
        for entry in getattr(plan, kind)
        if (entry.contrast, entry.select) == (contrast, select)
    )


def _image_rows(
    plan: AnalysisPlan,
    data: GridData,
    selections: dict[tuple[str, str, str], Selection],
    own_plan: AnalysisPlan | None,
) -> list[ComparisonResult]:
    run: dict[str, tuple[Callable[..., list[ComparisonResult]], ...]] = {
        "delong": (delong_rows, folded_delong_rows),
        "mcnemar": (mcnemar_rows, folded_mcnemar_rows),
    }
    rows: list[ComparisonResult] = []
    for kind, (single, folded) in run.items():
        for entry in getattr(plan, kind):
            planned = is_planned(entry, own_plan, kind)
            for task in data.tasks:
                selection = selections[entry.contrast, entry.select, task]
                function = single if data.n_folds(task) == 1 else folded
                rows += function(data, selection, entry, conf_level=plan.conf_level, planned=planned)
    for entry in plan.margin:
        planned = is_planned(entry, own_plan, "margin")
        for task in data.tasks:
            selection = selections[entry.contrast, entry.select, task]
            rows += margin_rows(data, selection, entry, conf_level=plan.conf_level, planned=planned)
    for entry in plan.recipe:
        planned = is_planned(entry, own_plan, "recipe")
        for task in data.tasks:
            compare = recipe_rows if data.n_folds(task) == 1 else folded_recipe_rows
            rows += compare(data, entry, task=task, conf_level=plan.conf_level, planned=planned)
    return rows


def _model_results(
    plan: AnalysisPlan,
    data: GridData,
    selections: dict[tuple[str, str, str], Selection],
    own_plan: AnalysisPlan | None,
) -> list[ModelResults]:
    return [
        model_results(
            data,
            selections[entry.contrast, entry.select, task],
            entry,
            conf_level=plan.conf_level,
            planned=is_planned(entry, own_plan, kind),
        )
        for kind in ("roc", "threshold", "calibration")
        for entry in getattr(plan, kind)
        for task in data.tasks
    ]


def _winner_rows(plan: AnalysisPlan, data: GridData, own_plan: AnalysisPlan | None) -> list[ComparisonResult]:
    return [
        row
        for entry in plan.winner
        for task in data.tasks
        for row in winner_estimates(
            data,
            entry,
            task=task,
            conf_level=plan.conf_level,
            planned=is_planned(entry, own_plan, "winner"),
        )
    ]


def _curves(models: list[ModelResults], name: str) -> pd.DataFrame:
    """The curves of one kind, with the columns task, contrast, select, arm first."""
    frames = [found.curves[name] for found in models if name in found.curves]
    keys = ["task", "contrast", "select", "arm"]
    if not frames:
        return pd.DataFrame(columns=keys)
    whole = pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)
    return whole[keys + [column for column in whole.columns if column not in keys]]


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
            planned=is_planned(entry, own_plan, kind),
        )
    ]


def _stacked(frames: Iterable[pd.DataFrame], columns: Iterable[str]) -> pd.DataFrame:
    """All rows with the given columns; types come from the frames that have rows."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(filled, ignore_index=True)[list(columns)]
