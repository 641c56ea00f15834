"""A sound grid in numbers, and a way to spoil one thing of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stats.findings import Finding
from stats.referee.rules import referee
from stats.referee.subject import PlannedTest, Subject, TaskFacts
from stats.results import ComparisonResult, results_frame

FORMULA = "test_auc ~ pretrain + (1|head)"


def sound_metrics(*, noise: float = 0.005) -> pd.DataFrame:
    """80 cells: 2 tasks, 2 pretrainings, 5 heads, 2 decays, 2 seeds; pretraining +0.05, heads apart."""
    rng = np.random.default_rng(4)
    rows = []
    grid = product(("breast", "knee"), (0, 1), ("A", "B"), "abcde", ("beta", "cosine"))
    for i, (task, seed, pretrain, head, decay) in enumerate(grid):
        level = 0.8 + 0.05 * (pretrain == "B") + 0.02 * "abcde".index(head) + 0.04 * (decay == "beta")
        rows.append(
            {"cell_id": f"c{i:02d}", "task": task, "seed": seed, "fold": 0, "pretrain": pretrain,
             "head": head, "lr_decay": decay, "status": "done", "val_auc": level + rng.normal(0, noise),
             "test_auc": level + rng.normal(0, noise), "test_f1": 0.7, "test_accuracy": 0.8,
             "collapsed": False, "constant": False, "n_test": 200, "n_test_positive": 80}
        )  # fmt: skip
    return pd.DataFrame(rows)


def comparison(**changes: Any) -> ComparisonResult:
    """A DeLong row of a clear difference."""
    row: dict[str, Any] = {
        "analysis": "delong", "family": "delong pretrain, breast", "comparison": "pretrain: A - B",
        "task": "breast", "metric": "auc", "estimate": -0.05, "std_error": 0.01, "p_value": 1e-6,
        "p_adjusted": 1e-6, "method": "DeLong", "n": 200, "n_positive": 80,
    }  # fmt: skip
    return ComparisonResult(**row | changes)


def sound_subject() -> Subject:
    """A subject in which no rule should see an error or a warning."""
    metrics = sound_metrics()
    return Subject(
        name="sound",
        kind="store",
        cells=metrics,
        factors=("pretrain", "head", "lr_decay"),
        plan=(
            PlannedTest(kind="delong", contrast="pretrain", select="val_auc", by_patient=True, adjust="holm"),
            PlannedTest(kind="recipe", contrast="pretrain", select="val_auc", by_patient=True, adjust="holm"),
            PlannedTest(kind="winner", select="val_auc", by_patient=True),
        ),
        tasks=tuple(
            TaskFacts(task=name, n_val=100, n_val_positive=40, n_test=200, n_test_positive=80,
                      n_test_patients=100, split_by="patient")
            for name in ("breast", "knee")
        ),
        metrics=metrics,
        comparisons=results_frame([comparison()]),
        estimates=results_frame(
            ComparisonResult(analysis="winner", method="m", task=task, comparison=f"all cells: {what}, "
            f"best of 40",
                             estimate=value)
            for task in ("breast", "knee") for what, value in (("naive", 0.97), ("corrected", 0.95))
        ),
    )  # fmt: skip


@pytest.fixture
def found() -> Callable[..., dict[str, list[Finding]]]:
    """Findings by code of the sound subject with some fields changed."""

    def run(**changes: Any) -> dict[str, list[Finding]]:
        by_code: dict[str, list[Finding]] = {}
        for finding in referee(replace(sound_subject(), **changes)):
            by_code.setdefault(finding.code, []).append(finding)
        return by_code

    return run
