"""What the published grid says beyond the paper's own tests: matched cells, slices, noise, what to doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from manuscript.published.collapsed import collapsed_cells
from manuscript.published.from_grid import CLASSIFIER_FORMULA, PRETRAIN_FORMULA
from manuscript.published.from_summaries import ARMS
from manuscript.published.replicates import replicates
from stats.lmm import fit_lmm
from stats.lmm.anova import anova
from stats.lmm.checks import advice
from stats.lmm.contest import fixed_effects
from stats.lmm.contrasts import contrasts
from stats.ranks.sign_flip import sign_flip_test
from stats.ranks.wilcoxon import signed_rank_test
from stats.results import results_frame

SLICED_FORMULA = "test_auc ~ pretrain * backbone + (1|clf) + (1|numfilters) + (1|lrdecay) + (1|task)"
INTERACTION_FORMULA = (
    "test_auc ~ pretrain * backbone + pretrain * task + (1|clf) + (1|numfilters) + (1|lrdecay)"
)
MATCH = ["backbone", "clf", "fcsizeratio", "numfilters", "lrdecay"]
DECIMALS = 9  # the grid holds about 10 digits; equal AUCs differ in the last


@dataclass(frozen=True, slots=True, kw_only=True)
class BeyondPublished:
    """Exploratory analyses of the published grid.

    Attributes
    ----------
    comparisons : signed-rank and exact permutation tests over the 44 pairs of each task that differ in the
        pretraining only, then the pretraining within each backbone (RESULT_COLUMNS)
    slices : the exact permutation test of the pretraining within each task and backbone (RESULT_COLUMNS, and
        backbone)
    interactions : F tests of the pretraining and its interactions with backbone and task (see `anova`)
    replicates : spread of runs that repeat each other (REPLICATE_COLUMNS)
    collapsed : models that predict one class only (COLLAPSED_COLUMNS)
    advice : formula and notes of the paper's two mixed models
    """

    comparisons: pd.DataFrame
    slices: pd.DataFrame
    interactions: pd.DataFrame
    replicates: pd.DataFrame
    collapsed: pd.DataFrame
    advice: dict[str, list[str]]


def beyond_published(grid: pd.DataFrame) -> BeyondPublished:
    """Analyse the published grid by the tests that suit a grid.

    Parameters
    ----------
    grid : `data.published_grid.load_published_grid()`
    """
    rows = []
    for task, cells in grid.groupby("task", sort=True):
        x, y = _matched(cells)
        named = _names(str(task))
        ranks = signed_rank_test(x, y, decimals=DECIMALS).to_result()
        flips = sign_flip_test(x, y, rng=np.random.default_rng(0)).to_result()
        rows += [replace(ranks, **named), replace(flips, **named)]
    sliced = contrasts(fit_lmm(SLICED_FORMULA, grid), "pretrain", by="backbone", adjust="none", planned=False)
    told = {}
    for formula in (PRETRAIN_FORMULA, CLASSIFIER_FORMULA):
        fit = fit_lmm(formula, grid)
        told[formula] = advice(fit, df=fixed_effects(fit).df)
    return BeyondPublished(
        comparisons=pd.concat([results_frame(rows), sliced], ignore_index=True),
        slices=pretraining_slices(grid),
        interactions=interactions(grid),
        replicates=replicates(grid),
        collapsed=collapsed_cells(grid),
        advice=told,
    )


def pretraining_slices(grid: pd.DataFrame) -> pd.DataFrame:
    """Return the exact permutation test of matched cells within each task and backbone."""
    rows, backbones = [], []
    for (task, backbone), cells in grid.groupby(["task", "backbone"], sort=True):
        x, y = _matched(cells)
        flips = sign_flip_test(x, y, rng=np.random.default_rng(0)).to_result()
        rows.append(replace(flips, **_names(str(task))))
        backbones.append(str(backbone))
    return results_frame(rows).assign(backbone=backbones)


def interactions(grid: pd.DataFrame) -> pd.DataFrame:
    """Return the F tests of the pretraining and its interactions; columns as in `stats.lmm.anova`."""
    tests = anova(fit_lmm(INTERACTION_FORMULA, grid))
    return tests[tests["term"].str.contains("pretrain")].reset_index(drop=True)


def _matched(cells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Test AUCs of the two pretrainings, in the same order of all other factors."""
    wide = cells.pivot(index=MATCH, columns="pretrain", values="test_auc")
    first, second = (wide[arm].to_numpy() for arm in ARMS)
    return first, second


def _names(task: str) -> dict[str, Any]:
    return {
        "task": task,
        "metric": "test_auc",
        "arm_a": ARMS[0],
        "arm_b": ARMS[1],
        "comparison": f"pretrain: {ARMS[0]} - {ARMS[1]}",
        "planned": False,
    }
