"""What `study compare` prints: its tables, rounded, and the notes."""

from __future__ import annotations

import pandas as pd
from rich.console import Console

from manuscript.text import metric_label
from stats.results import records
from study.compare.tables import CompareOptions, Comparison
from study.rich_tables import interval, number, p_text, print_table


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
    _pairs(console, "DeLong: differences of AUCs", tables["auc_pairs"], level, "z", options.auc_adjust)
    if "noninferiority" in tables:
        _pairs(console, "Non-inferiority", tables["noninferiority"], "interval", "z", options.adjust)
    if "roc_parts" in tables:
        _by_model(console, "Parts of the ROC curve", tables["roc_parts"])
        _by_metric(console, "Differences", tables["roc_part_pairs"], level, options.adjust)
    if "winner" in tables:
        _winner(console, tables["winner"])
    if "thresholded" in tables:
        at = f"{options.threshold:g} and above" if options.rule is None else f"the {options.rule} threshold"
        _by_model(console, f"Called positive at {at}", tables["thresholded"])
        for note in dict.fromkeys(tables["thresholded"]["note"].dropna() if options.rule else ()):
            console.print(note, style="dim")
        _by_metric(console, "McNemar: differences of", tables["rate_pairs"], level, options.adjust)
        _by_model(console, "Calibration", tables["calibration"])
        _pairs(console, "Brier scores (lower is better)", tables["brier_pairs"], level, "t", options.adjust)
    for note in found.notes:
        console.print(f"Note: {note.rstrip('.')}.", style="yellow")


def _pairs(
    console: Console,
    title: str,
    frame: pd.DataFrame,
    level: str,
    statistic: str | None,
    adjust: str,
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
    columns = ("comparison", "difference", level, *middle, "p", f"p ({adjust})")
    print_table(console, f"{title} ({frame['method'].iloc[0]})", columns, rows)


def _by_metric(console: Console, title: str, frame: pd.DataFrame, level: str, adjust: str) -> None:
    """One table of pairs for each metric."""
    for metric in dict.fromkeys(frame["metric"]):
        own = pd.DataFrame(frame[frame["metric"] == metric])
        _pairs(console, f"{title} {metric}", own, level, None, adjust)


def _winner(console: Console, frame: pd.DataFrame) -> None:
    rows = [
        (
            str(r["comparison"]),
            number(r["estimate"]),
            interval(r["conf_low"], r["conf_high"]),
            str(r["method"]),
        )
        for r in records(frame)
    ]
    title = f"The best model, {frame['arm_a'].iloc[0]}: what the choice adds to its {frame['metric'].iloc[0]}"
    print_table(console, title, ("estimate", "value", "interval", "method"), rows)


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
        rows.append((metric_label(metric), *cells))
    print_table(console, title, ("", *models), rows)
