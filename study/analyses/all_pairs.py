"""DeLong's test of every pair of cells of a task: a table of its own, for it may have thousands of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stats.results import joined_notes
from stats.roc.delong import delong
from stats.roc.family import auc_family
from study.analyses.arm_rows import NO_FOLDS, no_patients, shared_patients_note
from study.analyses.grid_data import GridData
from study.analyses.predictions import split_predictions
from study.config.analysis import PairsPlan

PAIR_COLUMNS = (
    *("task", "cell_a", "cell_b", "auc_a", "auc_b", "estimate", "std_error", "statistic", "p_value"),
    *("p_adjusted", "conf_low", "conf_high", "conf_level", "adjust", "method", "n", "n_groups", "planned"),
    "note",
)


def all_pairs(
    data: GridData, plan: PairsPlan, *, task: str, conf_level: float, planned: bool
) -> pd.DataFrame:
    """Return one row in PAIR_COLUMNS per pair of done cells of a task (a before b in grid order).

    Where the pairs cannot be tested, one row without cells says why.
    """
    cells = data.metrics[data.metrics["task"] == task]
    ids = [str(cell_id) for cell_id in cells["cell_id"]]
    shared = {"task": task, "adjust": plan.adjust, "conf_level": conf_level, "planned": planned}
    missing = data.missing_note(data.planned[data.planned["task"] == task])
    try:
        frame = _tested(data, plan, task, ids, conf_level)
    except ValueError as error:
        frame = pd.DataFrame([{"note": f"not run: {str(error).rstrip('.')}"}])
        missing = None
    frame = frame.assign(**shared)
    if missing is not None:
        frame["note"] = [joined_notes(note, missing) for note in frame["note"]]
    return frame.reindex(columns=list(PAIR_COLUMNS))


def _tested(data: GridData, plan: PairsPlan, task: str, ids: list[str], conf_level: float) -> pd.DataFrame:
    if data.n_folds(task) > 1:
        raise ValueError(NO_FOLDS)
    if len(ids) < 2:
        raise ValueError(f"{len(ids)} done cell: no pair")
    test = split_predictions(data.store, task, ids, "test")
    reason = no_patients(test, plan.group)
    if reason:
        raise ValueError(reason)
    groups = test.groups.tolist() if plan.group is not None and test.groups is not None else None
    names = np.array(ids, dtype=object)
    adjusted = None
    if plan.adjust == "max-t":
        family = auc_family(
            test.labels, test.ranking, names=ids, group=groups, adjust="max-t", conf_level=conf_level
        )
        fit, adjusted = family.fit, np.array([row.p_adjusted for row in family.results])
    else:
        fit = delong(
            test.labels, test.ranking, names=ids, group=groups, adjust=plan.adjust, conf_level=conf_level
        )
    pairs = fit.pairs
    return pd.DataFrame(
        {
            "cell_a": names[pairs.a],
            "cell_b": names[pairs.b],
            "auc_a": fit.auc[pairs.a],
            "auc_b": fit.auc[pairs.b],
            "estimate": pairs.difference,
            "std_error": pairs.std_error,
            "statistic": pairs.statistic,
            "p_value": pairs.p_value,
            "p_adjusted": pairs.p_adjusted if adjusted is None else adjusted,
            "conf_low": pairs.conf_low,
            "conf_high": pairs.conf_high,
            "method": fit.method,
            "n": fit.n_positive + fit.n_negative,
            "n_groups": fit.n_groups,
            "note": None if plan.group is not None else shared_patients_note(test),
        }
    )
