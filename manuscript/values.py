"""The numbers of the prose: each picked from one row of a table by keys, formatted once."""

from __future__ import annotations

from dataclasses import dataclass

from IPython.display import Markdown

from manuscript.floats_figures import band_text, conf_level, interaction_text
from manuscript.grid import level_order
from manuscript.load import Report
from manuscript.origin import store_name
from manuscript.pick import pick_row
from manuscript.selected import main_selection
from manuscript.text import MISSING, auc, count, estimate, join_words, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the article's inline code shows."""

    cells_done: str
    spread: Markdown
    best: Markdown
    interval_name: str
    roc_bands: Markdown
    singular: Markdown
    level: str
    interaction: str
    bands: str


def values(report: Report) -> Values:
    """All inline values of the article.

    Raises
    ------
    ValueError : a row that a number is picked from is missing or doubled
    """
    return Values(
        cells_done=count(len(report.done), "cell"),
        spread=Markdown(_spread(report)),
        best=Markdown(_best(report)),
        interval_name=_interval_name(report),
        roc_bands=Markdown(_roc_bands(report)),
        singular=Markdown(_singular(report)),
        level=percent(conf_level(report)),
        interaction=interaction_text(report),
        bands=band_text(report),
    )


def _spread(report: Report) -> str:
    """Range and median of the test AUC per task."""
    metrics = report.table("metrics")
    if metrics is None:
        return "The cells have not been analysed yet."
    parts = []
    for task in level_order(report.study, "task", metrics["task"]):
        scores = metrics.loc[metrics["task"] == task, "test_auc"].dropna()
        if scores.empty:
            parts.append(f"for task *{task}* no cell has a test AUC")
            continue
        parts.append(
            f"for task *{task}* the test AUC of the cells lies between {auc(scores.min())} and "
            f"{auc(scores.max())} (median {auc(scores.median())})"
        )
    text = join_words(parts)
    return f"{text[0].upper()}{text[1:]}.{_collapsed(report)}"


def _collapsed(report: Report) -> str:
    metrics = report.table("metrics")
    if metrics is None or "collapsed" not in metrics.columns:
        return ""
    n = int(metrics["collapsed"].fillna(False).astype(bool).sum())
    verb = "predicts" if n == 1 else "predict"
    return f" {count(n, 'cell').capitalize()} {verb} one class for every test image." if n else ""


def _best(report: Report) -> str:
    """The test AUC of the selected cell of each arm and task."""
    chosen = main_selection(report)
    if chosen is None:
        return "No models were selected in this report."
    sentences = []
    for task in dict.fromkeys(chosen["task"]):
        arms = list(chosen.loc[chosen["task"] == task, "arm"])
        shown = []
        for arm in arms:
            row = pick_row(chosen, task=task, arm=arm)
            value = estimate(row["test_auc"], row["test_auc_low"], row["test_auc_high"])
            shown.append(f"{'an undefined value' if value == MISSING else value} for {arm}")
        folded = "n_folds" in chosen and (chosen.loc[chosen["task"] == task, "n_folds"] > 1).any()
        mean = "mean test AUC over folds" if folded else "test AUC"
        sentences.append(f"For task *{task}* the selected cells reach a {mean} of {join_words(shown)}.")
    return " ".join(sentences)


def _interval_name(report: Report) -> str:
    """`the 95 % interval (DeLong variance, wald interval)`: level of the plan, method of the analysis."""
    rows = report.analysis("delong")
    if rows is None:
        return "the interval of the analysis plan"
    levels = rows["conf_level"].dropna().unique()
    name = f"the {100 * levels[0]:g} % interval" if len(levels) == 1 else "the interval named in the table"
    chosen = main_selection(report)
    methods = [] if chosen is None or "test_auc_method" not in chosen else chosen["test_auc_method"].dropna()
    shown = join_words([str(method).partition(",")[0] for method in dict.fromkeys(methods)])
    return f"{name} ({shown})" if shown else name


def _roc_bands(report: Report) -> str:
    """Whether the ROC curves have their planned bands, to follow their caption."""
    if report.table("roc_bands") is not None:
        return ", with simultaneous bands"
    planned = [
        entry.get("band", "auto") != "none" for entry in report.study.get("analysis", {}).get("roc", [])
    ]
    if not any(planned) or report.table("roc") is None:
        return ""
    if report.tables.get("roc_bands") is None:
        lacking = f"which are not among the results: run `study stats {store_name(report)}`"
        return f", without their planned bands, {lacking}"
    return ", without bands"


def _singular(report: Report) -> str:
    """What a reader must know about the fits."""
    models = report.table("mixed_models")
    if models is None:
        return ""
    fitted = models[models["criterion"].notna()]
    counts = {
        "could not be fitted": len(models) - len(fitted),
        "did not converge": int((~fitted["converged"].astype(bool)).sum()),
        "estimated at least one variance as zero": int(fitted["singular"].astype(bool).sum()),
    }
    troubles = [f"{n} {trouble}" for trouble, n in counts.items() if n]
    if not troubles:
        return "Every mixed model converged, with all variances above zero."
    return f"Of {count(len(models), 'mixed model')}, {join_words(troubles)}."
