"""The best settings of every arm over the folds of a cross-validation, and what may be tested on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from data.store import Store
from stats.levels import level_names
from stats.multiplicity.adjust import adjust_p
from stats.pairing import paired_predictions
from stats.results import NAN, ComparisonResult, joined_notes
from stats.roc.curve import roc_curve
from stats.roc.stratified import STRATIFIED, STRATIFIED_CLUSTERED, stratified_delong
from study.analyses.arm_rows import (
    cannot_run,
    comparison_name,
    missing_arms,
    n_patients,
    no_patients,
    not_run,
    shared_fields,
    shared_patients_note,
)
from study.analyses.grid_data import GridData, design_keys, varied_columns
from study.analyses.paired_tests import mcnemar_rows
from study.analyses.selection import ROC_COLUMNS, SELECTED_COLUMNS, FoldedTest, Selection
from study.config.selected_plans import DelongPlan, McnemarPlan

_GRID = np.linspace(0.0, 1.0, 101)  # false-positive rates at which the ROC curves of the folds are averaged


def select_folded(data: GridData, *, task: str, contrast: str, select: str) -> Selection:
    """Choose, per arm, the settings and seed with the highest mean of `select` over all folds.

    Settings that lack a fold cannot be chosen; a tie takes the first of the grid.

    Raises
    ------
    ValueError : the chosen cells of two arms did not test the same images in the same folds
    """
    cells = data.metrics[data.metrics["task"] == task]
    arms = data.arms(contrast, task)
    n_folds = data.n_folds(task)
    chosen: dict[str, pd.DataFrame] = {}
    notes: list[str] = []
    names = level_names(cells[contrast]) if contrast in cells else pd.Series(dtype=object)
    for arm in arms:
        own = cells[(names == arm).to_numpy(dtype=bool)]
        whole = complete_settings(
            own, cells, select=select, n_folds=n_folds, apart=("fold", "task", contrast)
        )
        if not whole:
            if len(own):
                notes.append(f"no settings of {arm} have all {n_folds} folds with {select}")
            continue
        means = [float(part[select].mean()) for part in whole]
        if means.count(max(means)) > 1:
            notes.append(f"{means.count(max(means))} settings of {arm} tie on {select}, the first is taken")
        chosen[arm] = whole[int(np.argmax(means))].sort_values("fold")
        notes += _collapsed_notes(arm, chosen[arm])
    return Selection(
        task=task,
        contrast=contrast,
        select=select,
        arms=tuple(arms),
        cells={arm: _mean_cell(part) for arm, part in chosen.items()},
        test=None,
        notes=tuple(notes),
        folded=_folded_test(data.store, task, chosen) if chosen else None,
    )


def complete_settings(
    own: pd.DataFrame, cells: pd.DataFrame, *, select: str, n_folds: int, apart: tuple[str, ...]
) -> list[pd.DataFrame]:
    """Cells of an arm by settings (all varied columns of `cells` but `apart`); only those with all folds."""
    known = own[own[select].notna()]
    names = [name for name in varied_columns(cells) if name not in apart]
    keyed = known.assign(key=pd.Series(design_keys(known, names), index=known.index, dtype=object))
    parts = [part for _, part in keyed.groupby("key", sort=False, dropna=False)]
    return [part.drop(columns="key") for part in parts if part["fold"].nunique() == n_folds]


def folded_delong_rows(
    data: GridData, selection: Selection, plan: DelongPlan, *, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Return one row per pair of arms: mean AUCs over folds, DeLong's variance within each fold.

    There is no global test of three arms or more, and no max-t.
    """
    shared = shared_fields(
        data,
        selection,
        analysis="delong",
        metric="auc",
        conf_level=conf_level,
        planned=planned,
        group=plan.group,
    )
    method = STRATIFIED if plan.group is None else STRATIFIED_CLUSTERED
    folded = selection.folded
    test = None if folded is None else folded.test
    reason = cannot_run(_pooled(selection), need_classes=True) or no_patients(test, plan.group)
    names = list(selection.cells)
    if plan.reference is not None and plan.reference not in names:
        reason = reason or f"the reference {plan.reference} is no arm with a done cell ({', '.join(names)})"
    if plan.adjust == "max-t":
        reason = reason or 'adjust = "max-t" has no form for folds; take "holm"'
    if reason or folded is None or test is None:
        return [not_run(selection, shared, method, reason)]
    # The reference last: every pair with it reads other - reference.
    order = sorted(range(len(names)), key=lambda k: names[k] == plan.reference)
    try:
        fit = stratified_delong(
            test.labels.astype(int),
            test.ranking[:, order],
            folded.fold.tolist(),
            names=[names[k] for k in order],
            group=None if plan.group is None or test.groups is None else test.groups.tolist(),
            adjust="none",
            conf_level=conf_level,
        )
    except ValueError as error:
        return [not_run(selection, shared, method, str(error).rstrip("."))]
    rows = [row for row in fit.results if plan.reference in (None, row.arm_b)]
    adjusted = adjust_p([row.p_value for row in rows], plan.adjust)
    patients = None if plan.group else shared_patients_note(test)
    common = joined_notes(_models_note(folded), patients, shared.pop("note"), *selection.notes)
    shared["n_groups"] = n_patients(test)
    made = [
        replace(
            row,
            **shared,
            comparison=comparison_name(selection, row.arm_a, row.arm_b),
            p_adjusted=float(p),
            note=joined_notes(row.note, common),
        )
        for row, p in zip(rows, adjusted, strict=True)
    ]
    return made + missing_arms(selection, shared, method)


def folded_mcnemar_rows(
    data: GridData, selection: Selection, plan: McnemarPlan, *, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Return the rows of McNemar's test on all folds together: each image is tested once."""
    pooled = _pooled(selection)
    if selection.folded is not None:
        note = (
            f"correct answers of all folds pooled, each image tested once; {_models_note(selection.folded)}"
        )
        pooled = replace(pooled, notes=(note, *selection.notes))
    return mcnemar_rows(data, pooled, plan, conf_level=conf_level, planned=planned)


def folded_selected_rows(
    selection: Selection, *, conf_level: float, by_patient: bool = False
) -> pd.DataFrame:
    """Return one row in SELECTED_COLUMNS per arm, means over folds; `cell_id` is that of the first fold."""
    folded = selection.folded
    if folded is None:
        return pd.DataFrame(columns=list(SELECTED_COLUMNS))
    test, names = folded.test, list(selection.cells)
    groups = test.groups.tolist() if by_patient and test.groups is not None else None
    try:
        fit = stratified_delong(
            test.labels.astype(int),
            test.ranking,
            folded.fold.tolist(),
            names=names,
            group=groups,
            conf_level=conf_level,
        )
        limits = list(zip(fit.conf_low, fit.conf_high, strict=True))
        method: str | None = fit.method.replace(" paired", "")
    except ValueError:
        limits, method = [(NAN, NAN)] * len(names), None
    rows = []
    for (arm, cell), (low, high) in zip(selection.cells.items(), limits, strict=True):
        own = folded.cells[arm]
        rows.append(
            {
                "task": selection.task,
                "contrast": selection.contrast,
                "arm": arm,
                "select": selection.select,
                "cell_id": cell["cell_id"],
                "val_auc": cell["val_auc"],
                "test_auc": cell["test_auc"],
                "test_auc_low": low,
                "test_auc_high": high,
                "test_auc_method": method,
                "collapsed_in": cell["collapsed_in"],
                "n_folds": len(own),
                "cell_ids": " ".join(own["cell_id"]),
            }
        )
    return pd.DataFrame(rows, columns=list(SELECTED_COLUMNS))


def folded_roc_rows(selection: Selection) -> pd.DataFrame:
    """Return the mean ROC curve over folds of every arm: sensitivities averaged at 101 false-positive rates.

    A threshold belongs to one model: the mean curve has none (NaN).
    """
    folded = selection.folded
    if folded is None:
        return pd.DataFrame(columns=list(ROC_COLUMNS))
    frames = []
    for k, (arm, cell) in enumerate(selection.cells.items()):
        curves = []
        for fold in np.unique(folded.fold):
            own = folded.fold == fold
            labels = folded.test.labels[own]
            if 0 < labels.sum() < labels.size:
                curve = roc_curve(labels, folded.test.ranking[own, k])
                curves.append(_sensitivity(curve["fpr"].to_numpy(), curve["tpr"].to_numpy()))
        if curves:
            mean = pd.DataFrame({"fpr": _GRID, "tpr": np.mean(curves, axis=0), "threshold": NAN})
            key = {"task": selection.task, "contrast": selection.contrast, "arm": arm}
            frames.append(mean.assign(**key, cell_id=cell["cell_id"], split="test"))
    if not frames:
        return pd.DataFrame(columns=list(ROC_COLUMNS))
    return pd.concat(frames, ignore_index=True)[list(ROC_COLUMNS)]


def _sensitivity(fpr: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    """Sensitivity of an empirical ROC curve at `_GRID`: the highest at that rate, 0 at none."""
    order = np.lexsort((tpr, fpr))
    fpr, tpr = fpr[order], tpr[order]
    last = np.append(fpr[1:] != fpr[:-1], True)
    return np.interp(_GRID, fpr[last], tpr[last])


def _folded_test(store: Store, task: str, chosen: dict[str, pd.DataFrame]) -> FoldedTest:
    models: dict[str, pd.DataFrame] = {}
    for arm, cells in chosen.items():
        ids = [str(cell_id) for cell_id in cells["cell_id"]]
        rows = store.read_predictions(task=task, cell_ids=ids, splits=("test",))
        models[f"the folds of {arm}"] = rows.sort_values(["fold", "image_id"], ignore_index=True)
    test = paired_predictions(models)
    first, *others = (frame.set_index("image_id")["fold"] for frame in models.values())
    for name, other in zip(list(models)[1:], others, strict=True):
        if not other.loc[first.index].equals(first):
            raise ValueError(
                f"Images are tested in other folds by {name} than by {next(iter(models))}; the cells were "
                "made from different splits. Run the grid again into a new store."
            )
    return FoldedTest(test=test, fold=first.loc[test.image_id].to_numpy(dtype=np.int64), cells=chosen)


def _mean_cell(cells: pd.DataFrame) -> pd.Series:
    """The row of the first fold with the metrics' means over folds."""
    row = cells.iloc[0].copy()
    for name in ("val_auc", "test_auc"):
        row[name] = float(cells[name].mean())
    fallen = cells["collapsed_in"].dropna()
    row["collapsed"] = bool(cells["collapsed"].astype(bool).any())
    row["collapsed_in"] = f"{len(fallen)} of {len(cells)} folds" if len(fallen) else None
    return row


def _collapsed_notes(arm: str, cells: pd.DataFrame) -> list[str]:
    fallen = cells[cells["collapsed_in"].notna()]
    return [
        f"the best cell of {arm} in fold {row.fold} predicts one class only ({row.collapsed_in})"
        for row in fallen.itertuples()
    ]


def _pooled(selection: Selection) -> Selection:
    """The selection as one set of test images: right for what is counted image by image."""
    test = None if selection.folded is None else selection.folded.test
    return replace(selection, folded=None, test=test)


def _models_note(folded: FoldedTest) -> str:
    return f"{len(np.unique(folded.fold))} folds; speaks of their trained models, not of other training sets"
