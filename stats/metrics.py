"""Metrics of every cell, computed once from its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stats.pairing import ranking_scores
from stats.rates.thresholded import thresholded
from stats.results import NAN
from stats.roc.auc import auc

THRESHOLD = 0.5
METRIC_COLUMNS = (
    "val_auc",
    "test_auc",
    "val_f1",
    "test_f1",
    "val_accuracy",
    "test_accuracy",
    "test_sensitivity",
    "test_specificity",
    "test_positive_rate",
    "collapsed",
    "n_val",
    "n_test",
    "n_test_positive",
)
_NOT_DESIGN = ("status", "reason", "group_key")


def metrics_table(predictions: pd.DataFrame, cells: pd.DataFrame, *, needs_val: bool = True) -> pd.DataFrame:
    """Return one row per done cell: its columns of `cells`, then METRIC_COLUMNS.

    Parameters
    ----------
    predictions : rows of val and test images with cell_id, split, image_id, label, score (and logits)
    cells : one row per cell with cell_id, status and the design columns
    needs_val : a cell without validation images is an error; else its validation metrics are NaN

    Raises
    ------
    ValueError : a done cell without val or test predictions (the first is named)

    Notes
    -----
    For predictions that fit into memory; `cell_metrics` and `joined_metrics` do the same cell by cell.
    """
    done = cells[cells["status"] == "done"]
    parts: dict[str, dict[str, pd.DataFrame]] = {}
    for (cell_id, split), part in predictions.groupby(["cell_id", "split"], sort=False):
        parts.setdefault(str(cell_id), {})[str(split)] = part
    rows = [cell_metrics(cell_id, parts.get(cell_id, {}), needs_val=needs_val) for cell_id in done["cell_id"]]
    return joined_metrics(done, rows)


def cell_metrics(
    cell_id: str, parts: Mapping[str, pd.DataFrame], *, needs_val: bool = True
) -> dict[str, Any]:
    """Return METRIC_COLUMNS of one cell; without validation images those of validation are NaN.

    Parameters
    ----------
    parts : "val" and "test" -> label, score (and logits) of its images
    needs_val : see `metrics_table`

    Raises
    ------
    ValueError : no predictions of a split

    Notes
    -----
    AUC ranks the logit difference; the others call score >= 0.5 positive. AUC is NaN where a split holds
    one class only. `collapsed`: every test image gets the same call.
    """
    row: dict[str, Any] = {}
    for split in ("val", "test"):
        part = parts.get(split)
        if part is None or part.empty:
            if split == "val" and not needs_val:
                row |= {"val_auc": NAN, "val_f1": NAN, "val_accuracy": NAN, "n_val": 0}
                continue
            raise ValueError(
                f"Cell '{cell_id}' has no predictions for the {split} images. Run the grid again."
            )
        row |= _split_metrics(part, split)
    return row


def joined_metrics(cells: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return what `cells` say of how they were made, then METRIC_COLUMNS from `rows`, one per cell."""
    table = pd.DataFrame(rows, columns=list(METRIC_COLUMNS), index=cells.index)
    design = cells.drop(columns=[name for name in _NOT_DESIGN if name in cells])
    return design.join(table).reset_index(drop=True)


def _split_metrics(part: pd.DataFrame, split: str) -> dict[str, Any]:
    labels = part["label"].to_numpy()
    counts = thresholded(labels, part["score"].to_numpy(), threshold=THRESHOLD)
    both = 0 < counts.n_positive < counts.n
    values: dict[str, Any] = {
        f"{split}_auc": auc(labels, ranking_scores(part)) if both else NAN,
        f"{split}_f1": counts.f1,
        f"{split}_accuracy": counts.accuracy,
        f"n_{split}": counts.n,
    }
    if split == "test":
        values |= {
            "test_sensitivity": counts.sensitivity,
            "test_specificity": counts.specificity,
            "test_positive_rate": counts.positive_rate,
            "collapsed": counts.collapsed,
            "n_test_positive": counts.n_positive,
        }
    return values
