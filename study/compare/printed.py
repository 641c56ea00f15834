"""What `study compare` prints: its tables, rounded, and the notes."""

from __future__ import annotations

import pandas as pd
from rich.console import Console

from stats.results import records
from study.compare.tables import CompareOptions, Comparison
from study.rich_tables import interval, number, p_text, print_table

METRICS = {
    "calibration_in_the_large": "in the large",
    "intercept": "intercept",
    "slope": "slope",
    "brier": "Brier score",
    "brier_scaled": "scaled Brier",
    "ece": "ECE (debiased)",
}


def print_comparison(console: Console, found: Comparison, options: CompareOptions) -> None:
    """Print every table that a reader needs; curves are in the files."""
    level = f"{100 * options.conf_level:g}% interval"
    tables = found.tables
    rows = [
        (r["arm_a"], number(r["estimate"]), number(r["std_error"]), interval(r["conf_low"], r["conf_high"]))
        for r in records(tables["auc"])
    ]
    first = tables["auc"].iloc[0]
    groups = "" if pd.isna(first["n_groups"]) else f", {first['n_groups']} patients"
    title = f"AUC: {first['n']} images, {first['n_positive']} positive{groups} ({first['method']})"
    print_table(console, title, ("model", "AUC", "SE", level), rows)
    _pairs(console, "DeLong: differences of AUCs", tables["auc_pairs"], level, "z", options)
    if "noninferiority" in tables:
        _pairs(console, "Non-inferiority", tables["noninferiority"], "interval", "z", options)
    if "thresholded" in tables:
        title = f"Called positive at {options.threshold:g} and above"
        _by_model(console, title, tables["thresholded"])
        _pairs(console, "McNemar: differences of accuracy", tables["accuracy_pairs"], level, None, options)
        _by_model(console, "Calibration", tables["calibration"])
        _pairs(console, "Brier scores (lower is better)", tables["brier_pairs"], level, "t", options)
    for note in found.notes:
        console.print(f"Note: {note.rstrip('.')}.", style="yellow")


def _pairs(
    console: Console,
    title: str,
    frame: pd.DataFrame,
    level: str,
    statistic: str | None,
    options: CompareOptions,
) -> None:
    rows = [
        (
            str(r["comparison"]),
            number(r["estimate"]),
            interval(r["conf_low"], r["conf_high"]),
            *([number(r["statistic"], 3)] if statistic else []),
            p_text(r["p_value"]),
            p_text(r["p_adjusted"]),
        )
        for r in records(frame)
    ]
    if not rows:
        return
    middle = [statistic] if statistic else []
    columns = ("comparison", "difference", level, *middle, "p", f"p ({options.adjust})")
    print_table(console, f"{title} ({frame['method'].iloc[0]})", columns, rows)


def _by_model(console: Console, title: str, frame: pd.DataFrame) -> None:
    """Metrics as rows, models as columns."""
    models = list(dict.fromkeys(frame["arm_a"]))
    rows = []
    for metric in dict.fromkeys(frame["metric"]):
        own = frame[frame["metric"] == metric].set_index("arm_a")
        cells = [
            f"{number(own.loc[m, 'estimate'], 3)} "
            f"({interval(own.loc[m, 'conf_low'], own.loc[m, 'conf_high'], 3)})"
            for m in models
        ]
        rows.append((METRICS.get(metric, metric.replace("_", " ")), *cells))
    print_table(console, title, ("", *models), rows)
