"""The figures of the grid and its comparisons for a report: a plot, or words that say what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from IPython.display import Markdown

from manuscript.figures.distribution import factor_distribution
from manuscript.figures.forest import forest_plot, forest_rows
from manuscript.figures.learning import learning_curves
from manuscript.figures.means import interaction_plot
from manuscript.figures.pairs import pair_heatmap
from manuscript.figures.ranks import rank_plot
from manuscript.figures.unfreezing import FACTOR, unfreezing_curve
from manuscript.grid import first_contrast, level_order, varied_factors
from manuscript.load import Report
from manuscript.origin import missing_text
from manuscript.selected import main_selection
from manuscript.text import count, factor_name

MOST_LEVELS = 8  # of the second factor of an interaction


def distribution(report: Report, *, value: str = "test_auc", label: str = "AUC on test") -> Any:
    """Box and points by factor."""
    metrics = report.table("metrics")
    if metrics is None or metrics[value].isna().all():
        return _missing(report, f"the distribution of {label}")
    arm = first_contrast(report.study, metrics)
    factors = [name for name in varied_factors(report.study, metrics) if name != arm]
    if arm is None:
        arm, factors = "pretrain", ["pretrain"]
    return factor_distribution(
        metrics,
        factors or [arm],
        study=report.study,
        arm=arm,
        value=value,
        label=label,
        failed=len(report.failed),
    )


def ranks(report: Report) -> Any:
    """Mean ranks of the levels by each metric."""
    metrics = report.table("metrics")
    if metrics is None:
        return _missing(report, "ranks by several metrics")
    factors = varied_factors(report.study, metrics)
    if not factors:
        return Markdown("*The grid varies no factor, so that there are no levels to rank.*")
    return rank_plot(metrics, factors, study=report.study, failed=len(report.failed))


def interaction(report: Report) -> Any:
    """The contrast within each level of a second factor."""
    metrics = report.table("metrics")
    if metrics is None or metrics["test_auc"].isna().all():
        return _missing(report, "means of the cells")
    contrast, other = interaction_factors(report, metrics)
    if contrast is None or other is None:
        return Markdown("*The grid varies fewer than two factors, so that no interaction can be seen.*")
    return interaction_plot(
        metrics,
        other,
        study=report.study,
        contrast=contrast,
        conf_level=conf_level(report),
        failed=len(report.failed),
    )


def interaction_factors(report: Report, metrics: pd.DataFrame) -> tuple[str | None, str | None]:
    """The contrast of the figures and the factor beside it: the backbone where it varies, else the first."""
    contrast = first_contrast(report.study, metrics)
    factors = [
        name
        for name in varied_factors(report.study, metrics)
        if name != contrast and metrics[name].nunique() <= MOST_LEVELS
    ]
    other = "backbone" if "backbone" in factors else next(iter(factors), None)
    return contrast, other


def unfreezing(report: Report) -> Any:
    """Metrics over the unfrozen layer groups, where the grid varies them."""
    metrics = report.table("metrics")
    if metrics is None:
        return _missing(report, "the unfreezing curve")
    if FACTOR not in metrics or metrics[FACTOR].nunique() < 2:
        return Markdown("*Not shown: this grid does not vary how many layer groups are trained.*")
    return unfreezing_curve(
        metrics,
        study=report.study,
        contrast=first_contrast(report.study, metrics),
        conf_level=conf_level(report),
        failed=len(report.failed),
    )


def forest(report: Report) -> Any:
    """Differences of AUC with intervals and margins."""
    comparisons = report.table("comparisons")
    rows = None if comparisons is None else forest_rows(comparisons)
    if rows is None or rows["estimate"].isna().all():
        plan = report.study.get("analysis", {})
        asked = any(plan.get(kind) for kind in ("delong", "recipe", "margin"))
        return Markdown(missing_text(report, "differences of AUC", planned=asked))
    return forest_plot(comparisons)


def pairs(report: Report) -> Any:
    """Every cell against every other."""
    rows, metrics = report.table("pairs"), report.table("metrics")
    if rows is None or metrics is None or rows["cell_a"].isna().all():
        asked = bool(report.study.get("analysis", {}).get("pairs"))
        return Markdown(missing_text(report, "all pairs of cells", planned=asked))
    return pair_heatmap(rows, metrics, study=report.study, arm=first_contrast(report.study, metrics))


def curves(report: Report) -> Any:
    """Learning curves of the selected settings, over their seeds."""
    chosen, history = main_selection(report), report.history
    if chosen is None or history is None or history.empty:
        return _missing(report, "learning curves")
    labels = with_seeds(report, chosen)
    shown = history[history["cell_id"].isin(labels["cell_id"])]
    if shown.empty:
        return _missing(report, "learning curves of the selected models")
    contrast = str(chosen["contrast"].iloc[0])
    arms = level_order(report.study, contrast, report.cells[contrast])
    return learning_curves(shown, labels, contrast=contrast, arms=arms)


def with_seeds(report: Report, chosen: pd.DataFrame) -> pd.DataFrame:
    """The selected cells and those of the same settings with another seed: cell_id, task, arm."""
    cells = report.done
    same = [name for name in ("task", "fold", *varied_factors(report.study, cells)) if name in cells]
    key = cells[same].astype(object).where(cells[same].notna(), None).apply(tuple, axis=1)
    of_cell = dict(zip(cells["cell_id"], key, strict=True))
    arms = {of_cell[row.cell_id]: row.arm for row in chosen.itertuples() if row.cell_id in of_cell}
    kept = cells[key.isin(list(arms))]
    return pd.DataFrame(
        {"cell_id": kept["cell_id"], "task": kept["task"], "arm": [arms[of_cell[i]] for i in kept["cell_id"]]}
    )


def band_text(report: Report) -> str:
    """What the lines and bands of the learning curves are, for their caption."""
    chosen = main_selection(report)
    if chosen is None:
        return ""
    labels = with_seeds(report, chosen)
    n = int(labels.groupby(["task", "arm"]).size().max()) if len(labels) else 1
    if n < 2:
        return "Each line is one cell."
    return (
        f"Each line is the median of up to {count(n, 'cell')}, the seeds of the selected settings; the band "
        "reaches from the lowest to the highest of them and is no confidence interval."
    )


def interaction_text(report: Report) -> str:
    """The two factors of the interaction plot, for its caption."""
    metrics = report.table("metrics")
    contrast, other = (None, None) if metrics is None else interaction_factors(report, metrics)
    if contrast is None or other is None:
        return "Test AUC of the cells by two factors"
    return f"Test AUC of the cells by {factor_name(contrast).lower()} and {factor_name(other).lower()}"


def conf_level(report: Report) -> float:
    """One minus the level of the plan."""
    return 1.0 - float(report.study.get("analysis", {}).get("alpha", 0.05))


def _missing(report: Report, what: str) -> Markdown:
    return Markdown(missing_text(report, what))
