"""The published grid as a report: 176 rows of metrics, its own tests computed anew, no predictions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data.published_grid import load_published_architecture, load_published_grid
from manuscript.load import Report
from manuscript.published.collapsed import predicted_class
from manuscript.published.from_summaries import ARMS
from manuscript.text import interval, number, p_phrase
from stats.lmm import fit_lmm
from stats.lmm.contrasts import contrasts
from stats.lmm.random_effects import variance_shares
from stats.lmm.summary import mixed_tables
from stats.lmm.term_tests import term_tests
from stats.ranks.wilcoxon import rank_sum_test

NAMES = {"clf": "head", "fcsizeratio": "fc_ratio", "numfilters": "filters", "lrdecay": "lr_decay"}
FORMULAS = (
    "test_auc ~ pretrain + (1|head) + (1|filters) + (1|lr_decay) + (1|backbone) + (1|task)",
    "test_auc ~ head + (1|task) + (1|pretrain) + (1|backbone) + (1|lr_decay) + (1|filters)",
)
FACTORS = ("pretrain", "backbone", "head", "lr_decay", "fc_ratio", "filters")
HEADS = ["Linear", "NonLinear", "Conv", "ConvSkip"]
NO_HIDDEN = ("Linear",)
NO_FILTERS = ("Linear", "NonLinear")


def published_report() -> Report:
    """The original study's grid with the tests that its metrics allow: Wilcoxon and mixed models."""
    grid = load_published_grid().rename(columns=NAMES)
    grid.insert(0, "cell_id", [f"row{number:03d}" for number in range(1, len(grid) + 1)])
    fits = [fit_lmm(text, grid) for text in FORMULAS]
    mixed = [mixed_tables(fit, model=number) for number, fit in enumerate(fits, start=1)]
    tests, shares = (
        pd.concat([made(fit).assign(formula=text) for fit, text in zip(fits, FORMULAS, strict=True)])
        for made in (term_tests, variance_shares)
    )
    fixed, random, models = (pd.concat(parts, ignore_index=True) for parts in zip(*mixed, strict=True))
    comparisons = pd.concat([_wilcoxon(grid), contrasts(fits[1], "head", adjust="holm")], ignore_index=True)
    metrics = _without_unused(grid).assign(seed=None, fold=None, collapsed=predicted_class(grid).notna())
    return Report(
        mode="published",
        root=None,
        study=_study(grid),
        run={},
        cells=metrics.assign(status="done", reason=None),
        tables={
            "metrics": metrics,
            "architecture": load_published_architecture(),
            "comparisons": comparisons,
            "mixed_fixed": fixed,
            "mixed_random": random,
            "mixed_models": models,
            "mixed_tests": tests.reset_index(drop=True),
            "mixed_shares": shares.reset_index(drop=True),
            "findings": _findings(comparisons, fixed, grid),
        },
    )


def _wilcoxon(grid: pd.DataFrame) -> pd.DataFrame:
    """The rank-sum test of each task between the two pretrainings."""
    rows = []
    for task, cells in grid.groupby("task", sort=True):
        first, second = (cells.loc[cells["pretrain"] == arm, "test_auc"].to_numpy() for arm in ARMS)
        rows.append(rank_sum_test(first, second).to_frame().assign(task=task))
    frame = pd.concat(rows, ignore_index=True)
    comparison = f"pretrain: {ARMS[0]} - {ARMS[1]}"
    return frame.assign(metric="test_auc", arm_a=ARMS[0], arm_b=ARMS[1], comparison=comparison)


def _without_unused(grid: pd.DataFrame) -> pd.DataFrame:
    """Settings that a head does not use as missing; the file repeats the first level there."""
    return grid.assign(
        fc_ratio=grid["fc_ratio"].mask(grid["head"].isin(NO_HIDDEN)),
        filters=grid["filters"].astype("Int64").mask(grid["head"].isin(NO_FILTERS)),
    )


def _study(grid: pd.DataFrame) -> dict[str, Any]:
    """What the original study's paper declares, in the form of a study file."""
    factors = {name: sorted(grid[name].unique().tolist()) for name in FACTORS} | {"head": HEADS}
    return {
        "name": "published",
        "title": "The published grid of the original study",
        "description": "Does pretraining on radiological images give better classifiers than ImageNet?",
        "tasks": {
            "breast": {"dataset": "busi", "positive": ["malignant"]},
            "acl": {"dataset": "radimagenet-acl", "positive": ["yes"]},
        },
        "factors": factors,
        "analysis": {
            "alpha": 0.05,
            "wilcoxon": [{"value": "test_auc", "contrast": "pretrain", "by": ["task"], "paired": False}],
            "mixed": [{"formula": text, "df": "satterthwaite"} for text in FORMULAS],
        },
    }


def _findings(comparisons: pd.DataFrame, fixed: pd.DataFrame, grid: pd.DataFrame) -> pd.DataFrame:
    """One sentence per test and fixed effect."""
    rows = []
    for row in comparisons[comparisons["analysis"] == "wilcoxon"].itertuples():
        sentence = (
            f"{row.task}: over {row.n} cells the test AUC with {row.arm_a} minus that with {row.arm_b} "
            f"is {number(row.estimate)} (95 % interval {interval(row.conf_low, row.conf_high)}; "
            f"{p_phrase(row.p_value)})."
        )
        rows.append({"analysis": "wilcoxon", "task": row.task, "planned": True, "sentence": sentence})
    for row in fixed[fixed["term"] != "Intercept"].itertuples():
        factor, _, level = str(row.term).partition("[")
        against = sorted(grid[factor].unique())[0]
        sentence = (
            f"over {row.n} cells the test AUC with {level.rstrip(']')} minus that with {against} is "
            f"{number(row.estimate)} (95 % interval {interval(row.conf_low, row.conf_high)}; "
            f"{p_phrase(row.p_value)})."
        )
        rows.append({"analysis": "mixed", "task": None, "planned": True, "sentence": sentence})
    return pd.DataFrame(rows)
