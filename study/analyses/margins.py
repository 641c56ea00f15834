"""Non-inferiority and equivalence of the selected cells against a margin that the plan fixed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stats.multiplicity.adjust import adjust_p
from stats.results import ComparisonResult, joined_notes
from stats.roc.equivalence import auc_margin_test
from study.analyses.arm_rows import cannot_run, no_patients
from study.analyses.grid_data import GridData
from study.analyses.selection import Selection
from study.config.selected_plans import MarginPlan


def margin_rows(
    data: GridData, selection: Selection, plan: MarginPlan, *, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Return one row per arm other than the reference: is its AUC not lower by the margin or more?

    The one-sided level is half of alpha, so that the interval is that of the other comparisons.
    """
    shared: dict[str, Any] = {
        "analysis": plan.goal,
        "task": selection.task,
        "metric": "auc",
        "conf_level": conf_level,
        "planned": planned,
    }
    missing = data.missing_note(data.planned[data.planned["task"] == selection.task])
    test = selection.test
    reason = cannot_run(selection, need_classes=True) or no_patients(test, plan.group)
    if not reason and plan.reference not in selection.cells:
        reason = f"the reference {plan.reference} is no arm with a done cell ({', '.join(selection.cells)})"
    if reason or test is None:
        return [_not_run(plan, shared, f"not run: {reason}", missing)]
    names = list(selection.cells)
    reference = names.index(plan.reference)
    groups = None if plan.group is None or test.groups is None else test.groups.tolist()
    others = [k for k in range(len(names)) if k != reference]
    try:
        fits = [
            auc_margin_test(
                test.labels.astype(int),
                test.ranking[:, k],
                test.ranking[:, reference],
                margin=plan.margin,
                goal=plan.goal,
                method=plan.method,
                group=groups,
                alpha=(1.0 - conf_level) / 2.0,
            )
            for k in others
        ]
    except ValueError as error:
        return [_not_run(plan, shared, f"not run: {str(error).rstrip('.')}", missing)]
    adjusted = adjust_p([fit.p_value for fit in fits], "holm")
    alone = "verdict of this comparison alone, p_adjusted is Holm's" if len(fits) > 1 else None
    rows = []
    for k, fit, p_adjusted in zip(others, fits, adjusted, strict=True):
        name = names[k]
        rows.append(
            replace(
                fit.to_result(),
                **shared,
                family=f"{plan.goal} {plan.contrast} by {plan.select}, {selection.task}",
                comparison=f"{plan.contrast}: {name} - {plan.reference}",
                arm_a=name,
                arm_b=plan.reference,
                p_adjusted=float(p_adjusted),
                note=joined_notes(fit.conclusion, fit.note, alone, *selection.notes, missing),
            )
        )
    return rows


def _not_run(plan: MarginPlan, shared: dict[str, Any], *notes: str | None) -> ComparisonResult:
    return ComparisonResult(
        **shared,
        method=plan.goal,
        comparison=plan.contrast,
        arm_b=plan.reference,
        note=joined_notes(*notes),
    )
