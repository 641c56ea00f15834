"""Which difference in AUC the test images at hand could show."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from stats.power.auc import detectable_auc
from stats.power.design import AucDesign
from stats.power.variance import pilot_components
from stats.results import joined_notes
from study.analyses.arm_rows import cannot_run, shared_patients_note
from study.analyses.selection import Selection, patients

DETECTABLE_COLUMNS = (
    *("task", "contrast", "select", "arm_a", "arm_b", "auc_b", "gain", "loss", "power", "alpha", "std_error"),
    *("correlation", "design_effect", "n_positive", "n_negative", "n_groups", "method", "note"),
)
POWER = 0.8
_NUMBERS = ("auc_b", "gain", "loss", "power", "alpha", "std_error", "correlation", "design_effect")
_COUNTS = ("n_positive", "n_negative", "n_groups")


def detectable_rows(selection: Selection, *, alpha: float, by_patient: bool = False) -> pd.DataFrame:
    """Return a row in DETECTABLE_COLUMNS per pair of arms: the smallest differences from `arm_b`.

    The variance of the difference is that of these two cells on these images (DeLong; Obuchowski 1997 by
    patient), so that a new model must be as alike `arm_b` as `arm_a` is. `gain` and `loss` are differences in
    AUC, NaN where even an AUC of 1 or 0.5 is not told apart. The observed difference plays no part: power at
    it would only restate its p-value.
    """
    test = selection.test
    reason = cannot_run(selection, need_classes=True)
    shared: dict[str, Any] = {
        "task": selection.task,
        "contrast": selection.contrast,
        "select": selection.select,
    }
    shared |= {"power": POWER, "alpha": alpha}
    rows: list[dict[str, Any]] = []
    if reason or test is None:
        rows.append({**shared, "note": f"not run: {reason}"})
        return _frame(rows)
    groups = patients(test) if by_patient else None
    for a, b in combinations(range(len(selection.cells)), 2):
        names = {"arm_a": list(selection.cells)[a], "arm_b": list(selection.cells)[b]}
        try:
            found = _detectable(test.labels, test.ranking[:, [b, a]], groups, alpha)
        except ValueError as error:
            found = {"note": f"not run: {str(error).rstrip('.')}"}
        alone = None if groups is not None else shared_patients_note(test)
        rows.append({**shared, **names, **found, "note": joined_notes(found["note"], alone)})
    return _frame(rows)


def _detectable(labels: Any, scores: np.ndarray, groups: list[str] | None, alpha: float) -> dict[str, Any]:
    pilot = pilot_components(labels, scores[:, 0], scores[:, 1], group=groups)
    design = AucDesign(reference=float(pilot.auc[0]), components=pilot, alpha=alpha)
    images: dict[str, Any] = {"n_positive": pilot.n_positive, "n_negative": pilot.n_negative}
    gain = detectable_auc(design, **images, power=POWER)
    loss = detectable_auc(design, **images, power=POWER, above=False)
    known = gain if np.isfinite(gain.std_error) else loss
    return {
        **images,
        "auc_b": float(pilot.auc[0]),
        "gain": gain.difference,
        "loss": loss.difference,
        "std_error": known.std_error,
        "correlation": pilot.correlation,
        "design_effect": pilot.design_effect,
        "n_groups": pilot.n_groups,
        "method": gain.method,
        "note": joined_notes(gain.note, loss.note),
    }


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=list(DETECTABLE_COLUMNS))
    return frame.astype(dict.fromkeys(_NUMBERS, "float64") | dict.fromkeys(_COUNTS, "Int64"))
