"""Tables of the study, the data and the selected cells: a tidy frame in, a great_tables table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_tables import GT, loc, style

from manuscript.grid import fixed_settings, level_order, varied_factors
from manuscript.house_table import HouseTable
from manuscript.text import MISSING, auc, estimate, factor_name, integer, percent, plain, short_id

ONE_LINE = 32  # letters; a column of longer texts may break its lines
SPLIT_NAMES = {"train": "Train", "val": "Validation", "test": "Test"}


def styled(
    frame: pd.DataFrame,
    *,
    numbers: Sequence[str] = (),
    groups: str | None = None,
    notes: Sequence[str] = (),
    bold: str | None = None,
) -> GT:
    """The house look: text left, numbers right with equal digits, thin rules, notes below.

    Parameters
    ----------
    frame : texts, already rounded, with the headings as column names
    numbers : columns to align right
    groups : column whose values head groups of rows
    notes : lines below the table
    bold : column that names the row
    """
    table: GT = HouseTable(frame, groupname_col=groups) if groups else HouseTable(frame)
    shown = [name for name in frame.columns if name != groups]
    texts = [name for name in shown if name not in numbers]
    table = table.cols_align("left", columns=texts).tab_options(
        table_font_size="0.85em",
        table_width="auto",
        table_margin_left="0px",
        column_labels_font_weight="bold",
        row_group_font_weight="bold",
        data_row_padding="3px",
        table_border_top_width="1px",
        table_border_bottom_width="1px",
        source_notes_font_size="0.9em",
    )
    if numbers:
        table = table.cols_align("right", columns=list(numbers)).tab_style(
            style.css("font-variant-numeric: tabular-nums; white-space: nowrap;"),
            loc.body(columns=list(numbers)),
        )
    if bold:
        table = table.tab_style(style.text(weight="bold"), loc.body(columns=[bold]))
    short = [name for name in texts if frame[name].astype(str).str.len().max() <= ONE_LINE]
    if short:
        table = table.tab_style(style.css("white-space: nowrap;"), loc.body(columns=short))
    for note in notes:
        table = table.tab_source_note(note)
    return table


def data_table(summary: pd.DataFrame) -> GT:
    """Images (and patients, where the data set has ids) per task, class and split.

    Parameters
    ----------
    summary : task, split, class, label (1 = positive), n_images, n_groups
    """
    rows = []
    for (task, name, label), part in summary.groupby(["task", "class", "label"], sort=False):
        rows.append(_split_counts(part, task, str(name), "positive" if label == 1 else "negative"))
    order = {"positive": 0, "negative": 1}
    rows.sort(
        key=lambda row: (list(dict.fromkeys(summary["task"])).index(row["Task"]), order[row["Counts as"]])
    )
    totals = []
    for task, part in summary.groupby("task", sort=False):
        totals += [row for row in rows if row["Task"] == task]
        totals.append(_split_counts(part, task, "All", ""))
    frame = pd.DataFrame(totals)
    with_groups = summary["n_groups"].notna().any()
    notes = ["Images (patients or exams)."] if with_groups else ["Images; the data have no patient ids."]
    numbers = [name for name in frame.columns if name in (*SPLIT_NAMES.values(), "All images")]
    return styled(frame, numbers=numbers, groups="Task", notes=notes)


def _split_counts(part: pd.DataFrame, task: Any, name: str, counts_as: str) -> dict[str, str]:
    """One row of the data table. Patients of different classes may be the same: they are not added up."""
    row = {"Task": str(task), "Class": name, "Counts as": counts_as}
    for split, heading in SPLIT_NAMES.items():
        here = part[part["split"] == split]
        groups = here["n_groups"].dropna()
        images = integer(int(here["n_images"].sum()))
        row[heading] = (
            f"{images} ({integer(int(groups.iloc[0]))})" if len(here) == len(groups) == 1 else images
        )
    return row | {"All images": integer(int(part["n_images"].sum()))}


def grid_table(study: Mapping[str, Any], cells: pd.DataFrame) -> GT:
    """Every varied factor with its levels and the number of cells per level."""
    rows = []
    for name in ["task", *varied_factors(study, cells), *_varied(cells, "seed"), *_varied(cells, "fold")]:
        counts = cells[name].map(plain, na_action="ignore").value_counts()
        levels = level_order(study, name, cells[name])
        unused = int(cells[name].isna().sum())
        rows.append(
            {
                "Factor": factor_name(name),
                "Levels (cells)": ", ".join(f"{level} ({integer(int(counts[level]))})" for level in levels),
                "Cells that do not use it": integer(unused) if unused else MISSING,
            }
        )
    return styled(pd.DataFrame(rows), numbers=["Cells that do not use it"], bold="Factor")


def _varied(cells: pd.DataFrame, name: str) -> list[str]:
    return [name] if name in cells.columns and cells[name].nunique() > 1 else []


def protocol_table(study: Mapping[str, Any], cells: pd.DataFrame) -> GT:
    """Every setting that all cells share."""
    shared = fixed_settings(study, cells)
    rows = [{"Setting": factor_name(name), "Value": plain(value)} for name, value in shared.items()]
    return styled(pd.DataFrame(rows, columns=["Setting", "Value"]), numbers=["Value"])


def selected_table(selected: pd.DataFrame, metrics: pd.DataFrame, *, several: Sequence[str]) -> GT:
    """The best cell per arm: its settings, validation and test AUC, sensitivity and specificity on test.

    Parameters
    ----------
    selected : the `selected` table
    metrics : the `metrics` table
    several : factors to show as settings of the cell
    """
    rows = selected.merge(metrics, on=["task", "cell_id"], suffixes=("", "_metrics"), validate="many_to_one")
    if len(rows) != len(selected):
        gone = sorted(set(selected["cell_id"]) - set(metrics["cell_id"]))
        raise ValueError(
            f"Selected cell '{gone[0]}' is not in the table of metrics. Run `study stats` on the store again."
        )
    frame = pd.DataFrame(
        {
            "Task": rows["task"].astype(str),
            "Arm": rows["arm"].astype(str),
            "Cell": [_cell_name(row) for _, row in rows.iterrows()],
            "Settings": [_settings(row, several) for _, row in rows.iterrows()],
            "Validation AUC": rows["val_auc"].map(auc),
            "Test AUC (interval)": [
                estimate(row.test_auc, row.test_auc_low, row.test_auc_high) for row in rows.itertuples()
            ],
            "Sensitivity": [percent(_mean(row, metrics, "test_sensitivity")) for _, row in rows.iterrows()],
            "Specificity": [percent(_mean(row, metrics, "test_specificity")) for _, row in rows.iterrows()],
        }
    )
    rates = "Sensitivity and specificity on the test images at a score of one half."
    return styled(
        frame,
        numbers=["Validation AUC", "Test AUC (interval)", "Sensitivity", "Specificity"],
        groups="Task",
        notes=[rates, *_selected_notes(rows)],
        bold="Arm",
    )


def _cell_name(row: pd.Series) -> str:
    """The short id; with cross-validation that of the first fold, and how many folds."""
    n_folds = row.get("n_folds", 1)
    return short_id(row["cell_id"]) + (f" ({n_folds} folds)" if n_folds > 1 else "")


def _mean(row: pd.Series, metrics: pd.DataFrame, name: str) -> float:
    """A metric of the selected cell, with cross-validation the mean over its folds."""
    if row.get("n_folds", 1) <= 1:
        return float(row[name])
    return float(metrics.loc[metrics["cell_id"].isin(row["cell_ids"].split()), name].mean())


def _selected_notes(rows: pd.DataFrame) -> list[str]:
    notes = []
    if "n_folds" in rows and (rows["n_folds"] > 1).any():
        notes.append("With folds, all values are means over them; the cell is that of the first fold.")
    fallen = rows[rows["collapsed_in"].notna()] if "collapsed_in" in rows else rows.iloc[:0]
    return notes + [
        f"{row.task}, {row.arm}: one class only is predicted ({row.collapsed_in})."
        for row in fallen.itertuples()
    ]


def _settings(row: pd.Series, names: Sequence[str]) -> str:
    return ", ".join(
        f"{factor_name(name).lower()} {plain(row[name])}" for name in names if pd.notna(row[name])
    )


def cells_table(metrics: pd.DataFrame, factors: Sequence[str], *, with_seed: bool) -> GT:
    """Every done cell: its levels and its validation and test metrics, best validation AUC first per task."""
    ordered = metrics.sort_values(["task", "val_auc"], ascending=[True, False], kind="stable")
    columns: dict[str, Any] = {"Task": ordered["task"].astype(str), "Cell": ordered["cell_id"].map(short_id)}
    for name in [*factors, *(["seed"] if with_seed else [])]:
        columns[factor_name(name)] = ordered[name].map(plain)
    values = {
        "val_auc": "AUC, validation",
        "test_auc": "AUC, test",
        "test_f1": "F1, test",
        "test_accuracy": "Accuracy, test",
    }
    for name, heading in values.items():
        if name in ordered.columns:
            columns[heading] = ordered[name].map(auc)
    if "collapsed_in" in ordered.columns:
        columns["One class only"] = ordered["collapsed_in"].fillna("")
    elif "collapsed" in ordered.columns:
        columns["One class only"] = ordered["collapsed"].map(lambda value: "yes" if value else "")
    numbers = [heading for heading in values.values() if heading in columns]
    return styled(pd.DataFrame(columns), numbers=numbers, groups="Task")


def failed_table(failed: pd.DataFrame, factors: Sequence[str]) -> GT:
    """The cells that failed, with their settings and the reason."""
    frame = pd.DataFrame(
        {
            "Cell": failed["cell_id"].map(short_id),
            "Task": failed["task"].astype(str),
            "Settings": [_settings(row, factors) for _, row in failed.iterrows()],
            "Reason": failed["reason"].map(plain),
        }
    )
    return styled(frame)
