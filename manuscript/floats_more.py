"""What the further tables of the supplement show for a report, or words that say what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from IPython.display import Markdown

from manuscript.grid import varied_factors
from manuscript.load import Report
from manuscript.origin import missing_text
from manuscript.selected import main_selection
from manuscript.tables_grid import pairs_table, shares_table, term_tests_table
from manuscript.tables_runs import repeated, runs_table
from manuscript.tables_selected import detectable_table, settings_table, split_metrics_table


def settings(report: Report) -> Any:
    """All settings of the selected cells."""
    chosen = main_selection(report)
    if chosen is None:
        return Markdown(missing_text(report, "the settings of the selected models"))
    return settings_table(chosen, report.cells)


def split_metrics(report: Report) -> Any:
    """All metrics of the selected cells per split."""
    rows = _first_selection(report, "split_metrics")
    if rows is None:
        return Markdown(_earlier(report, "split_metrics", "the metrics per split"))
    return split_metrics_table(rows, report.history, _kept_epochs(report))


def runs(report: Report) -> Any:
    """Means over folds and seeds."""
    metrics = report.table("metrics")
    if metrics is None:
        return Markdown(missing_text(report, "means over runs"))
    factors = varied_factors(report.study, metrics)
    if not factors or not repeated(metrics, factors):
        return Markdown("*Every combination of settings ran once: there is nothing to average.*")
    return runs_table(metrics, report.history, _kept_epochs(report), factors)


def _kept_epochs(report: Report) -> dict[str, Any]:
    cells = report.cells
    return dict(zip(cells["cell_id"], cells["best_epoch"], strict=True)) if "best_epoch" in cells else {}


def detectable(report: Report) -> Any:
    """What the test images could show."""
    rows = _first_selection(report, "detectable")
    if rows is None:
        return Markdown(_earlier(report, "detectable", "the detectable differences"))
    return detectable_table(rows)


def term_tests(report: Report) -> Any:
    """Tests of the terms of the mixed models."""
    rows = report.table("mixed_tests")
    return _mixed(report, "tests of the terms") if rows is None else term_tests_table(rows)


def shares(report: Report) -> Any:
    """Shares of the variance."""
    rows = report.table("mixed_shares")
    return _mixed(report, "shares of the variance") if rows is None else shares_table(rows)


def pairs(report: Report) -> Any:
    """Pairs of cells."""
    rows, metrics = report.table("pairs"), report.table("metrics")
    if rows is None or metrics is None:
        planned = bool(report.study.get("analysis", {}).get("pairs"))
        return Markdown(missing_text(report, "all pairs of cells", planned=planned))
    return pairs_table(rows, metrics, alpha=float(report.study.get("analysis", {}).get("alpha", 0.05)))


def _mixed(report: Report, what: str) -> Markdown:
    planned = bool(report.study.get("analysis", {}).get("mixed"))
    return Markdown(missing_text(report, what, planned=planned))


def _first_selection(report: Report, name: str) -> pd.DataFrame | None:
    """The rows of the plan's first contrast and selection, as `main_selection` takes them."""
    rows, chosen = report.table(name), report.table("selected")
    if rows is None or chosen is None:
        return None
    first = chosen.iloc[0]
    own = rows[(rows["contrast"] == first["contrast"]) & (rows["select"] == first["select"])]
    return None if own.empty else own.drop_duplicates(ignore_index=True)


def _earlier(report: Report, name: str, what: str) -> str:
    """Why a table of the selected cells lacks: made by an earlier version, or nothing was selected."""
    if report.mode == "store" and report.table("selected") is not None and report.tables.get(name) is None:
        return (
            f"*Not available: {what}. The results are those of an earlier version; run `study stats` again.*"
        )
    return missing_text(report, what)
