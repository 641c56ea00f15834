"""What the published grid says beyond the paper's own tests: matched cells, slices, and what to doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from stats.lmm import fit_lmm
from stats.lmm.checks import advice
from stats.lmm.contest import fixed_effects
from stats.lmm.contrasts import contrasts
from stats.ranks.sign_flip import sign_flip_test
from stats.ranks.wilcoxon import signed_rank_test
from stats.results import results_frame
from study.analyses.published import CLASSIFIER_FORMULA, PRETRAIN_FORMULA

SLICED_FORMULA = "test_auc ~ pretrain * backbone + (1|clf) + (1|numfilters) + (1|lrdecay) + (1|task)"
ARMS = ("ImageNet", "RadImageNet")
MATCH = ["backbone", "clf", "fcsizeratio", "numfilters", "lrdecay"]
DECIMALS = 9  # the grid holds about 10 digits; equal AUCs differ in the last


@dataclass(frozen=True, slots=True, kw_only=True)
class BeyondPublished:
    """Exploratory analyses of the published grid.

    Attributes
    ----------
    comparisons : signed-rank and exact permutation tests over the 44 pairs of each task that differ in the
        pretraining only, then the pretraining within each backbone (RESULT_COLUMNS)
    advice : formula and notes of the paper's two mixed models
    """

    comparisons: pd.DataFrame
    advice: dict[str, list[str]]


def beyond_published(grid: pd.DataFrame) -> BeyondPublished:
    """Analyse the published grid by the tests that suit a grid.

    Parameters
    ----------
    grid : `data.published_grid.load_published_grid()`
    """
    rows = []
    for task, cells in grid.groupby("task", sort=True):
        wide = cells.pivot_table(index=MATCH, columns="pretrain", values="test_auc")
        x, y = (wide[arm].to_numpy() for arm in ARMS)
        named: dict[str, Any] = {
            "task": str(task),
            "metric": "test_auc",
            "arm_a": ARMS[0],
            "arm_b": ARMS[1],
            "comparison": f"pretrain: {ARMS[0]} - {ARMS[1]}",
            "planned": False,
        }
        ranks = signed_rank_test(x, y, decimals=DECIMALS).to_result()
        flips = sign_flip_test(x, y, rng=np.random.default_rng(0)).to_result()
        rows += [replace(ranks, **named), replace(flips, **named)]
    sliced = contrasts(fit_lmm(SLICED_FORMULA, grid), "pretrain", by="backbone", adjust="none", planned=False)
    told = {}
    for formula in (PRETRAIN_FORMULA, CLASSIFIER_FORMULA):
        fit = fit_lmm(formula, grid)
        told[formula] = advice(fit, df=fixed_effects(fit).df)
    return BeyondPublished(
        comparisons=pd.concat([results_frame(rows), sliced], ignore_index=True), advice=told
    )
