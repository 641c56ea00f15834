"""What the figures and tables of measured heat maps show, or words that say what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from IPython.display import Markdown

from manuscript.figures.saliency import measures_figure, randomisation_figure
from manuscript.grid import level_order
from manuscript.load import Report
from manuscript.origin import gradcam_missing
from manuscript.tables_models import differences_table
from manuscript.tables_saliency import agreement_table, measures_table


def measures(report: Report) -> Any:
    """Means of the measures as a figure."""
    rows = report.table("saliency")
    if rows is None:
        return _missing(report, "measured maps")
    return measures_figure(rows[rows["images"] == "all"], arms=_arms(report, rows))


def means(report: Report) -> Any:
    """Means of the measures, per kind of prediction too."""
    rows = report.table("saliency")
    return _missing(report, "measured maps") if rows is None else measures_table(rows)


def differences(report: Report) -> Any:
    """Paired differences between maps on the same images."""
    rows = report.table("saliency_tests")
    return _missing(report, "differences between maps") if rows is None else differences_table(rows)


def randomisation(report: Report) -> Any:
    """What randomised networks leave of the maps."""
    rows = report.table("saliency_randomisation")
    if rows is None:
        return _missing(report, "maps of randomised networks")
    return randomisation_figure(rows, arms=_arms(report, rows))


def stability(report: Report) -> Any:
    """Agreement of the maps over seeds."""
    rows = report.table("saliency_stability")
    if rows is None:
        return Markdown(gradcam_missing(report, "maps of other seeds", options=" --seeds"))
    return agreement_table(rows)


def _arms(report: Report, rows: pd.DataFrame) -> list[str]:
    """Pretrainings in the order that all figures share."""
    return level_order(report.study, "pretrain", rows["arm"])


def _missing(report: Report, what: str) -> Markdown:
    return Markdown(gradcam_missing(report, what))
