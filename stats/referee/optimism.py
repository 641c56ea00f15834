"""Optimism: what choosing the best adds to its value, and test sets too small for the difference claimed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from stats.findings import Finding
from stats.grids.best_of import expected_best
from stats.power.variance import auc_variance
from stats.referee.subject import IMAGE_TESTS, Subject, TaskFacts
from stats.results import records

POWER = 0.8
CORRELATED = 0.8  # of the AUCs of two models on the same validation images
FEW_CANDIDATES = 5
_SELECTING = (*IMAGE_TESTS, "recipe", "winner")


def optimism_findings(subject: Subject) -> Iterator[Finding]:
    """Winner's curse on validation, and the smallest difference that the test images can show."""
    yield from _winner(subject)
    yield from _small_tests(subject)


def _winner(subject: Subject) -> Iterator[Finding]:
    corrected = _corrected(subject)
    rows = corrected or [row for facts in subject.tasks if (row := _expected(subject, facts)) is not None]
    if not rows or not subject.tests(*_SELECTING):
        return
    shown = "; ".join(
        f"{row['task']}: {row['naive']:.3f} on validation, corrected {row['corrected']:.3f}"
        if corrected
        else f"{row['task']}: best of {row['candidates']}, up to {row['optimism_correlated']:.3f} "
        f"(correlated cells) or {row['optimism_independent']:.3f} (independent)"
        for row in rows
    )
    yield Finding(
        code="winners-curse",
        severity="note" if corrected else "warning",
        sentence=f"The validation AUC of the chosen model is optimistic: it is the best of many ({shown}).",
        evidence=tuple(rows),
        why="The maximum of many estimates lies above the truth of each. Test images that played no part "
        "in the "
        "choice are free of it.",
        sources=("varma2006", "tsamardinos2018"),
        do="Report the test value, or the corrected one ([[analysis.winner]]), never the validation "
        "value alone.",
    )


def _corrected(subject: Subject) -> list[dict[str, Any]]:
    """Naive and corrected value of the best of all cells, per task, where the plan asked for them."""
    rows = subject.estimates
    if rows is None or rows.empty:
        return []
    found: dict[str, dict[str, Any]] = {}
    for row in records(rows[(rows["analysis"] == "winner") & rows["estimate"].notna()]):
        name, _, what = str(row["comparison"]).partition(": ")
        key = what.partition(",")[0]
        if name == "all cells" and key in ("naive", "corrected", "test"):
            found.setdefault(str(row["task"]), {"task": row["task"]})[key] = float(row["estimate"])
    return [row for row in found.values() if {"naive", "corrected"} <= set(row)]


def _expected(subject: Subject, facts: TaskFacts) -> dict[str, Any] | None:
    """Expected optimism of the best of a task's cells, were all equal."""
    cells = subject.cells[subject.cells["task"] == facts.task]
    k, m, n = len(cells), facts.n_val_positive, facts.n_val
    if k < FEW_CANDIDATES or m is None or n is None or not 0 < m < n:
        return None
    level = 0.8
    if subject.metrics is not None:
        known = subject.metrics.loc[subject.metrics["task"] == facts.task, "val_auc"]
        level = float(np.clip(known.max(), 0.5, 0.999)) if known.notna().any() else level
    error = float(np.sqrt(auc_variance(level, m, n - m, variance="hanley-mcneil")))
    return {
        "task": facts.task,
        "candidates": k,
        "val_auc": level,
        "std_error": error,
        "optimism_independent": expected_best(k) * error,
        "optimism_correlated": expected_best(k, correlation=CORRELATED) * error,
    }


def _small_tests(subject: Subject) -> Iterator[Finding]:
    rows = subject.comparisons
    if rows is None:
        return
    known = rows[
        rows["analysis"].isin(["delong", "margin"]) & rows["std_error"].gt(0) & rows["estimate"].notna()
    ]
    factor = float(ndtri(1.0 - subject.alpha / 2.0) + ndtri(POWER))
    table = [
        {
            "task": row["task"],
            "comparison": row["comparison"],
            "difference": row["estimate"],
            "std_error": row["std_error"],
            "detectable": factor * row["std_error"],
            "n_positive": None if pd.isna(row["n_positive"]) else int(row["n_positive"]),
            "n": None if pd.isna(row["n"]) else int(row["n"]),
            "p_value": row["p_value"],
        }
        for row in records(known)
    ]
    small = [row for row in table if abs(row["difference"]) < row["detectable"]]
    if not small:
        return
    told = "; ".join(
        f"{row['task']}, {row['comparison']}: {row['difference']:+.3f}, detectable {row['detectable']:.3f}"
        for row in small[:4]
    )
    yield Finding(
        code="small-test-set",
        severity="warning",
        where=", ".join(dict.fromkeys(str(row["task"]) for row in small)),
        sentence=f"The test images are too few for {len(small)} of {len(table)} claimed differences of "
        f"AUCs: with "
        f"{POWER:.0%} power they show differences from these sizes on ({told}).",
        evidence=tuple(small),
        why="A smaller difference that is significant by luck is exaggerated, and one that is not says "
        "nothing. "
        "(From the standard error of the paired difference, not from the difference that was found.)",
        sources=("button2013", "hanley1982"),
        do="Plan the test set for the smallest difference that matters (`study power`); give the interval.",
    )
