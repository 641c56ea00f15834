"""Tables of the statistical tests and the mixed models: result tables in, great_tables tables out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from great_tables import GT

from manuscript.tables import styled
from manuscript.text import (
    MISSING,
    auc,
    degrees,
    estimate,
    integer,
    join_words,
    metric_label,
    number,
    p_value,
)

LONGEST_METHOD = 90  # letters; a longer name makes the column tall and narrow
RANK_STATISTICS = ("W", "V", "W or V")
UNPLANNED = "† Not in the analysis plan: chosen after the results."


def delong_table(rows: pd.DataFrame) -> GT:
    """DeLong: both AUCs, their difference with interval, statistic, p and adjusted p."""
    return _comparisons(rows, value="AUC", statistic="z")


def recipe_table(rows: pd.DataFrame) -> GT:
    """Recipes: mean AUCs over seeds, once for the trained models and once for new seeds."""
    named = rows.assign(
        arm_a=[
            f"{row.arm_a} − {row.arm_b}, {str(row.comparison).partition(', ')[2]}"
            for row in rows.itertuples()
        ],
        arm_b=None,
    )
    shown = named.assign(comparison=named["arm_a"])
    return _comparisons(shown, value="AUC", statistic="z or t")


def mcnemar_table(rows: pd.DataFrame) -> GT:
    """McNemar: both accuracies or error rates as the analysis gives them, their difference, statistic, p."""
    return _comparisons(rows, value=_metric_name(rows), statistic="χ²")


def wilcoxon_table(rows: pd.DataFrame) -> GT:
    """Wilcoxon: median of each arm, shift with interval, W (rank-sum) or V (signed-rank), p.

    Permutation tests stand below with means; their statistic is the difference itself.
    """
    paired = rows["method"].str.contains("signed-rank", na=False)
    name = "V" if paired.all() else "W or V" if paired.any() else "W"
    return _comparisons(rows, value=_metric_name(rows), statistic=name, difference="Shift")


def contrast_table(rows: pd.DataFrame) -> GT:
    """Contrasts of a mixed model: difference of marginal means with interval, t, df, p and adjusted p."""
    return _comparisons(rows, value="Mean", statistic="t", task_groups=False)


def _metric_name(rows: pd.DataFrame) -> str:
    names = rows["metric"].dropna().unique()
    return metric_label(names[0]) if len(names) == 1 else "Value"


def _comparisons(
    rows: pd.DataFrame,
    *,
    value: str,
    statistic: str,
    difference: str = "Difference",
    task_groups: bool = True,
) -> GT:
    """One row per comparison; columns that are empty in every row are left out."""
    columns: dict[str, Any] = {
        "Task": [MISSING if pd.isna(task) else str(task) for task in rows["task"]],
        "Comparison": [_comparison(row) for row in rows.itertuples()],
        f"{value}, first": rows["estimate_a"].map(auc),
        f"{value}, second": rows["estimate_b"].map(auc),
        f"{difference} (interval)": [
            estimate(row.estimate, row.conf_low, row.conf_high) for row in rows.itertuples()
        ],
        "SE": rows["std_error"].map(auc),
        statistic: [_statistic(value, statistic) for value in rows["statistic"]],
        "df": rows["df"].map(degrees),
        "p": rows["p_value"].map(p_value),
        "Adjusted p": rows["p_adjusted"].map(p_value),
        "n": [integer(None if pd.isna(n) else float(n)) for n in rows["n"]],
    }
    if rows["n"].nunique() == 1 and len(rows) > 1:
        del columns["n"]
    if _methods_fit(rows):
        columns["Method"] = rows["method"].astype(str)
    if (rows["p_adjusted"] == rows["p_value"]).all():
        del columns["Adjusted p"]
    frame = pd.DataFrame({name: list(values) for name, values in columns.items()})
    kept = [name for name in frame.columns if not (frame[name] == MISSING).all()]
    frame = frame[kept]
    groups = "Task" if task_groups and "Task" in kept else None
    numbers = [name for name in kept if name not in ("Task", "Comparison", "Method")]
    return styled(frame, numbers=numbers, groups=groups, notes=_notes(rows), bold="Comparison")


def _methods_fit(rows: pd.DataFrame) -> bool:
    """Whether several methods stand in a column: short names do, long ones are told below the table."""
    methods = rows["method"].dropna().astype(str).unique()
    return len(methods) > 1 and max(map(len, methods)) <= LONGEST_METHOD


def _comparison(row: Any) -> str:
    """`a − b` with the slice of a contrast, marked where it was not planned."""
    a, b, name = row.arm_a, row.arm_b, row.comparison
    shown = f"{a} − {b}" if pd.notna(a) and pd.notna(b) else str(name)
    parts = [] if pd.isna(row.note) else str(row.note).split("; ")
    shown = " ".join([shown, *(part for part in parts if part.startswith("within "))])
    return shown if row.planned else f"{shown} †"


def _statistic(value: float, name: str) -> str:
    """Rank sums are whole or half numbers; z, t and χ² get two decimals."""
    if name in RANK_STATISTICS and np.isfinite(value):
        return number(value, 0 if float(value).is_integer() else 1)
    return number(value, 2)


def _notes(rows: pd.DataFrame) -> list[str]:
    """Methods, notes and the mark of unplanned rows, each once."""
    methods = [str(method) for method in rows["method"].dropna().unique()]
    levels = rows["conf_level"].dropna().unique()
    notes = [f"Method: {methods[0]}."] if len(methods) == 1 else []
    if len(methods) > 1 and not _methods_fit(rows):
        for method, part in rows.groupby("method", sort=False):
            notes.append(f"Method of {_named_rows(part)}: {method}.")
    counts = rows["n"].dropna().unique()
    if len(counts) == 1 and len(rows) > 1:
        notes.append(f"n = {integer(float(counts[0]))} in every row.")
    if len(levels) == 1 and rows["conf_low"].notna().any():
        notes.append(f"Intervals cover {100 * levels[0]:g} %.")
    notes += _row_notes(rows)
    return notes + ([UNPLANNED] if not rows["planned"].all() else [])


def _task(task: Any) -> str:
    return "" if pd.isna(task) else str(task)


def _named_rows(rows: pd.DataFrame) -> str:
    """`breast, a − b and knee, a − b`."""
    where = [", ".join(filter(None, (_task(row.task), _comparison(row)))) for row in rows.itertuples()]
    return join_words(list(dict.fromkeys(where)))


def _row_notes(rows: pd.DataFrame) -> list[str]:
    """The notes of the analysis; one that does not hold for every row names its rows."""
    notes = []
    for text, part in rows.dropna(subset=["note"]).groupby("note", sort=False):
        shown = str(text).strip().rstrip(".")
        if not shown:
            continue
        if len(part) < len(rows):
            shown = f"{_named_rows(part)}: {shown}"
        notes.append(f"{shown[0].upper()}{shown[1:]}.")
    return notes


def mixed_fixed_table(fixed: pd.DataFrame) -> GT:
    """Fixed effects of the mixed models, one group of rows per formula."""
    frame = pd.DataFrame(
        {
            "Model": fixed["formula"].astype(str),
            "Term": fixed["term"].map(term_name),
            "Estimate (interval)": [
                estimate(row.estimate, row.conf_low, row.conf_high) for row in fixed.itertuples()
            ],
            "SE": fixed["std_error"].map(auc),
            "df": fixed["df"].map(degrees),
            "t": [number(value, 2) for value in fixed["statistic"]],
            "p": fixed["p_value"].map(p_value),
        }
    )
    methods = [str(name) for name in fixed["df_method"].dropna().unique()]
    notes = [f"Degrees of freedom: {', '.join(methods)}."] if methods else []
    return styled(
        frame, numbers=["Estimate (interval)", "SE", "df", "t", "p"], groups="Model", notes=notes, bold="Term"
    )


def term_name(term: str) -> str:
    """`pretrain[RadImageNet]` as `pretrain: RadImageNet`."""
    return str(term).replace("[", ": ").replace("]", "")


def mixed_random_table(random: pd.DataFrame, models: pd.DataFrame) -> GT:
    """Variance components of the mixed models, with the fit's criterion and flags as notes."""
    frame = pd.DataFrame(
        {
            "Model": random["formula"].astype(str),
            "Group": random["group"].astype(str),
            "Term": [MISSING if pd.isna(term) else term_name(term) for term in random["term"]],
            "Variance": [f"{value:.3g}" for value in random["variance"]],
            "SD": random["std_dev"].map(lambda value: number(value, 4)),
            "Levels": [MISSING if pd.isna(n) else integer(float(n)) for n in random["levels"]],
        }
    )
    return styled(
        frame,
        numbers=["Variance", "SD", "Levels"],
        groups="Model",
        notes=[line.replace("`", "") for line in model_notes(models)],
        bold="Group",
    )


def model_notes(models: pd.DataFrame) -> Sequence[str]:
    """One line per model: rows, criterion, and what a reader must know about the fit."""
    notes = []
    for row in models.itertuples():
        formula = f"`{row.formula}`"
        note = "" if pd.isna(row.note) else str(row.note).rstrip(".")
        if pd.isna(row.criterion):
            notes.append(f"{formula}: {note or 'not fitted'}.")
            continue
        kind = "REML criterion" if row.reml else "Deviance"
        flags = ([] if row.converged else ["did not converge"]) + (
            ["at least one variance estimated as zero"] if row.singular else []
        )
        text = f"{formula}: {integer(row.n)} cells, {kind} {number(row.criterion, 2)}"
        notes.append(f"{'; '.join([text, *flags, *([note] if note else [])])}.")
    return notes
