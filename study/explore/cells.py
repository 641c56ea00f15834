"""The cells of a store as rows of a table: settings, metrics with intervals, and what to know about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stats.levels import is_number, level_names
from stats.pairing import PairedPredictions
from stats.results import joined_notes
from stats.roc.auc import AucResult
from stats.roc.curve import roc_curve
from study.analyses.grid_data import GridData, varied_columns
from study.analyses.selection import model_auc
from study.config import AnalysisPlan
from study.config.analysis import SELECTED_KINDS

Predictions = Mapping[tuple[str, str], PairedPredictions]
METRICS = ("val_accuracy", "test_accuracy", "val_f1", "test_f1")


def by_patient(plan: AnalysisPlan) -> bool:
    """Whether the plan clusters images by patient anywhere: the intervals then do so too."""
    return any(entry.group is not None for kind in SELECTED_KINDS for entry in getattr(plan, kind))


def cell_rows(
    data: GridData, predictions: Predictions, plan: AnalysisPlan, *, settings: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one mapping per planned cell.

    Parameters
    ----------
    settings : columns that tell the cells apart (`setting_columns`)

    Returns
    -------
    mappings with id, name, task, status, settings (level per column, None where unused), val_auc and test_auc
    (estimate, low, high, method; None where undefined), METRICS, collapsed (parts in which the cell predicts
    one class only, or None) and remarks (text or None)

    Notes
    -----
    Metrics come from `stats.metrics.metrics_table`, intervals from `stats.roc.auc.auc_ci`: clustered by
    patient where the plan clusters and all images have patient ids, else for independent images.
    """
    names = cell_names(data.planned, settings)
    levels = {name: level_names(data.planned[name]).tolist() for name in settings}
    metrics = data.metrics.set_index("cell_id")
    clustered = by_patient(plan)
    rows = []
    for place, cell in enumerate(data.planned.itertuples(index=False)):
        cell_id = str(cell.cell_id)
        row: dict[str, Any] = {"id": cell_id, "name": names[cell_id], "task": cell.task}
        row |= {"status": cell.status, "settings": {name: levels[name][place] for name in settings}}
        if cell.status != "done":
            empty = dict.fromkeys(("val_auc", "test_auc", *METRICS, "collapsed"))
            rows.append(row | empty | {"remarks": _reason(cell)})
            continue
        own = metrics.loc[cell_id]
        fits = {
            part: _interval(predictions.get((cell_id, part)), by_patient=clustered, plan=plan)
            for part in ("val", "test")
        }
        row |= {f"{part}_auc": _estimate(own[f"{part}_auc"], fit) for part, fit in fits.items()}
        row |= {name: _number(own[name]) for name in METRICS}
        row["collapsed"] = None if pd.isna(own["collapsed_in"]) else own["collapsed_in"]
        rows.append(row | {"remarks": _remarks(own, fits)})
    return rows


def cell_names(cells: pd.DataFrame, settings: Sequence[str]) -> dict[str, str]:
    """Return a short name per cell_id from its settings; cells of one task never share a name."""
    texts = {
        name: [
            None if level is None else f"{name} {level}" if is_number(cells[name]) else level
            for level in level_names(cells[name])
        ]
        for name in settings
    }
    joined = [
        ", ".join(text for name in settings if (text := texts[name][place]) is not None)
        for place in range(len(cells))
    ]
    frame = pd.DataFrame({"cell_id": cells["cell_id"].astype(str), "task": cells["task"], "name": joined})
    shared = frame.duplicated(["task", "name"], keep=False) | (frame["name"] == "")
    frame["name"] = frame["name"].where(~shared, frame["name"] + " (" + frame["cell_id"] + ")")
    return dict(zip(frame["cell_id"], frame["name"].str.strip(), strict=True))


def setting_columns(cells: pd.DataFrame) -> list[str]:
    """Return the settings that tell the cells apart, seed and fold last; `task` has a column of its own."""
    last = ("seed", "fold")
    varied = [name for name in varied_columns(cells) if name != "task"]
    return [name for name in varied if name not in last] + [name for name in last if name in varied]


def curve_points(predictions: Predictions) -> dict[str, dict[str, list[float]]]:
    """Return, by cell, the corners of its test ROC curve; points within a straight piece are left out.

    A cell whose test images are of one class has no curve.
    """
    found = {}
    for (cell_id, part), own in predictions.items():
        n_positive = int(own.labels.sum())
        if part != "test" or not 0 < n_positive < own.labels.size:
            continue
        curve = roc_curve(own.labels, own.ranking[:, 0])
        corners = curve[_is_corner(curve, n_positive, own.labels.size - n_positive)]
        found[cell_id] = {name: corners[name].tolist() for name in ("fpr", "tpr")}
    return found


def _is_corner(curve: pd.DataFrame, n_positive: int, n_negative: int) -> np.ndarray:
    # Counts are whole, so that a straight piece is recognised without rounding.
    x = np.diff(np.rint(curve["fpr"].to_numpy() * n_negative))
    y = np.diff(np.rint(curve["tpr"].to_numpy() * n_positive))
    return np.r_[True, x[:-1] * y[1:] != x[1:] * y[:-1], True]


def _interval(own: PairedPredictions | None, *, by_patient: bool, plan: AnalysisPlan) -> AucResult | None:
    return None if own is None else model_auc(own, 0, by_patient=by_patient, conf_level=plan.conf_level)


def _estimate(value: float, fit: AucResult | None) -> dict[str, Any] | None:
    if pd.isna(value):
        return None
    ends = (None, None, None) if fit is None else (fit.conf_low, fit.conf_high, fit.method)
    return {"estimate": float(value)} | dict(zip(("low", "high", "method"), ends, strict=True))


def _remarks(own: pd.Series, fits: Mapping[str, AucResult | None]) -> str | None:
    notes: Sequence[str | None] = [
        *(f"{part}: {fit.note}" for part, fit in fits.items() if fit is not None and fit.note),
        *(
            f"{part}: fewer than 2 images of a class, so the AUC has no interval"
            for part, fit in fits.items()
            if fit is None and own[f"n_{part}"]
        ),
        None if own["n_val"] else "no validation images",
    ]
    return joined_notes(*notes)


def _reason(cell: Any) -> str:
    if cell.status == "failed":
        return f"failed: {getattr(cell, 'reason', None) or 'no reason recorded'}"
    return "has not run"


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
