"""Tables of the selected models beyond AUC and accuracy: result tables in, great_tables tables out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from great_tables import GT

from manuscript.tables import styled
from manuscript.tables_tests import UNPLANNED
from manuscript.text import MISSING, auc, estimate, integer, metric_label, p_value


def estimates_table(rows: pd.DataFrame) -> GT:
    """Every metric of every arm with its interval: metrics as rows, arms as columns, tasks as groups."""
    arms = list(dict.fromkeys(rows["arm_a"]))
    lines = []
    for place, part in rows.groupby(_places(rows), sort=False):
        wide = {(row.metric, row.arm_a): row for row in part.itertuples()}
        for metric in dict.fromkeys(part["metric"]):
            cells = [wide.get((metric, arm)) for arm in arms]
            shown = [
                MISSING if row is None else estimate(row.estimate, row.conf_low, row.conf_high)
                for row in cells
            ]
            lines.append(
                {"Task": place, "Metric": metric_label(metric)} | dict(zip(arms, shown, strict=True))
            )
    return styled(
        pd.DataFrame(lines), numbers=arms, groups="Task", notes=_estimate_notes(rows), bold="Metric"
    )


def differences_table(rows: pd.DataFrame) -> GT:
    """Differences of metrics other than AUC and accuracy, one row per pair of arms and metric."""
    columns: dict[str, Any] = {
        "Task": rows["task"].astype(str),
        "Comparison": [
            (f"{row.arm_a} − {row.arm_b}" if pd.notna(row.arm_b) else str(row.comparison))
            + ("" if row.planned else " †")
            for row in rows.itertuples()
        ],
        "Metric": [metric_label(row.metric) + _rule(row.comparison) for row in rows.itertuples()],
        "First": rows["estimate_a"].map(auc),
        "Second": rows["estimate_b"].map(auc),
        "Difference (interval)": [
            estimate(row.estimate, row.conf_low, row.conf_high) for row in rows.itertuples()
        ],
        "p": rows["p_value"].map(p_value),
        "Adjusted p": rows["p_adjusted"].map(p_value),
        "n": [MISSING if pd.isna(n) else integer(float(n)) for n in rows["n"]],
    }
    if (rows["p_adjusted"].isna() | (rows["p_adjusted"] == rows["p_value"])).all():
        del columns["Adjusted p"]
    frame = pd.DataFrame({name: list(values) for name, values in columns.items()})
    numbers = [name for name in frame.columns if name not in ("Task", "Comparison", "Metric")]
    methods = [str(method) for method in rows["method"].dropna().unique()]
    notes = [f"Methods: {'; '.join(methods)}."] if methods else []
    notes += [f"{text[:1].upper()}{text[1:]}." for text in _not_run(rows)]
    if not rows["planned"].all():
        notes.append(UNPLANNED)
    return styled(frame, numbers=numbers, groups="Task", notes=notes, bold="Comparison")


def winner_table(rows: pd.DataFrame) -> GT:
    """The best cell of each set: value on validation, corrected for the choice, and AUC on test."""
    lines = []
    named = rows.assign(chosen_from=[str(name).partition(": ")[0] for name in rows["comparison"]])
    for (task, name), part in named.groupby(["task", "chosen_from"], sort=False):
        kinds = {str(row.comparison).partition(": ")[2].partition(",")[0]: row for row in part.itertuples()}
        if "corrected" not in kinds:
            continue
        naive, corrected, test = kinds["naive"], kinds["corrected"], kinds["test"]
        lines.append(
            {
                "Task": task,
                "Chosen from": f"{name} ({str(naive.comparison).rpartition('best of ')[2]})",
                "Cell": str(naive.arm_a)[:8],
                "Validation": auc(naive.estimate),
                "Corrected (interval)": estimate(corrected.estimate, corrected.conf_low, corrected.conf_high),
                "Test AUC (interval)": estimate(test.estimate, test.conf_low, test.conf_high),
            }
        )
    numbers = ["Validation", "Corrected (interval)", "Test AUC (interval)"]
    corrected = rows[rows["comparison"].str.contains("corrected", na=False)]
    notes = [f"Corrected: {method}." for method in corrected["method"].unique()]
    notes += [f"{text[:1].upper()}{text[1:]}." for text in _not_run(rows)]
    frame = pd.DataFrame(lines, columns=["Task", "Chosen from", "Cell", *numbers])
    return styled(frame, numbers=numbers, groups="Task", notes=notes, bold="Chosen from")


def _places(rows: pd.DataFrame) -> pd.Series:
    """`breast`, with the contrast and the rule of the threshold where the rows hold several of them."""
    task = rows["task"].astype(str)
    contrast = rows["comparison"].map(lambda text: f", {str(text).partition(': ')[0]}")
    rule = rows["comparison"].map(lambda text: _rule(text).strip().strip("()"))
    if contrast.nunique() > 1:
        task = task + contrast
    return task + rule.map(lambda text: f", {text}" if text else "") if rule.nunique() > 1 else task


def _rule(comparison: Any) -> str:
    """`(youden threshold)` where the comparison names the rule of its threshold."""
    detail = str(comparison).partition(", ")[2]
    return f" ({detail})" if detail else ""


def _not_run(rows: pd.DataFrame) -> list[str]:
    return [str(note).rstrip(".") for note in rows["note"].dropna().unique() if "not run" in str(note)]


def _estimate_notes(rows: pd.DataFrame) -> list[str]:
    """Level of the intervals, and how each arm's threshold was chosen."""
    levels = rows["conf_level"].dropna().unique()
    notes = [f"Intervals cover {100 * levels[0]:g} %."] if len(levels) == 1 else []
    for (place, arm), part in rows.groupby([_places(rows), "arm_a"], sort=False):
        chosen = [str(note).partition("; ")[0] for note in part["note"].dropna()]
        for text in dict.fromkeys(note for note in chosen if note.startswith("threshold ")):
            notes.append(f"{place[:1].upper()}{place[1:]}, {arm}: {text}.")
    return notes
