"""The best cell of every arm, chosen on validation, with its test AUC and ROC curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.levels import level_names
from stats.pairing import PairedPredictions, paired_predictions
from stats.results import NAN
from stats.roc.auc import AucResult, auc_ci
from stats.roc.curve import roc_curve
from study.analyses.grid_data import GridData

SELECTED_COLUMNS = (
    "task",
    "contrast",
    "arm",
    "select",
    "cell_id",
    "val_auc",
    "test_auc",
    "test_auc_low",
    "test_auc_high",
    "test_auc_method",
    "collapsed_in",
    "n_folds",
    "cell_ids",
)
ROC_COLUMNS = ("task", "contrast", "arm", "cell_id", "split", "fpr", "tpr", "threshold")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedTest:
    """Out-of-fold predictions: every image scored by the cell of the fold that tests it.

    Attributes
    ----------
    test : all test images of all folds, one model per arm; scores of different folds do not compare
    fold : int array, shape (n,)   the fold of every image
    cells : arm -> rows of `metrics` of its cells, one per fold
    """

    test: PairedPredictions
    fold: NDArray[np.int64]
    cells: dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Best cells of one task and contrast.

    Attributes
    ----------
    arms : every planned level of the contrast, sorted as in R
    cells : arm -> row of `metrics` of its best cell; arms without a done cell are absent
    test : predictions of these cells on the same test images, None where there are no arms
    notes : ties of the choice, collapsed cells
    folded : with cross-validation the predictions of all folds; `test` is None then, and `cells` hold the
        means over folds
    """

    task: str
    contrast: str
    select: str
    arms: tuple[str, ...]
    cells: dict[str, pd.Series]
    test: PairedPredictions | None
    notes: tuple[str, ...]
    folded: FoldedTest | None = None


def select_cells(data: GridData, *, task: str, contrast: str, select: str) -> Selection:
    """Choose the cell with the highest `select` of every arm; a tie takes the first cell of the grid.

    Raises
    ------
    ValueError : the chosen cells were not measured on the same test images
    """
    cells = data.metrics[data.metrics["task"] == task]
    arms = data.arms(contrast, task)
    best: dict[str, pd.Series] = {}
    notes: list[str] = []
    names = level_names(cells[contrast]) if contrast in cells else pd.Series(dtype=object)
    for arm in arms:
        own = cells[(names == arm).to_numpy(dtype=bool)]
        known = own[own[select].notna()]
        if len(own) == 1 and known.empty:
            top = own
            notes.append(f"{arm} has one cell, taken without {select}")
        elif known.empty:
            if len(own):
                notes.append(f"none of the {len(own)} cells of {arm} has {select}, so none can be chosen")
            continue
        else:
            top = known[known[select] == known[select].max()]
        best[arm] = top.iloc[0]
        if len(top) > 1:
            notes.append(f"{len(top)} cells of {arm} tie on {select}, the first of the grid is taken")
        if bool(top.iloc[0]["collapsed"]):
            notes.append(f"the best cell of {arm} predicts one class for every test image")
        elif pd.notna(top.iloc[0]["collapsed_in"]):
            notes.append(f"the best cell of {arm} predicts one class for every validation image")
    return Selection(
        task=task,
        contrast=contrast,
        select=select,
        arms=tuple(arms),
        cells=best,
        test=_test_predictions(data, task, best),
        notes=tuple(notes),
    )


def selected_rows(selection: Selection, *, conf_level: float, by_patient: bool = False) -> pd.DataFrame:
    """Return one row in SELECTED_COLUMNS per arm that has a cell.

    `by_patient` : intervals of the AUC for clustered images (Obuchowski 1997) where all have patient ids;
    `test_auc_method` says what was done
    """
    rows = []
    for k, (arm, cell) in enumerate(selection.cells.items()):
        test = selection.test
        fit = None if test is None else model_auc(test, k, by_patient=by_patient, conf_level=conf_level)
        rows.append(
            {
                "task": selection.task,
                "contrast": selection.contrast,
                "arm": arm,
                "select": selection.select,
                "cell_id": cell["cell_id"],
                "val_auc": cell["val_auc"],
                "test_auc": cell["test_auc"],
                "test_auc_low": NAN if fit is None else fit.conf_low,
                "test_auc_high": NAN if fit is None else fit.conf_high,
                "test_auc_method": None if fit is None else fit.method,
                "collapsed_in": cell["collapsed_in"],
                "n_folds": 1,
                "cell_ids": cell["cell_id"],
            }
        )
    return pd.DataFrame(rows, columns=list(SELECTED_COLUMNS))


def model_auc(test: PairedPredictions, k: int, *, by_patient: bool, conf_level: float) -> AucResult | None:
    """Return the AUC of the k-th model with its interval, None where a class has fewer than 2 images.

    `by_patient` : as in `selected_rows`
    """
    n_positive = int(test.labels.sum())
    if min(n_positive, test.labels.size - n_positive) < 2:
        return None
    groups = patients(test) if by_patient else None
    return auc_ci(test.labels, test.ranking[:, k], group=groups, conf_level=conf_level)


def roc_rows(selection: Selection) -> pd.DataFrame:
    """Return the test ROC curve of every selected cell in ROC_COLUMNS; thresholds are scores."""
    frames = []
    test = selection.test
    if test is not None and 0 < test.labels.sum() < test.labels.size:
        for k, (arm, cell) in enumerate(selection.cells.items()):
            curve = roc_curve(test.labels, test.scores[:, k])
            key = {"task": selection.task, "contrast": selection.contrast, "arm": arm}
            frames.append(curve.assign(**key, cell_id=cell["cell_id"], split="test"))
    if not frames:
        return pd.DataFrame(columns=list(ROC_COLUMNS))
    return pd.concat(frames, ignore_index=True)[list(ROC_COLUMNS)]


def _test_predictions(data: GridData, task: str, best: dict[str, pd.Series]) -> PairedPredictions | None:
    if not best:
        return None
    ids = [str(cell["cell_id"]) for cell in best.values()]
    rows = data.store.read_predictions(task=task, cell_ids=ids, splits=("test",))
    parts = dict(iter(rows.groupby("cell_id", sort=False)))
    return paired_predictions({f"cell {cell_id}": parts[cell_id] for cell_id in ids})


def patients(test: PairedPredictions) -> list[str] | None:
    """Patient ids; None where an image has none, or a class fewer than two patients."""
    if test.groups is None or any(group is None for group in test.groups):
        return None
    per_class = [len(set(test.groups[test.labels == label].tolist())) for label in (True, False)]
    return test.groups.tolist() if min(per_class) >= 2 else None
