"""Write docs/statistics/validation.md and its plots from the simulated rates.

The words lie in page.md; `{table NAME}` and `{rate FAMILY | column=value, ...}` in it are filled with what
was simulated; so are `range`, `min` and `max` of several rates, `errors` (100 - rate) and `perfect` (share of
AUCs of 1). A placeholder without a rate, or with several where one is meant, stops the report.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from plotnine import ggplot

from benchmarks.validation.plots import rate_plot

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "statistics" / "validation.md"
IMAGES = ROOT / "docs" / "images"
WORDS = Path(__file__).with_name("page.md")
DPI = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of one family: one line per combination of `rows`, one column per value of `across`."""

    family: str
    rows: tuple[str, ...]
    across: str = "method"
    order: tuple[str, ...] = ()
    where: dict[str, object] = field(default_factory=dict)


TITLES = {
    "n": "images",
    "auc": "true AUC",
    "correlation": "correlation",
    "intra": "correlation in a patient",
    "labels": "labels in a patient",
    "accuracy": "accuracy",
    "difference": "true difference",
    "proportion": "true proportion",
    "shared": "shared variance",
    "between": "variance between",
    "icc": "variance share of levels",
    "sd": "SD of log-odds",
    "slope": "true slope",
    "auc_b": "AUC of the other",
    "levels": "levels",
    "what": "band of",
    "variant": "test",
    "spread": "best minus worst",
}
AUC_METHODS = ("wald", "wald + bound", "logit", "logit + bound", "newcombe")
CLUSTERED = ("DeLong wald", "DeLong logit", "Obuchowski wald", "Obuchowski logit")
MCNEMAR = {
    "McNemar chi-square with continuity correction": "corrected",
    "McNemar chi-square": "chi-square",
    "McNemar exact binomial": "exact",
    "McNemar mid-p": "mid-p",
}
BOOTSTRAP = ("percentile", "basic", "bca")
GRID = ("rank-sum", "signed-rank", "sign-flip")
MIXED = ("z", "Satterthwaite", "Kenward-Roger")
TABLES = {
    "auc": Table(family="auc", rows=("n", "auc"), order=AUC_METHODS, where={"spread": 1.0}),
    "auc_spread": Table(family="auc", rows=("n", "auc"), order=AUC_METHODS, where={"spread": 2.0}),
    "delong": Table(family="delong", rows=("n", "auc"), across="correlation", where={"kind": "size"}),
    "permutation": Table(
        family="permutation", rows=("n", "correlation", "auc", "auc_b"), where={"kind": "size"}
    ),
    "permutation_power": Table(
        family="permutation", rows=("n", "correlation", "auc", "auc_b"), where={"kind": "power"}
    ),
    "clustered_size": Table(family="clustered", rows=("n", "labels", "intra", "auc"), where={"kind": "size"}),
    "clustered_coverage": Table(
        family="clustered", rows=("n", "labels", "intra", "auc"), order=CLUSTERED, where={"kind": "coverage"}
    ),
    "models": Table(family="models", rows=("n", "auc")),
    "margin_auc": Table(
        family="margin", rows=("n", "auc"), across="correlation", where={"method": "AUC, DeLong"}
    ),
    "margin_logit": Table(
        family="margin", rows=("n", "auc"), across="correlation", where={"method": "AUC, MOVER logit"}
    ),
    "margin_newcombe": Table(
        family="margin", rows=("n", "auc"), across="correlation", where={"method": "AUC, MOVER Newcombe"}
    ),
    "margin_accuracy": Table(
        family="margin", rows=("n", "accuracy"), across="correlation", where={"method": "accuracy, Tango"}
    ),
    "mcnemar": Table(family="mcnemar", rows=("n", "accuracy", "correlation"), order=tuple(MCNEMAR.values())),
    "paired": Table(family="paired", rows=("n", "accuracy", "difference", "correlation")),
    "proportion": Table(family="proportion", rows=("n", "proportion")),
    "clustered_mcnemar": Table(family="clustered mcnemar", rows=("n", "intra")),
    "cochran": Table(family="cochran", rows=("n", "accuracy")),
    "bootstrap_auc": Table(family="bootstrap", rows=("n", "auc"), order=BOOTSTRAP, where={"what": "AUC"}),
    "bootstrap_difference": Table(
        family="bootstrap", rows=("n", "auc"), order=BOOTSTRAP, where={"what": "difference"}
    ),
    "operating": Table(family="operating point", rows=("n", "auc")),
    "ties": Table(family="ties", rows=("n", "levels", "auc"), order=("DeLong paired", "wald", "logit")),
    "unpaired": Table(family="unpaired", rows=("n", "auc")),
    "partial": Table(family="partial auc", rows=("n", "auc")),
    "bands": Table(family="bands", rows=("n", "auc")),
    "decision": Table(family="decision", rows=("n", "what")),
    "ece": Table(family="ece", rows=("n", "slope", "bins")),
    "calibration_curve": Table(
        family="calibration curve", rows=("n", "slope", "probability"), order=("logistic", "lowess")
    ),
    "recipes": Table(family="recipes", rows=("n", "auc", "seeds")),
    "counted": Table(family="counted", rows=("n", "auc")),
    "clustered_bootstrap": Table(family="clustered bootstrap", rows=("n", "labels", "intra")),
    "auc_power": Table(family="auc power", rows=("n", "auc", "auc_b", "correlation")),
    "mcnemar_power": Table(family="mcnemar power", rows=("n", "difference", "variant")),
    "clustered_power": Table(family="clustered power", rows=("n", "intra")),
    "winner": Table(family="winner", rows=("n", "correlation", "spread")),
    "grid_size": Table(family="grid", rows=("pairs", "shared"), order=GRID, where={"kind": "size"}),
    "grid_power": Table(family="grid", rows=("pairs", "shared"), order=GRID, where={"kind": "power"}),
    "grid_groups": Table(
        family="grid groups", rows=("backbones", "between"), order=(*GRID, "sign-flip of backbone means")
    ),
    "mixed": Table(family="mixed", rows=("design", "icc", "levels"), order=MIXED),
    "calibration_coverage": Table(
        family="calibration",
        rows=("n", "sd", "slope"),
        order=("slope", "intercept", "Brier score", "scaled Brier score"),
        where={"kind": "coverage"},
    ),
    "calibration_size": Table(
        family="calibration",
        rows=("n", "sd"),
        order=("in the large", "joint test", "Spiegelhalter", "Brier difference"),
        where={"kind": "size"},
    ),
}


def write(rates: pd.DataFrame) -> None:
    """Write the page and the plots."""
    rates = rates.assign(flag=rates["flag"].fillna(""), method=rates["method"].replace(MCNEMAR))
    PAGE.write_text(filled(WORDS.read_text(encoding="utf-8"), rates), encoding="utf-8")
    IMAGES.mkdir(exist_ok=True)
    for name, plot in plots(rates).items():
        plot.save(IMAGES / f"validation-{name}.png", dpi=DPI, verbose=False)


def filled(words: str, rates: pd.DataFrame) -> str:
    """Return the words with every placeholder filled.

    Raises
    ------
    ValueError : a placeholder that matches no rate, or several where one is meant
    """
    words = re.sub(r"\{table (\w+)\}", lambda found: markdown(rates, TABLES[found[1]]), words)
    return re.sub(
        r"\{(rate|range|min|max|errors|perfect) ([^|}\\]+)(?:\\?\|([^}]*))?\}",
        lambda found: _value(rates, found[1], found[2].strip(), found[3] or ""),
        words,
    )


def chosen(rates: pd.DataFrame, family: str, where: dict[str, object]) -> pd.DataFrame:
    """Return the rates of a family in which every column has its value."""
    found = rates[rates["family"] == family]
    for column, value in where.items():
        same = (
            found[column].astype(float) == float(str(value)) if _is_number(value) else found[column] == value
        )
        found = found[same]
    if found.empty:
        raise ValueError(f"No simulated rate of {family!r} has {where}.")
    return found


def markdown(rates: pd.DataFrame, table: Table) -> str:
    """Return the table and a line on its Monte Carlo error; bold: too many errors, italic: too few."""
    found = chosen(rates, table.family, table.where)
    across = list(table.order) or list(dict.fromkeys(found[table.across]))
    heads = [_head(table.across, value) for value in across]
    lines = ["| " + " | ".join([*(TITLES.get(row, row) for row in table.rows), *heads]) + " |"]
    lines.append("|" + "---|" * (len(table.rows) + len(across)))
    for key, group in found.groupby(list(table.rows), sort=False, dropna=False):
        cells = [_cell(group[group[table.across] == value]) for value in across]
        lines.append("| " + " | ".join([*map(_text, key), *cells]) + " |")
    return "\n".join([*lines, "", _precision(found)])


def plots(rates: pd.DataFrame) -> dict[str, ggplot]:
    """Return the plots by name."""
    rates = rates.assign(
        images=[f"{n:.0f} images" if n == n else "" for n in rates["n"]],
        between_models=[f"correlation {c:g}" for c in rates["correlation"]],
    )

    def take(family: str, **where: object) -> pd.DataFrame:
        return chosen(rates, family, where)

    auc = take("auc", spread=1.0)
    auc = auc[auc["method"].isin(["wald", "logit", "newcombe"])]
    boot = take("bootstrap", what="AUC", method="bca")
    margin = take("margin")
    margin = margin[margin["method"].isin(["AUC, DeLong", "AUC, MOVER logit"])]
    margin = margin.assign(
        panel=margin["method"].str.removeprefix("AUC, "),
        between_models=[f"correlation {c:g}" for c in margin["correlation"]],
    )
    clustered = take("clustered", kind="size")
    clustered = clustered.assign(
        panel=[
            f"n {n:.0f}, {'one label' if labels == 'pure' else 'mixed'}"
            for n, labels in zip(clustered["n"], clustered["labels"], strict=True)
        ],
        row=[f"AUC {auc:g}" for auc in clustered["auc"]],
    )
    grid = take("grid", pairs=22.0)
    grid = grid.assign(
        panel=[
            "no difference: false alarms" if e == 0 else "difference of 0.3 SD: power" for e in grid["effect"]
        ]
    )
    mixed = take("mixed", design="between")
    mixed = mixed.assign(panel=[f"{100 * v:.0f} % of variance between levels" for v in mixed["icc"]])
    mcnemar = take("mcnemar")
    mcnemar = mcnemar.assign(panel=[f"accuracy {v:g}" for v in mcnemar["accuracy"]])
    size, covered = "rejections, %", "intervals that hold the truth, %"
    return {
        "auc": rate_plot(
            pd.concat([auc, boot.assign(method="bootstrap BCa")]),
            x="auc", series="method", facets=["images"], promised=95.0, axes=("true AUC", covered),
        ),
        "delong": rate_plot(
            take("delong", kind="size"),
            x="auc", series="between_models", facets=["images"], promised=5.0,
            axes=("AUC of both models", size),
        ),
        "clustered": rate_plot(
            clustered, x="intra", series="method", facets=["row", "panel"], promised=5.0,
            axes=("correlation of two images of one patient", size), height_mm=105,
        ),
        "margin": rate_plot(
            margin, x="auc", series="between_models", facets=["panel", "images"], promised=2.5,
            axes=("AUC of the reference, the new one lower by the margin", size), height_mm=105,
        ),
        "mcnemar": rate_plot(
            mcnemar, x="correlation", series="method", facets=["panel", "images"], promised=5.0,
            axes=("correlation of the two models", size), height_mm=105,
        ),
        "grid": rate_plot(
            grid, x="shared", series="method", facets=["panel"], promised=5.0,
            axes=("share of a cell's variance that both arms have in common", size),
        ),
        "mixed": rate_plot(
            mixed, x="levels", series="method", facets=["panel"], promised=5.0,
            axes=("levels of the random factor", size),
        ),
    }  # fmt: skip


def _value(rates: pd.DataFrame, what: str, family: str, conditions: str) -> str:
    pairs = (part.split("=", 1) for part in re.split(r",\s*(?=\w+=)", conditions) if part.strip())
    found = chosen(rates, family, {name.strip(): value.strip() for name, value in pairs})
    values = 100.0 * (found["perfect"] if what == "perfect" else found["rate"])
    if what in ("min", "max"):
        return f"{values.agg(what):.1f}"
    if what == "range":
        low, high = f"{values.min():.1f}", f"{values.max():.1f}"
        return low if low == high else f"{low} to {high}"
    if len(found) != 1:
        raise ValueError(f"{len(found)} simulated rates of {family!r} have {conditions}; name one.")
    return f"{100.0 - values.iloc[0] if what == 'errors' else values.iloc[0]:.1f}"


def _cell(found: pd.DataFrame) -> str:
    if found.empty:
        return ""
    if len(found) != 1:
        raise ValueError(f"{len(found)} rates fall into one cell of a table of {found['family'].iloc[0]!r}.")
    text, mark = (
        f"{100.0 * found['rate'].iloc[0]:.1f}",
        {"many": "**", "few": "*", "": ""}[found["flag"].iloc[0]],
    )
    return f"{mark}{text}{mark}"


def _precision(found: pd.DataFrame) -> str:
    if not found["error"].any():
        return "Percent; exact, all outcomes added up."
    simulated = found[found["replicates"] > 0]
    return (
        f"Percent; {_count(simulated['replicates'])} sets each, Monte Carlo error at most "
        f"{100.0 * found['error'].max():.2f} points."
    )


def _count(replicates: Sequence[int]) -> str:
    low, high = min(replicates), max(replicates)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _head(across: str, value: object) -> str:
    return _text(value) if across == "method" else f"{TITLES.get(across, across)} {_text(value)}"


def _text(value: object) -> str:
    return f"{float(str(value)):g}" if _is_number(value) else str(value)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
