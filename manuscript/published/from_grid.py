"""The paper's Tables 3, 4, 5, 11, 12 and 13 computed anew from its published grid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from manuscript.published.value import Computed
from stats.lmm import fit_lmm
from stats.lmm.summary import lmm_summary
from stats.ranks.wilcoxon import rank_sum_test

PRETRAIN_FORMULA = "test_auc ~ pretrain + (1|clf) + (1|numfilters) + (1|lrdecay) + (1|backbone) + (1|task)"
CLASSIFIER_FORMULA = "test_auc ~ clf + (1|task) + (1|pretrain) + (1|backbone) + (1|lrdecay) + (1|numfilters)"
# The two columns of Table 13 use opposite orders of the groups: W counts the first one named here.
RANK_SUM_ORDER = {"breast": ("RadImageNet", "ImageNet"), "acl": ("ImageNet", "RadImageNet")}
Key = tuple[str, str, str]

_FACTORS = {
    "Tasks": "task",
    "Pretrain": "pretrain",
    "Backbones": "backbone",
    "Classifiers": "clf",
    "LR Decay": "lrdecay",
    "FC Ratios": "fcsizeratio",
    "Num Filters": "numfilters",
}
_FIXED = {"estimate": "estimate", "SE": "std_error", "df": "df", "t": "statistic", "p": "p_value"}


def grid_values(grid: pd.DataFrame, printed: pd.DataFrame) -> dict[Key, Computed]:
    """Return every value of the tables that the grid determines, by (table, row, quantity).

    Parameters
    ----------
    grid : `data.published_grid.load_published_grid()`
    printed : `data.published_grid.load_printed_tables()`; Table 3 only lends the order of its levels
    """
    values = dict(_levels(grid, printed[printed["table"] == "3"]))
    for formula, brief, full in ((PRETRAIN_FORMULA, "4", "11"), (CLASSIFIER_FORMULA, "5", "12")):
        report = lmm_summary(fit_lmm(formula, grid))
        values |= _fixed_effects(brief, report) | _fixed_effects(full, report) | _rest(full, report)
    return values | _rank_sums(grid)


def _levels(grid: pd.DataFrame, printed: pd.DataFrame) -> Iterator[tuple[Key, Computed]]:
    """The levels in the grid, in the printed order; levels that the paper does not name come last."""
    for row in printed.itertuples():
        named = json.loads(row.printed)
        found = set(grid[_FACTORS[row.row]].tolist())
        order = [level for level in named if level in found] + sorted(found - set(named))
        yield ("3", str(row.row), "levels"), Computed(value=json.dumps(order), source="grid")


def _fixed_effects(table: str, report: dict[str, Any]) -> dict[Key, Computed]:
    values = {(table, "Observations", "n"): _from_grid(report["n"])}
    for row in report["fixed"]:
        name = row["term"].partition("[")[2].rstrip("]") or row["term"]
        values |= {(table, name, quantity): _from_grid(row[key]) for quantity, key in _FIXED.items()}
    return values


def _rest(table: str, report: dict[str, Any]) -> dict[Key, Computed]:
    variances = {row["group"]: row["variance"] for row in report["random"]}
    variances["Residual"] = report["residual_variance"]
    values = {(table, "REML criterion", "value"): _from_grid(report["criterion"])}
    for group, variance in variances.items():
        values[table, group, "variance"] = _from_grid(variance)
        values[table, group, "std. dev."] = _from_grid(variance**0.5)
    quartiles = report["scaled_residuals"].items()
    return values | {(table, "Scaled residuals", name): _from_grid(value) for name, value in quartiles}


def _rank_sums(grid: pd.DataFrame) -> dict[Key, Computed]:
    values = {}
    for task, order in RANK_SUM_ORDER.items():
        cells = grid[grid["task"] == task]
        x, y = (cells.loc[cells["pretrain"] == level, "test_auc"] for level in order)
        fit = rank_sum_test(x, y)
        source = f"grid, {order[0]} first"
        values["13", task, "W"] = Computed(value=fit.statistic, source=source)
        values["13", task, "p"] = Computed(value=fit.p_value, source=source)
    return values


def _from_grid(value: float) -> Computed:
    return Computed(value=float(value), source="grid")
