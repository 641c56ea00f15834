"""Tables of the selected cells: their settings, all metrics per split, what the test images could show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_tables import GT

from manuscript.grid import SETTINGS
from manuscript.tables import SPLIT_NAMES, styled
from manuscript.text import (
    MISSING,
    auc,
    estimate,
    factor_name,
    integer,
    join_words,
    metric_label,
    number,
    percent,
    plain,
    short_id,
)

TRAINING = {"auc": "train_auc", "accuracy": "train_accuracy", "f1": "train_f1"}


def settings_table(selected: pd.DataFrame, cells: pd.DataFrame) -> GT:
    """Every setting of the selected cells: settings as rows, arms as columns, tasks as groups of rows.

    Parameters
    ----------
    selected : one row per task and arm with cell_id
    cells : one row per cell with its settings
    """
    known = cells.drop_duplicates("cell_id").set_index("cell_id")
    names = [name for name in (*SETTINGS, "seed") if name in known.columns]
    lines = []
    for task, part in selected.groupby("task", sort=False):
        for name in names:
            values = {row.arm: known.loc[row.cell_id, name] for row in part.itertuples()}
            if any(pd.notna(value) for value in values.values()):
                shown = {str(arm): plain(value) for arm, value in values.items()}
                lines.append({"Task": str(task), "Setting": factor_name(name)} | shown)
    arms = [str(arm) for arm in selected["arm"].drop_duplicates()]
    frame = pd.DataFrame(lines, columns=["Task", "Setting", *arms]).fillna(MISSING)
    return styled(frame, numbers=arms, groups="Task", bold="Setting", notes=_names(selected))


def _names(selected: pd.DataFrame) -> list[str]:
    names = [f"{short_id(row.cell_id)} ({row.task}, {row.arm})" for row in selected.itertuples()]
    return [f"Cells: {join_words(names)}."]


def split_metrics_table(rows: pd.DataFrame, history: pd.DataFrame | None, best: Mapping[str, Any]) -> GT:
    """Metrics as rows and splits as columns, each task and arm a group of rows.

    Parameters
    ----------
    rows : `split_metrics` of one contrast and selection
    history : learning histories, for the values on training images; None where there are none
    best : epoch that was kept, by cell id
    """
    lines = []
    for (task, arm), part in rows.groupby(["task", "arm"], sort=False):
        trained = _trained(history, str(part["cell_id"].iloc[0]), best)
        for metric in part["metric"].drop_duplicates():
            line = {"Model": f"{task}, {arm}", "Metric": metric_label(metric), "Train": MISSING}
            if metric in TRAINING and trained is not None:
                line["Train"] = auc(trained[TRAINING[metric]])
            for split in ("val", "test"):
                own = part[(part["split"] == split) & (part["metric"] == metric)]
                line[SPLIT_NAMES[split]] = MISSING if own.empty else _value(own.iloc[0])
            lines.append(line)
    frame = pd.DataFrame(lines)
    numbers = [name for name in SPLIT_NAMES.values() if name in frame]
    kept = [name for name in numbers if not (frame[name] == MISSING).all()]
    frame = frame[["Model", "Metric", *kept]]
    return styled(frame, numbers=kept, groups="Model", bold="Metric", notes=_metric_notes(rows, kept))


def _value(row: pd.Series) -> str:
    return estimate(row["estimate"], row["conf_low"], row["conf_high"])


def _trained(history: pd.DataFrame | None, cell_id: str, best: Mapping[str, Any]) -> pd.Series | None:
    """The line of the history of the epoch that was kept."""
    if history is None or history.empty or cell_id not in best:
        return None
    own = history[(history["cell_id"] == cell_id) & (history["epoch"] == best[cell_id])]
    return None if len(own) != 1 else own.iloc[0]


def _metric_notes(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """How each kind of interval was made, what the columns are, what could not be computed."""
    notes = []
    levels = rows["conf_level"].dropna().unique()
    if len(levels) == 1 and rows["conf_low"].notna().any():
        notes.append(f"Intervals cover {100 * levels[0]:g} %.")
    for method, part in rows.dropna(subset=["method"]).groupby("method", sort=False):
        if method != "none":
            names = [metric_label(metric) for metric in part["metric"].drop_duplicates()]
            notes.append(f"{join_words(names)}: {method}.")
    if SPLIT_NAMES["train"] in columns:
        notes.append("Training: of the kept epoch, measured while the head changes, without interval.")
    notes.append("The validation images chose the cell, so its values there are too good.")
    if (rows["conf_low"] == rows["conf_high"]).any():
        notes.append("An interval without width comes from samples that are all alike; it is no certainty.")
    for text, part in rows.dropna(subset=["note"]).groupby("note", sort=False):
        if str(text).startswith("not run"):
            notes.append(f"{join_words(list(part['task'].astype(str).unique()))}: {text}.")
    return notes


def detectable_table(rows: pd.DataFrame) -> GT:
    """The smallest gain and loss in AUC that the test images tell from the second arm with the power.

    Parameters
    ----------
    rows : the table `detectable`
    """
    frame = pd.DataFrame(
        {
            "Task": rows["task"].astype(str),
            "Against": [
                MISSING if pd.isna(row.arm_b) else f"{row.arm_b} (beside {row.arm_a})"
                for row in rows.itertuples()
            ],
            "Its AUC": rows["auc_b"].map(auc),
            "Gain": rows["gain"].map(auc),
            "Loss": rows["loss"].map(auc),
            "SE": rows["std_error"].map(auc),
            "Correlation": [number(value, 2) for value in rows["correlation"]],
            "Positive": [integer(None if pd.isna(n) else float(n)) for n in rows["n_positive"]],
            "Negative": [integer(None if pd.isna(n) else float(n)) for n in rows["n_negative"]],
        }
    )
    numbers = [name for name in frame.columns if name not in ("Task", "Against")]
    first = rows.iloc[0]
    notes = [
        f"Power {percent(first['power'])}, two-sided level {first['alpha']:g}. "
        "The observed difference plays no part.",
        *(f"Method: {method}." for method in rows["method"].dropna().unique()),
    ]
    for text, part in rows.dropna(subset=["note"]).groupby("note", sort=False):
        notes.append(f"{join_words(list(part['task'].astype(str).unique()))}: {str(text).rstrip('.')}.")
    return styled(frame, numbers=numbers, groups="Task", bold="Against", notes=notes)
