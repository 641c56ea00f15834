"""Models that predict one class, areas that cannot be trusted, and metrics that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from stats.findings import Finding
from stats.levels import level_names
from stats.power.variance import auc_variance
from stats.referee.noise import cells_text
from stats.referee.subject import Subject

RANKS_WELL = 0.75  # AUC from which a model that calls all images alike has a threshold that is wrong
MANY = 0.2  # share of collapsed cells of an arm
RARE = 0.001  # p of Fisher's test that the arms collapse alike
_Z_INVERTED = 4.0  # standard errors below 1/2; some of many cells exceed two by chance
EXACT = 1e-12


def collapse_findings(subject: Subject) -> Iterator[Finding]:
    """Findings on the done cells; none before training."""
    if subject.metrics is None:
        return
    metrics = subject.metrics
    collapsed = metrics[metrics["collapsed"].astype(bool)]
    if len(collapsed):
        yield from _collapsed(subject, metrics, collapsed)
    yield from _chosen(subject)
    yield from _areas(subject, metrics)
    yield from _contradictions(subject, metrics)


def _collapsed(subject: Subject, metrics: pd.DataFrame, collapsed: pd.DataFrame) -> Iterator[Finding]:
    uneven = _uneven(subject, metrics)
    n = len(collapsed)
    where = f" All of them have {uneven[2]}." if uneven is not None and uneven[2] else ""
    verb = "predicts" if n == 1 else "predict"
    yield Finding(
        code="collapsed-cells",
        severity="warning" if uneven is None else "error",
        where="" if uneven is None else uneven[0],
        sentence=f"{n} of {len(metrics)} cells {verb} one class for every test image."
        + ("" if uneven is None else f"{where} The arms of `{uneven[0]}` collapse unequally: {uneven[1]}."),
        evidence=tuple(cells_text(collapsed, subject.factors)),
        why="Their accuracy is the share of a class and their F1 says nothing of images. "
        + (
            "A comparison over cells mixes them with models that work."
            if uneven is None
            else "A comparison of these arms is one of failed trainings, not of what the arms are worth."
        ),
        sources=("maierhein2024",),
        do="Look at their learning curves; train them again with other settings, or choose thresholds on "
        "validation, or leave them out of tests over cells with the reason.",
    )


def _uneven(subject: Subject, metrics: pd.DataFrame) -> tuple[str, str, str] | None:
    """Contrast whose arms collapse unequally, the counts in words, what all collapsed cells share."""
    fallen = metrics["collapsed"].to_numpy(dtype=bool)
    for contrast in subject.compared:
        named = level_names(metrics[contrast])
        counts = {
            level: (int(fallen[(named == level).to_numpy(dtype=bool)].sum()), int((named == level).sum()))
            for level in dict.fromkeys(named.dropna())
        }
        worst = max(counts, key=lambda level: counts[level][0] / counts[level][1])
        bad, size = counts[worst]
        others = [sum(values) for values in zip(*(v for k, v in counts.items() if k != worst), strict=True)]
        if not others or bad / size < MANY:
            continue
        table = [[bad, size - bad], [others[0], others[1] - others[0]]]
        if fisher_exact(table).pvalue < RARE:
            words = ", ".join(f"{b} of {m} with {level}" for level, (b, m) in sorted(counts.items()))
            return contrast, words, _shared(metrics[fallen], subject.factors)
    return None


def _shared(cells: pd.DataFrame, factors: tuple[str, ...]) -> str:
    same = {name: level_names(cells[name]).dropna().unique() for name in factors}
    return " and ".join(f"{name} {levels[0]}" for name, levels in same.items() if len(levels) == 1)


def _chosen(subject: Subject) -> Iterator[Finding]:
    selected = subject.selected
    if selected is None or "collapsed_in" not in selected:
        return
    bad = selected[selected["collapsed_in"].notna()]
    if bad.empty:
        return
    names = ("task", "contrast", "arm", "cell_id", "val_auc", "collapsed_in")
    yield Finding(
        code="collapsed-choice",
        severity="error",
        where=", ".join(dict.fromkeys(bad["task"].astype(str))),
        sentence=f"{len(bad)} of the {len(selected)} chosen models predict one class for all validation "
        f"or test "
        "images.",
        evidence=tuple({name: row[name] for name in names} for row in bad.to_dict("records")),
        why="Tests of such a model at threshold 0.5 (McNemar, accuracy) compare a constant with a "
        "classifier.",
        sources=("maierhein2024",),
        do="Choose thresholds on validation ([[analysis.threshold]]), and say that these models are "
        "uncalibrated.",
    )


def _areas(subject: Subject, metrics: pd.DataFrame) -> Iterator[Finding]:
    value = metrics["test_auc"].astype(float)
    constant = metrics[metrics["constant"].astype(bool)] if "constant" in metrics else metrics.iloc[:0]
    shown = (*subject.factors, "test_auc")
    if len(constant):
        yield Finding(
            code="constant-scores",
            severity="error",
            sentence=f"{len(constant)} of {len(metrics)} cells give every test image the same score.",
            evidence=tuple(cells_text(constant, shown)),
            why="Such a cell was not trained, or its training broke down; it is no level of performance.",
            sources=("hanley1982",),
            do="Look at its learning curve and train it again.",
        )
    edges = metrics[[any(abs(x - edge) < EXACT for edge in (0.0, 0.5, 1.0)) for x in value]]
    edges = edges.drop(index=constant.index, errors="ignore")
    if len(edges):
        yield _degenerate(metrics, edges, shown)
    below = metrics[_inverted(subject, metrics, value)]
    if len(below):
        yield Finding(
            code="inverted-scores",
            severity="warning",
            sentence=f"{len(below)} of {len(metrics)} cells rank test images the wrong way round (AUC "
            f"more than "
            f"{_Z_INVERTED:g} standard errors below 0.5).",
            evidence=tuple(cells_text(below, shown)),
            why="Chance does not do this: the labels or the columns of the scores are swapped, or the test "
            "images are of another kind.",
            sources=("hanley1982",),
            do="Check which class the score speaks of.",
        )


def _degenerate(metrics: pd.DataFrame, edges: pd.DataFrame, shown: tuple[str, ...]) -> Finding:
    return Finding(
        code="degenerate-auc",
        severity="warning",
        sentence=f"{len(edges)} of {len(metrics)} cells have a test AUC of exactly 0, 0.5 or 1.",
        evidence=tuple(cells_text(edges, shown)),
        why="At 0 and 1 DeLong's variance is 0, so that its interval has no width and its test no "
        "meaning, and a "
        "perfect model on few images hints at a leak or a shortcut; exactly 0.5 hints at scores that tell "
        "nothing apart.",
        sources=("delong1988", "hanley1982"),
        do="Look at the scores; at 1 give an interval that keeps its width (logit or exact) and look for "
        "leaks.",
    )


def _inverted(subject: Subject, metrics: pd.DataFrame, value: pd.Series) -> np.ndarray:
    if not {"n_test", "n_test_positive"} <= set(metrics):
        return np.zeros(len(metrics), dtype=bool)
    flags = []
    for auc, n, m in zip(value, metrics["n_test"], metrics["n_test_positive"], strict=True):
        known = np.isfinite(auc) and 0 < m < n and auc < 0.5
        error = float(np.sqrt(auc_variance(0.5, m, n - m, variance="hanley-mcneil"))) if known else np.inf
        flags.append(bool(known and 0.5 - auc > _Z_INVERTED * error))
    return np.array(flags, dtype=bool)


def _contradictions(subject: Subject, metrics: pd.DataFrame) -> Iterator[Finding]:
    good = metrics["test_auc"].astype(float) >= RANKS_WELL
    blind = metrics[good & metrics["collapsed"].astype(bool)]
    if blind.empty:
        return
    shown = (*subject.factors, "test_auc", "test_f1", "test_accuracy")
    yield Finding(
        code="metrics-disagree",
        severity="warning",
        sentence=f"{len(blind)} cells rank the test images well (AUC {RANKS_WELL:g} or more) but call "
        f"all of them "
        "alike at threshold 0.5.",
        evidence=tuple(cells_text(blind, tuple(name for name in shown if name in blind))),
        why="The threshold is wrong, not the model: F1, accuracy and McNemar's test at 0.5 contradict "
        "the AUC.",
        sources=("maierhein2024",),
        do="Choose the threshold on validation ([[analysis.threshold]]) before classes are compared.",
    )
