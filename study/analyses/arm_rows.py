"""What the rows of all analyses of selected cells share: names, families, and rows that say why not."""

from __future__ import annotations

from stats.pairing import PairedPredictions
from stats.results import ComparisonResult, joined_notes
from study.analyses.grid_data import GridData
from study.analyses.selection import Selection

# Why an analysis that reads one set of test images does not run on several folds.
NO_FOLDS = (
    "cross-validation: scores of different folds come from different models, and this analysis has no form "
    "for folds; delong, mcnemar, recipe, wilcoxon, permutation and mixed have one"
)


def shared_fields(
    data: GridData,
    selection: Selection,
    *,
    analysis: str,
    metric: str,
    conf_level: float,
    planned: bool,
    group: str | None = None,
) -> dict:
    """Return the fields that all rows of one plan entry and task have in common."""
    clustering = f", by {group}" if group else ""
    cells = data.planned[data.planned["task"] == selection.task]
    return {
        "analysis": analysis,
        "family": f"{analysis} {selection.contrast} by {selection.select}{clustering}, {selection.task}",
        "task": selection.task,
        "metric": metric,
        "conf_level": conf_level,
        "planned": planned,
        "note": data.missing_note(cells),
    }


def cannot_run(selection: Selection, *, need_classes: bool) -> str | None:
    """Return why the arms cannot be compared, None where they can."""
    if selection.folded is not None:
        return NO_FOLDS
    if not selection.arms:
        return f"no cell uses {selection.contrast}"
    if len(selection.arms) == 1:
        return f"{selection.contrast} has one level only ({selection.arms[0]}): nothing to compare"
    if len(selection.cells) < 2:
        return f"no done cell of {', '.join(arm for arm in selection.arms if arm not in selection.cells)}"
    test = selection.test
    if need_classes and test is not None:
        n_positive = int(test.labels.sum())
        if min(n_positive, test.labels.size - n_positive) < 2:
            return (
                f"{n_positive} of {test.labels.size} test images are positive: DeLong needs 2 of each class"
            )
    return None


def no_patients(test: PairedPredictions | None, group: str | None) -> str | None:
    """Why the images cannot be clustered by patient."""
    if group is None or test is None:
        return None
    if test.groups is None or any(patient is None for patient in test.groups):
        return "the plan clusters by patient, but the data set has no patient ids"
    return None


def not_run(selection: Selection, shared: dict, method: str, reason: str | None) -> ComparisonResult:
    """Return the row that says why a comparison did not run."""
    arms = [*selection.arms, None, None][:2]
    comparison = comparison_name(selection, *arms) if all(arms) else selection.contrast
    note = joined_notes(f"not run: {reason}", shared["note"])
    row = {**shared, "note": note, "method": method, "comparison": comparison}
    return ComparisonResult(**row, arm_a=arms[0], arm_b=arms[1])


def missing_arms(selection: Selection, shared: dict, method: str) -> list[ComparisonResult]:
    """A row that says so for every arm without a done cell, beside the pairs that could run."""
    shared = {key: value for key, value in shared.items() if key != "note"}
    gone = [arm for arm in selection.arms if arm not in selection.cells]
    return [
        ComparisonResult(
            **shared,
            method=method,
            comparison=f"{selection.contrast}: {arm}{chosen_by(selection)}",
            arm_a=arm,
            note=f"not run: no done cell of {arm}",
        )
        for arm in gone
    ]


def comparison_name(selection: Selection, a: str | None, b: str | None) -> str:
    """Return "pretrain: A - B", with the metric that chose the cells where it is not validation AUC."""
    return f"{selection.contrast}: {a} - {b}{chosen_by(selection)}"


def chosen_by(selection: Selection) -> str:
    """Keeps two plans apart that choose the cells of one contrast by different metrics."""
    return "" if selection.select == "val_auc" else f" (chosen by {selection.select})"


def n_patients(test: PairedPredictions) -> int | None:
    """Return the number of patients, None where no image has an id."""
    return None if test.groups is None else len(set(test.groups.tolist()))


def shared_patients_note(test: PairedPredictions) -> str | None:
    """Return what to say where several images of a patient count as independent; None where none do."""
    groups = n_patients(test)
    if groups is None or groups == test.labels.size:
        return None
    return f"{test.labels.size} images of {groups} patients count as independent"
