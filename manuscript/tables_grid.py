"""Tables over all cells of a grid: tests of the terms, shares of the variance, pairs of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from great_tables import GT

from manuscript.tables import styled
from manuscript.tables_tests import term_name
from manuscript.text import auc, count, degrees, estimate, integer, number, p_value, percent, short_id

FEW_PAIRS = 15  # pairs of a task that are all shown
BEST = 10  # cells next to the best one that it is compared with, where there are more pairs


def term_tests_table(tests: pd.DataFrame) -> GT:
    """F tests of the fixed terms and likelihood-ratio tests of the random ones, a group of rows per model.

    Parameters
    ----------
    tests : the table `mixed_tests`
    """
    frame = pd.DataFrame(
        {
            "Model": tests["formula"].astype(str),
            "Term": tests["term"].map(term_name),
            "Part": tests["part"].astype(str),
            "F or χ²": [number(value, 2) for value in tests["statistic"]],
            "df": [_both(row.df1, row.df2) for row in tests.itertuples()],
            "p": tests["p_value"].map(p_value),
        }
    )
    notes = [
        f"{part.capitalize()} terms: {' and '.join(rows['method'].unique())}."
        for part, rows in tests.groupby("part", sort=False)
    ]
    return styled(frame, numbers=["F or χ²", "df", "p"], groups="Model", notes=notes, bold="Term")


def _both(df1: float, df2: float) -> str:
    return degrees(df1) if pd.isna(df2) else f"{degrees(df1)}, {degrees(df2)}"


def shares_table(shares: pd.DataFrame) -> GT:
    """Share of the variance of each random effect and of what is left, a group of rows per model.

    Parameters
    ----------
    shares : the table `mixed_shares`
    """
    frame = pd.DataFrame(
        {
            "Model": shares["formula"].astype(str),
            "Source": shares["group"].astype(str),
            "Variance": [f"{value:.3g}" for value in shares["variance"]],
            "SD": [number(np.sqrt(value), 4) for value in shares["variance"]],
            "Share": [percent(value, 1) for value in shares["share"]],
        }
    )
    notes = ["Share of the variance that the fixed effects leave, sources independent of one another."]
    return styled(frame, numbers=["Variance", "SD", "Share"], groups="Model", notes=notes, bold="Source")


def pairs_table(pairs: pd.DataFrame, metrics: pd.DataFrame, *, alpha: float) -> GT:
    """Pairs of cells: all of a task with few, else the best cell on validation against the next ones.

    Parameters
    ----------
    pairs : the table `pairs`
    metrics : the table `metrics`, which says which cells are best on validation
    alpha : level that the note counts by
    """
    lines: list[dict[str, str]] = []
    notes = [f"Method: {method}." for method in pairs["method"].dropna().unique()]
    for (task, adjust), own in pairs.groupby(["task", "adjust"], sort=False):
        tested = own.dropna(subset=["p_value"])
        for note in own.loc[own["cell_a"].isna(), "note"].dropna():
            notes.append(f"{task}: {str(note).rstrip('.')}.")
        if tested.empty:
            continue
        shown = chosen_pairs(tested, metrics[metrics["task"] == task])
        group = str(task) if pairs["adjust"].nunique() == 1 else f"{task}, adjusted by {adjust}"
        lines += [_pair(row, group) for row in shown.itertuples()]
        below = int((tested["p_adjusted"] < alpha).sum())
        notes.append(
            f"{group}: {count(len(shown), 'pair')} of {integer(len(tested))}; "
            f"{integer(below)} of all have an adjusted p below {alpha:g}."
        )
    if any(len(own) > FEW_PAIRS for _, own in pairs.groupby(["task", "adjust"])):
        notes.append(
            "Shown: the cell with the highest AUC on validation against the cells that come next there. "
            "All pairs: `results/pairs.csv`."
        )
    numbers = ["AUC, first", "AUC, second", "Difference (interval)", "p", "Adjusted p"]
    frame = pd.DataFrame(lines, columns=["Task", "Cells", *numbers])
    return styled(frame, numbers=numbers, groups="Task", notes=[note.replace("`", "") for note in notes])


def chosen_pairs(pairs: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """The pairs of one task to show, the order of the cells turned so that the better one comes first.

    All where there are at most FEW_PAIRS, else those of the best cell with the BEST next ones by AUC on
    validation (on test where no cell has one); equal cells keep the order of the grid.
    """
    by = "val_auc" if metrics["val_auc"].notna().any() else "test_auc"
    ranked = metrics.sort_values(by, ascending=False, kind="stable")["cell_id"].astype(str).tolist()
    rank = {cell: place for place, cell in enumerate(ranked)}
    turned = _turned(pairs, [rank[row.cell_a] > rank[row.cell_b] for row in pairs.itertuples()])
    turned = turned.assign(first=turned["cell_a"].map(rank), second=turned["cell_b"].map(rank))
    if len(pairs) > FEW_PAIRS:
        turned = turned[(turned["first"] == 0) & (turned["second"] <= BEST)]
    return turned.sort_values(["first", "second"]).drop(columns=["first", "second"])


def _turned(pairs: pd.DataFrame, turn: list[bool]) -> pd.DataFrame:
    """The pairs with a and b exchanged, and the signs of the difference turned, where `turn` says so."""
    mirrored = pairs.assign(
        cell_a=pairs["cell_b"],
        cell_b=pairs["cell_a"],
        auc_a=pairs["auc_b"],
        auc_b=pairs["auc_a"],
        estimate=-pairs["estimate"],
        statistic=-pairs["statistic"],
        conf_low=-pairs["conf_high"],
        conf_high=-pairs["conf_low"],
    )
    chosen = pd.Series(turn, index=pairs.index)
    return pd.concat([pairs[~chosen], mirrored[chosen]]).loc[pairs.index]


def _pair(row: Any, task: str) -> dict[str, str]:
    return {
        "Task": task,
        "Cells": f"{short_id(row.cell_a)} − {short_id(row.cell_b)}",
        "AUC, first": auc(row.auc_a),
        "AUC, second": auc(row.auc_b),
        "Difference (interval)": estimate(row.estimate, row.conf_low, row.conf_high),
        "p": p_value(row.p_value),
        "Adjusted p": p_value(row.p_adjusted),
    }
