"""Means over the runs of the same settings: folds and seeds, as in a baseline by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_tables import GT

from manuscript.tables import styled
from manuscript.text import MISSING, count, factor_name, integer, number, plain

MOST = 10  # combinations of settings that are shown of a task
VALUES = {
    "train_loss": "Train loss",
    "val_loss": "Val. loss",
    "train_auc": "Train AUC",
    "val_auc": "Val. AUC",
    "test_auc": "Test AUC",
}


def runs_table(
    metrics: pd.DataFrame, history: pd.DataFrame | None, best: Mapping[str, Any], factors: Sequence[str]
) -> GT:
    """Mean and standard deviation over runs, a row per combination of settings, highest validation AUC first.

    Parameters
    ----------
    metrics : the table `metrics`
    history : learning histories: loss and AUC of the kept epoch; None where there are none
    best : epoch that was kept, by cell id
    factors : what a combination is made of; cells that agree in them differ in fold or seed
    """
    frame = _with_losses(metrics, history, best)
    shown = [name for name in VALUES if name in frame and frame[name].notna().any()]
    lines, notes = [], []
    for task, own in frame.groupby("task", sort=False):
        settings = [part for _, part in own.groupby(list(factors), dropna=False, sort=False)]
        settings.sort(key=lambda part: -part["val_auc"].mean() if part["val_auc"].notna().any() else 0.0)
        for part in settings[:MOST]:
            lines.append(
                {"Task": str(task)}
                | {factor_name(name): plain(part[name].iloc[0]) for name in factors}
                | {"Runs": integer(len(part))}
                | {VALUES[name]: _mean(part[name]) for name in shown}
            )
        if len(settings) > MOST:
            notes.append(f"{task}: the {MOST} with the highest mean AUC on validation of {len(settings)}.")
    numbers = ["Runs", *(VALUES[name] for name in shown)]
    notes.insert(0, f"Mean ± standard deviation over {_over(frame)}. Losses and training values: kept epoch.")
    return styled(pd.DataFrame(lines), numbers=numbers, groups="Task", notes=notes)


def repeated(metrics: pd.DataFrame, factors: Sequence[str]) -> bool:
    """Whether any combination of settings ran more than once."""
    return bool((metrics.groupby(["task", *factors], dropna=False).size() > 1).any())


def _with_losses(
    metrics: pd.DataFrame, history: pd.DataFrame | None, best: Mapping[str, Any]
) -> pd.DataFrame:
    """The metrics with loss and training AUC of the epoch that each cell kept."""
    if history is None or history.empty:
        return metrics
    kept = history[history["cell_id"].map(best).eq(history["epoch"])]
    return metrics.merge(
        kept[["cell_id", "train_loss", "val_loss", "train_auc"]], on="cell_id", how="left", validate="1:1"
    )


def _mean(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return MISSING
    spread = f" ± {number(known.std(ddof=1))}" if len(known) > 1 else ""
    return f"{number(known.mean())}{spread}"


def _over(frame: pd.DataFrame) -> str:
    parts = [
        count(int(frame[name].nunique()), name)
        for name in ("fold", "seed")
        if name in frame and frame[name].nunique() > 1
    ]
    return " and ".join(parts) or "runs"
