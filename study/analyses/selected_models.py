"""Parts of the ROC curves, rates at chosen thresholds and calibration of the selected cells."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from data.store import Store
from stats.results import ComparisonResult, joined_notes
from study.analyses.arm_rows import (
    cannot_run,
    comparison_name,
    no_patients,
    not_run,
    shared_fields,
    shared_patients_note,
)
from study.analyses.grid_data import GridData
from study.analyses.predictions import scored_models, split_predictions
from study.analyses.selection import Selection
from study.config.selected_plans import CalibrationPlan, RocPlan, ThresholdPlan
from study.models.calibration import brier_pairs, calibration_rows, decision_curves, reliability_curves
from study.models.rates import RATES, choose_thresholds, metric_rows, rate_pairs
from study.models.roc import RocParts, roc_bands, roc_part_pairs, roc_part_rows
from study.models.scored import ModelOptions, ScoredModels

ModelPlan = RocPlan | ThresholdPlan | CalibrationPlan

CURVES = ("roc_bands", "reliability", "decision")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResults:
    """What one entry of the plan found for one task.

    comparisons : pairs of arms;  estimates : one arm each;  curves : frames by name, one of CURVES
    """

    comparisons: list[ComparisonResult]
    estimates: list[ComparisonResult] = field(default_factory=list)
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)


def model_results(
    data: GridData, selection: Selection, plan: ModelPlan, *, conf_level: float, planned: bool
) -> ModelResults:
    """Run a RocPlan, ThresholdPlan or CalibrationPlan; where it cannot run, one row says why."""
    kind, run = _KINDS[type(plan)]
    shared = shared_fields(
        data,
        selection,
        analysis=kind,
        metric=kind,
        conf_level=conf_level,
        planned=planned,
        group=plan.group,
    )
    test = selection.test
    reason = cannot_run(selection, need_classes=True) or no_patients(test, plan.group)
    if reason or test is None:
        return ModelResults(comparisons=[not_run(selection, shared, kind, reason)])
    if plan.group is None:
        shared["note"] = joined_notes(shared["note"], shared_patients_note(test))
    models = scored_models(test, list(selection.cells), patients=plan.group is not None)
    options = ModelOptions(conf_level=conf_level, adjust=plan.adjust)
    try:
        found = run(data.store, selection, models, plan, options)
    except ValueError as error:
        return ModelResults(comparisons=[not_run(selection, shared, kind, str(error).rstrip("."))])
    return ModelResults(
        comparisons=[_placed(row, selection, shared, _detail(plan)) for row in found.comparisons],
        estimates=[_placed(row, selection, shared, _detail(plan)) for row in found.estimates],
        curves={
            name: frame.rename(columns={"model": "arm"}).assign(
                task=selection.task, contrast=selection.contrast, select=selection.select
            )
            for name, frame in found.curves.items()
        },
    )


def _roc(
    store: Store, selection: Selection, models: ScoredModels, plan: RocPlan, options: ModelOptions
) -> ModelResults:
    parts = RocParts(
        specificity=plan.specificity,
        sensitivity=plan.sensitivity,
        partial=plan.partial_auc,
        focus=plan.focus,
        correct=plan.mcclish,
        band=plan.band,
    )
    return ModelResults(
        comparisons=roc_part_pairs(models, parts, options),
        estimates=roc_part_rows(models, parts, options),
        curves={"roc_bands": roc_bands(models, parts, options)},
    )


def _threshold(
    store: Store, selection: Selection, models: ScoredModels, plan: ThresholdPlan, options: ModelOptions
) -> ModelResults:
    if plan.rule == "fixed":
        cuts: list[Any] = [0.5 if plan.target is None else plan.target] * len(models.names)
    else:
        ids = [str(cell["cell_id"]) for cell in selection.cells.values()]
        validation = split_predictions(store, selection.task, ids, "val")
        chosen_on = scored_models(validation, models.names, patients=False)
        cuts = [*choose_thresholds(chosen_on, rule=plan.rule, target=plan.target)]
    return ModelResults(
        comparisons=rate_pairs(models, cuts, options, rates=RATES),
        estimates=metric_rows(models, cuts, options, interval=plan.interval),
    )


def _calibration(
    store: Store, selection: Selection, models: ScoredModels, plan: CalibrationPlan, options: ModelOptions
) -> ModelResults:
    return ModelResults(
        comparisons=brier_pairs(models, options),
        estimates=calibration_rows(models, options),
        curves={
            "reliability": reliability_curves(models, options),
            "decision": decision_curves(models, options).rename(columns={"strategy": "arm"}),
        },
    )


_KINDS: dict[type, tuple[str, Any]] = {
    RocPlan: ("roc", _roc),
    ThresholdPlan: ("threshold", _threshold),
    CalibrationPlan: ("calibration", _calibration),
}


def _detail(plan: ModelPlan) -> str:
    """Tells two entries apart that differ in the rule of the threshold."""
    if not isinstance(plan, ThresholdPlan):
        return ""
    rule = "Youden" if plan.rule == "youden" else plan.rule
    return f", {rule} threshold" + ("" if plan.target is None else f" {plan.target:g}")


def _placed(
    row: ComparisonResult, selection: Selection, shared: dict[str, Any], detail: str
) -> ComparisonResult:
    """The row in its family: task, contrast and what holds for all rows of the entry."""
    if row.arm_b is None:
        where = f"{selection.contrast}: {row.arm_a}"
    else:
        where = comparison_name(selection, row.arm_a, row.arm_b)
    fields = {key: value for key, value in shared.items() if key not in ("metric", "note")}
    return replace(
        row,
        **fields | {"family": f"{shared['family']}{detail}, {row.metric}", "comparison": where + detail},
        note=joined_notes(row.note, shared["note"], *selection.notes),
    )
