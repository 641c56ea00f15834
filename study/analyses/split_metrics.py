"""All metrics of the selected cells on the validation and the test images, each with its interval."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data.store import Store
from stats.metrics import THRESHOLD
from stats.pairing import PairedPredictions
from stats.results import NAN, joined_notes
from study.analyses.arm_rows import NO_FOLDS
from study.analyses.predictions import scored_models, split_predictions
from study.analyses.selection import Selection, model_auc, patients
from study.models.rates import metric_rows
from study.models.scored import ModelOptions

SPLIT_METRIC_COLUMNS = (
    *("task", "contrast", "select", "arm", "cell_id", "split", "metric", "estimate", "conf_low"),
    *("conf_high", "conf_level", "method", "n", "n_positive", "n_groups", "note"),
)
SPLITS = ("val", "test")
_COUNTS = ("n", "n_positive", "n_groups")


def split_metrics(
    store: Store, selection: Selection, *, conf_level: float, by_patient: bool = False
) -> pd.DataFrame:
    """Return a row in SPLIT_METRIC_COLUMNS per arm, split and metric.

    AUC has the interval of DeLong (of Obuchowski 1997 by patient). At a score of one half, accuracy,
    sensitivity, specificity, PPV and NPV have that of Wilson, F1, balanced accuracy and Matthews' correlation
    a bootstrap interval; by patient all of these are bootstrapped over patients. `method` says what was done.

    Parameters
    ----------
    by_patient : as in `selected_rows`

    Notes
    -----
    With cross-validation, and where a split lacks a class or predictions, one row per arm says why. Values on
    validation are those of the cell that was chosen there: they are too good.
    """
    ids = [str(cell["cell_id"]) for cell in selection.cells.values()]
    rows: list[dict[str, Any]] = []
    for split in SPLITS:
        key = {"split": split, "conf_level": conf_level}
        try:
            if selection.folded is not None:
                raise ValueError(NO_FOLDS)
            found = split_predictions(store, selection.task, ids, split) if ids else None
            rows += [] if found is None else _rows(selection, found, key, by_patient=by_patient)
        except ValueError as error:
            note = f"not run: {str(error).rstrip('.')}"
            rows += [{**key, "arm": arm, "metric": "auc", "note": note} for arm in selection.cells]
    shared = {"task": selection.task, "contrast": selection.contrast, "select": selection.select}
    cells = {arm: str(cell["cell_id"]) for arm, cell in selection.cells.items()}
    frame = pd.DataFrame([{**shared, "cell_id": cells[row["arm"]], **row} for row in rows])
    return frame.reindex(columns=list(SPLIT_METRIC_COLUMNS)).astype(dict.fromkeys(_COUNTS, "Int64"))


def _rows(
    selection: Selection, found: PairedPredictions, key: dict[str, Any], *, by_patient: bool
) -> list[dict[str, Any]]:
    """AUC, then the metrics at the threshold, of every arm on one split."""
    by_patient = by_patient and patients(found) is not None
    models = scored_models(found, list(selection.cells), patients=by_patient)
    options = ModelOptions(conf_level=key["conf_level"])
    counts = {"n": found.labels.size, "n_positive": int(found.labels.sum())}
    rows: list[dict[str, Any]] = []
    for k, arm in enumerate(models.names):
        fit = model_auc(found, k, by_patient=by_patient, conf_level=key["conf_level"])
        few = "fewer than two images of a class: no AUC" if fit is None else fit.note
        rows.append(
            {
                **key,
                **counts,
                "arm": arm,
                "metric": "auc",
                "estimate": NAN if fit is None else fit.auc,
                "conf_low": NAN if fit is None else fit.conf_low,
                "conf_high": NAN if fit is None else fit.conf_high,
                "method": None if fit is None else fit.method,
                "n_groups": None if fit is None else fit.n_groups,
                "note": few,
            }
        )
    for row in metric_rows(models, [THRESHOLD] * len(models.names), options):
        names = ("metric", "estimate", "conf_low", "conf_high", "method", "n_groups")
        values = {name: getattr(row, name) for name in names}
        rows.append({**key, **counts, **values, "arm": row.arm_a, "note": joined_notes(row.note)})
    order = {arm: place for place, arm in enumerate(models.names)}
    return sorted(rows, key=lambda row: order[row["arm"]])
