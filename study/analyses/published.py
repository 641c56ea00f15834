"""The paper's Tables 4, 5, 11, 12 and 13, computed anew from its published grid, beside what is printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from stats.lmm import fit_lmm
from stats.lmm.summary import lmm_summary
from stats.ranks.wilcoxon import rank_sum_test

PRETRAIN_FORMULA = "test_auc ~ pretrain + (1|clf) + (1|numfilters) + (1|lrdecay) + (1|backbone) + (1|task)"
CLASSIFIER_FORMULA = "test_auc ~ clf + (1|task) + (1|pretrain) + (1|backbone) + (1|lrdecay) + (1|numfilters)"
# Cells whose last printed digit depends on where an optimiser stops, with the units of that digit by which
# print and optimum differ. lme4's own optimisers disagree there: on the second model nloptwrap, bobyqa and
# Nelder-Mead give t 18.7740, 18.7757, 18.7757 (printed 18.777). Here is the optimum itself.
OPTIMISER_CELLS = {
    ("5", "Intercept", "p"): 2,
    ("11", "lrdecay", "variance"): 3,
    ("11", "lrdecay", "std. dev."): 1,
    ("11", "Scaled residuals", "median"): 1,
    ("12", "Intercept", "t"): 1,
    ("12", "Intercept", "p"): 2,
    ("12", "pretrain", "variance"): 1,
    ("12", "lrdecay", "variance"): 3,
    ("12", "lrdecay", "std. dev."): 2,
    ("12", "Scaled residuals", "q3"): 1,
}

_BRIEF = {
    "4": {
        "Intercept": {"estimate": "0.738", "p": "0.0006"},
        "RadImageNet": {"estimate": "0.016", "p": "0.0543"},
    },
    "5": {
        "Intercept": {"estimate": "0.829", "p": "0.000983"},
        "ConvSkip": {"estimate": "0.018", "p": "0.0755"},
        "Linear": {"estimate": "-0.313", "p": "<2e-16"},
        "NonLinear": {"estimate": "-0.038", "p": "0.0036"},
    },
}
_FIXED = {
    "11": {
        "Intercept": ("0.738", "0.088", "4.58", "8.341", "0.0006"),
        "RadImageNet": ("0.016", "0.008", "167", "1.938", "0.0543"),
    },
    "12": {
        "Intercept": ("0.829", "0.044", "2.48", "18.777", "0.000983"),
        "ConvSkip": ("0.018", "0.010", "167", "1.788", "0.0755"),
        "Linear": ("-0.313", "0.016", "165", "-19.135", "<2e-16"),
        "NonLinear": ("-0.038", "0.013", "157", "-2.954", "0.0036"),
    },
}
_RANDOM = {
    "11": {
        "clf": ("0.02370", "0.15394"),
        "numfilters": ("0.0002393", "0.01547"),
        "lrdecay": ("0.00006962", "0.008344"),
        "backbone": ("0.001712", "0.04137"),
        "task": ("0.001690", "0.04111"),
        "Residual": ("0.003158", "0.05620"),
    },
    "12": {
        "task": ("0.00169", "0.04111"),
        "pretrain": ("0.00009892", "0.009946"),
        "backbone": ("0.001712", "0.04137"),
        "lrdecay": ("0.00006961", "0.008343"),
        "numfilters": ("0.0002303", "0.015175"),
        "Residual": ("0.003159", "0.05620"),
    },
}
_CRITERION = {"11": "-471.7", "12": "-475.7"}
_RESIDUALS = {
    "11": ("-3.4535", "-0.6725", "0.0553", "0.6873", "4.5190"),
    "12": ("-3.4584", "-0.6522", "0.0902", "0.7033", "4.5135"),
}
# The two columns of Table 13 use opposite orders of the groups: W counts the first one named here.
_RANK_SUMS = {
    "breast": (("RadImageNet", "ImageNet"), "998.5", "0.8023"),
    "acl": (("ImageNet", "RadImageNet"), "622", "0.003935"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedValue:
    """One printed number of the paper and the same number computed anew."""

    table: str
    row: str
    quantity: str
    printed: str
    computed: float

    @property
    def shown(self) -> str:
        """The computed number with the printed number's decimals."""
        if self.printed.startswith("<"):
            return self.printed if self.computed < float(self.printed[1:]) else f"{self.computed:.3g}"
        return f"{self.computed:.{_decimals(self.printed)}f}"

    @property
    def units_off(self) -> int:
        """Distance from print in units of the last printed digit; 0 = every digit equal."""
        if self.printed.startswith("<"):
            return 0 if self.shown == self.printed else 10**6
        return abs(int((Decimal(self.shown) - Decimal(self.printed)).scaleb(_decimals(self.printed))))

    @property
    def verdict(self) -> str:
        """One of "equal", "optimiser" (a last digit that optimisers disagree on) and "not equal"."""
        if self.units_off == 0:
            return "equal"
        allowed = OPTIMISER_CELLS.get((self.table, self.row, self.quantity), 0)
        return "optimiser" if self.units_off <= allowed else "not equal"


def published_tables(grid: pd.DataFrame) -> list[PublishedValue]:
    """Return every number of Tables 4, 5, 11, 12 and 13, printed and computed from the published grid.

    Parameters
    ----------
    grid : `data.published_grid.load_published_grid()`
    """
    first = lmm_summary(fit_lmm(PRETRAIN_FORMULA, grid))
    second = lmm_summary(fit_lmm(CLASSIFIER_FORMULA, grid))
    return [
        *_brief_table("4", first),
        *_brief_table("5", second),
        *_full_table("11", first),
        *_full_table("12", second),
        *_rank_sum_table(grid),
    ]


def _brief_table(table: str, report: dict) -> Iterator[PublishedValue]:
    fixed = _fixed_rows(report)
    for row, printed in _BRIEF[table].items():
        yield _value(table, row, "estimate", printed["estimate"], fixed[row]["estimate"])
        yield _value(table, row, "p", printed["p"], fixed[row]["p_value"])
    yield _value(table, "Observations", "n", "176", report["n"])


def _full_table(table: str, report: dict) -> Iterator[PublishedValue]:
    fixed = _fixed_rows(report)
    names = {
        "estimate": "estimate",
        "SE": "std_error",
        "df": "df",
        "t": "statistic",
        "p": "p_value",
    }
    for row, printed in _FIXED[table].items():
        for (quantity, key), text in zip(names.items(), printed, strict=True):
            yield _value(table, row, quantity, text, fixed[row][key])
    variances = {row["group"]: row["variance"] for row in report["random"]}
    variances["Residual"] = report["residual_variance"]
    for group, (variance, std_dev) in _RANDOM[table].items():
        yield _value(table, group, "variance", variance, variances[group])
        yield _value(table, group, "std. dev.", std_dev, variances[group] ** 0.5)
    yield _value(table, "Observations", "n", "176", report["n"])
    yield _value(table, "REML criterion", "value", _CRITERION[table], report["criterion"])
    quartiles = zip(report["scaled_residuals"].items(), _RESIDUALS[table], strict=True)
    for (name, computed), text in quartiles:
        yield _value(table, "Scaled residuals", name, text, computed)


def _rank_sum_table(grid: pd.DataFrame) -> Iterator[PublishedValue]:
    for task, (order, statistic, p_value) in _RANK_SUMS.items():
        cells = grid[grid["task"] == task]
        x, y = (cells.loc[cells["pretrain"] == level, "test_auc"] for level in order)
        fit = rank_sum_test(x, y)
        row = f"{task} ({order[0]} first)"
        yield _value("13", row, "W", statistic, fit.statistic)
        yield _value("13", row, "p", p_value, fit.p_value)


def _fixed_rows(report: dict) -> dict[str, dict]:
    """Fixed effects by the paper's row names: `pretrain[RadImageNet]` is RadImageNet."""
    return {row["term"].partition("[")[2].rstrip("]") or row["term"]: row for row in report["fixed"]}


def _value(table: str, row: str, quantity: str, printed: str, computed: float) -> PublishedValue:
    return PublishedValue(table=table, row=row, quantity=quantity, printed=printed, computed=float(computed))


def _decimals(printed: str) -> int:
    return len(printed.partition(".")[2])
