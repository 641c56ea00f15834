"""What each figure and table shows for a report: a plot, a table, or words that say what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from IPython.display import Markdown

from manuscript import describe, describe_data
from manuscript import tables_models as models
from manuscript import tables_tests as tests
from manuscript.audit import audit_table, audit_text, no_findings, no_shortcut, shortcut_table
from manuscript.figures.calibration import decision_curves, reliability_curves
from manuscript.figures.gradcam import choose_tiles, gradcam_panel
from manuscript.figures.raster import Raster
from manuscript.figures.roc import roc_curves
from manuscript.grid import level_order, varied_factors
from manuscript.limitations import limitations_text
from manuscript.load import Report
from manuscript.origin import gradcam_missing, missing_text, provenance_text
from manuscript.plan import plan_text
from manuscript.referee import nothing_objected, referee_table
from manuscript.selected import main_selection
from manuscript.tables import (
    cells_table,
    data_table,
    failed_table,
    grid_table,
    protocol_table,
    selected_table,
)


def data(report: Report) -> Any:
    """Counts per class and split."""
    summary = report.table("data_summary")
    return _missing(report, "counts per class and split") if summary is None else data_table(summary)


def audit(report: Report) -> Any:
    """Findings of the audit per task."""
    table = audit_table(report)
    return Markdown(no_findings(report)) if table is None else table


def referee(report: Report) -> Any:
    """What a reviewer would object to."""
    table = referee_table(report)
    return Markdown(nothing_objected(report)) if table is None else table


def shortcut(report: Report) -> Any:
    """What file statistics alone give away."""
    shortcuts = report.table("data_shortcut")
    return Markdown(no_shortcut(report)) if shortcuts is None else shortcut_table(shortcuts)


def grid(report: Report) -> Any:
    """The factors of the grid."""
    if report.cells.empty:
        return Markdown(describe.cells_text(report))
    return grid_table(report.study, report.cells)


def protocol(report: Report) -> Any:
    """The settings that all cells share."""
    if report.mode == "published":
        return _missing(report, "the training protocol per model")
    return protocol_table(report.study, report.cells)


def selected(report: Report) -> Any:
    """The best cell of each arm."""
    chosen, metrics = main_selection(report), report.table("metrics")
    if chosen is None or metrics is None:
        return _missing(report, "the selected models")
    contrast = str(chosen["contrast"].iloc[0])
    names = [name for name in (*varied_factors(report.study, metrics), "seed") if name != contrast]
    return selected_table(chosen, metrics, several=[n for n in names if metrics[n].nunique() > 1])


def roc(report: Report) -> Any:
    """ROC curves of the selected cells."""
    chosen, curves = main_selection(report), report.table("roc")
    if chosen is None or curves is None:
        return _missing(report, "ROC curves")
    contrast = str(chosen["contrast"].iloc[0])
    test = curves[(curves["split"] == "test") & (curves["contrast"] == contrast)].drop_duplicates()
    bands = report.table("roc_bands")
    if bands is not None:
        bands = bands[bands["contrast"] == contrast].drop_duplicates(["task", "arm", "specificity"])
    return roc_curves(test, chosen, contrast=contrast, arms=_arms(report, contrast), bands=bands)


def gradcam(report: Report) -> Any:
    """The Grad-CAM panel."""
    if report.gradcam is None or report.gradcam.empty or report.root is None:
        return Markdown(gradcam_missing(report))
    chosen = main_selection(report)
    arms = {} if chosen is None else dict(zip(chosen["cell_id"], chosen["arm"], strict=True))
    index = report.gradcam
    tiles = choose_tiles(index[index["cell_id"].isin(arms)] if index["cell_id"].isin(arms).any() else index)
    return Raster(gradcam_panel(tiles, roots=[report.root / "gradcam", report.root], arms=arms))


def delong(report: Report) -> Any:
    """DeLong comparisons."""
    rows = report.analysis("delong")
    return _unplanned(report, "delong", "the DeLong test") if rows is None else tests.delong_table(rows)


def recipes(report: Report) -> Any:
    """Comparisons of recipes over seeds."""
    rows = report.analysis("recipe")
    return _unplanned(report, "recipe", "recipes over seeds") if rows is None else tests.recipe_table(rows)


def mcnemar(report: Report) -> Any:
    """McNemar comparisons."""
    rows = report.analysis("mcnemar")
    return _unplanned(report, "mcnemar", "the McNemar test") if rows is None else tests.mcnemar_table(rows)


def rates(report: Report) -> Any:
    """Rates of the selected cells at thresholds chosen on validation."""
    rows = report.estimates("threshold")
    what = "rates at chosen thresholds"
    return _unplanned(report, "threshold", what) if rows is None else models.estimates_table(rows)


def calibration(report: Report) -> Any:
    """Calibration of the selected cells."""
    rows = report.estimates("calibration")
    return _unplanned(report, "calibration", "calibration") if rows is None else models.estimates_table(rows)


def differences(report: Report) -> Any:
    """Differences in parts of the ROC curve, rates and Brier scores."""
    rows = report.analysis("roc", "threshold", "calibration")
    what = "differences beyond AUC and accuracy"
    return _unplanned(report, "roc", what) if rows is None else models.differences_table(rows)


def winner(report: Report) -> Any:
    """What the choice of the best cell adds to its value."""
    rows = report.estimates("winner")
    what = "the optimism of the best cell"
    return _unplanned(report, "winner", what) if rows is None else models.winner_table(rows)


def reliability(report: Report) -> Any:
    """Reliability curves of the selected cells."""
    return _curves(report, "reliability", reliability_curves)


def decision(report: Report) -> Any:
    """Decision curves of the selected cells."""
    return _curves(report, "decision", decision_curves)


def _curves(report: Report, name: str, draw: Callable[..., Any]) -> Any:
    curves = report.table(name)
    if curves is None:
        return _unplanned(report, "calibration", f"{name} curves")
    first = curves.iloc[0]
    own = curves[(curves["contrast"] == first["contrast"]) & (curves["select"] == first["select"])]
    contrast = str(first["contrast"])
    return draw(own, contrast=contrast, arms=_arms(report, contrast))


def wilcoxon(report: Report) -> Any:
    """Wilcoxon comparisons, then the permutation tests."""
    kinds = [report.analysis("wilcoxon"), report.analysis("permutation")]
    rows = [part for part in kinds if part is not None]
    if not rows:
        return _unplanned(report, "wilcoxon", "the Wilcoxon tests")
    return tests.wilcoxon_table(pd.concat(rows, ignore_index=True))


def contrasts(report: Report) -> Any:
    """Contrasts of the mixed models."""
    rows = report.analysis("contrast")
    if rows is not None:
        return tests.contrast_table(rows)
    asked = any("contrasts" in entry for entry in report.study.get("analysis", {}).get("mixed", []))
    return Markdown(missing_text(report, "differences of marginal means", planned=asked))


def mixed_fixed(report: Report) -> Any:
    """Fixed effects of the mixed models, or why none could be fitted."""
    rows, models = report.table("mixed_fixed"), report.table("mixed_models")
    if rows is not None:
        return tests.mixed_fixed_table(rows)
    if models is None:
        return _unplanned(report, "mixed", "the mixed models")
    if models["criterion"].notna().any():  # a fitted model has fixed effects: the table is gone
        return _unplanned(report, "mixed", "the fixed effects")
    return Markdown("\n".join(f"- {line}" for line in tests.model_notes(models)))


def mixed_random(report: Report) -> Any:
    """Variance components of the mixed models."""
    rows, models = report.table("mixed_random"), report.table("mixed_models")
    if rows is not None and models is not None:
        return tests.mixed_random_table(rows, models)
    return _unplanned(report, "mixed", "the variance components")


def cells(report: Report) -> Any:
    """Every done cell with its metrics."""
    metrics = report.table("metrics")
    if metrics is None:
        return _missing(report, "the metrics of the cells")
    return cells_table(
        metrics, varied_factors(report.study, metrics), with_seed=metrics["seed"].nunique() > 1
    )


def failed(report: Report) -> Any:
    """The cells that failed."""
    if report.failed.empty:
        return Markdown("*No cell failed.*")
    return failed_table(report.failed, varied_factors(report.study, report.cells))


def _arms(report: Report, contrast: str) -> list[str]:
    """Levels of the contrast in the order that all figures share."""
    return level_order(report.study, contrast, report.cells[contrast])


def _missing(report: Report, what: str) -> Markdown:
    return Markdown(missing_text(report, what))


def _unplanned(report: Report, kind: str, what: str) -> Markdown:
    """Words for an analysis that the plan of the study may or may not ask for."""
    return Markdown(missing_text(report, what, planned=bool(report.study.get("analysis", {}).get(kind))))


def sentences(report: Report) -> Mapping[str, Markdown]:
    """The texts of the article by name, as Markdown so that emphasis and citations stay."""
    writers = {
        "study": describe.study_line,
        "abstract": describe.abstract,
        "tasks": describe_data.tasks_text,
        "images": describe_data.images_text,
        "audit": audit_text,
        "cells": describe.cells_text,
        "design": describe.design_text,
        "protocol": describe.protocol_text,
        "plan": plan_text,
        "findings": describe.findings_text,
        "limitations": limitations_text,
        "provenance": provenance_text,
    }
    return {name: Markdown(write(report)) for name, write in writers.items()}
