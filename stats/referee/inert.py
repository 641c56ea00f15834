"""Inert factors: labels that differ where the models, or their predictions, do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from stats.findings import Finding
from stats.grids.level_gaps import FEW_PAIRS, LevelGap, level_gaps
from stats.grids.run_noise import RunNoise, paired_run_noise
from stats.levels import level_names
from stats.referee.subject import RUN_COLUMNS, Repeat, Subject

MARGIN = 0.01  # of AUC: a factor that moves the mean by less is not told from one that does nothing
VALUE = "test_auc"
_WHY = (
    "Cells that differ in such a factor are repeats: their differences are noise, which a reader takes for "
    "its effect, and a test over cells counts them as independent evidence."
)


def inert_findings(subject: Subject) -> Iterator[Finding]:
    """Factors known not to act, equal predictions, repeated levels, and levels that behave as repeats."""
    for repeat in subject.repeats:
        yield {"inert": _inert, "equal": _equal, "levels": _levels}[repeat.kind](subject, repeat)
    yield from _like_repeats(subject)


def inert_noise(subject: Subject, repeat: Repeat, task: str | None = None) -> RunNoise | None:
    """Spread of the pairs that an inert factor with two levels makes, as far as they have a test AUC."""
    cells = inert_cells(subject, repeat)
    if cells is None or len(repeat.factors) != 1:
        return None
    if task is not None:
        cells = cells[cells["task"] == task]
    pairs = _pairs(subject, cells, repeat.factors[0])
    return None if pairs is None else paired_run_noise(pairs.iloc[:, -1], pairs.iloc[:, 0])


def inert_cells(subject: Subject, repeat: Repeat) -> pd.DataFrame | None:
    """The measured cells in which the factor does nothing."""
    if subject.metrics is None:
        return None
    cells = subject.metrics
    for column, levels in repeat.within.items():
        cells = cells[level_names(cells[column]).isin(levels)]
    return cells


def _pairs(subject: Subject, cells: pd.DataFrame, factor: str) -> pd.DataFrame | None:
    from stats.grids.level_gaps import matched_levels

    table = matched_levels(cells, factor, _others(subject, cells, factor), VALUE).dropna()
    return table if table.shape[1] == 2 and len(table) > 1 else None


def _others(subject: Subject, cells: pd.DataFrame, factor: str) -> list[str]:
    names = [*(name for name in RUN_COLUMNS if name in cells), *subject.factors]
    return [name for name in names if name != factor and cells[name].nunique() > 1]


def _inert(subject: Subject, repeat: Repeat) -> Finding:
    factors = ", ".join(repeat.factors)
    where = "; ".join(f"{column} {' and '.join(levels)}" for column, levels in repeat.within.items())
    noise = inert_noise(subject, repeat)
    evidence, told = repeat.rows, ""
    if noise is not None:
        shown = [(None, noise)] + [(t, inert_noise(subject, repeat, t)) for t in subject.task_names()]
        evidence = tuple(
            {
                "task": task or "all",
                "pairs": n.n_sets,
                "sd_of_a_run": n.std_dev,
                "conf_low": n.conf_low,
                "conf_high": n.conf_high,
                "largest_gap": n.largest_gap,
            }
            for task, n in shown
            if n is not None
        )
        told = (
            f" The grid so holds {noise.n_sets} pairs of repeats; the standard deviation of the test AUC "
            f"of a "
            f"run is {noise.std_dev:.4f}, the largest gap {noise.largest_gap:.3f}."
        )
    return Finding(
        code="inert-factor",
        severity="error",
        where=where,
        sentence=f"{repeat.text.rstrip('.')}.{told}",
        evidence=evidence,
        why=_WHY,
        sources=("hurlbert1984", "bouthillier2021"),
        do=f"Report these cells as repeats and their spread as run-to-run noise, or let `{factors}` act and "
        "train them again; draw no conclusion on its levels.",
    )


def _equal(subject: Subject, repeat: Repeat) -> Finding:
    n = repeat.n_sets
    return Finding(
        code="equal-predictions",
        severity="error",
        where=", ".join(repeat.factors),
        sentence=f"{n} {'set' if n == 1 else 'sets'} of cells with different "
        f"{' and '.join(repeat.factors) or 'ids'} {'has' if n == 1 else 'have'} the same score for every "
        "image, bit by bit.",
        evidence=repeat.rows,
        why=f"Training with other settings never gives the same bits: the setting was not passed on, or "
        f"a file "
        f"was copied. {_WHY}",
        sources=("hurlbert1984",),
        do="Check that the setting reaches the model, then train these cells again.",
    )


def _levels(subject: Subject, repeat: Repeat) -> Finding:
    return Finding(
        code="repeated-levels",
        severity="note",
        where=", ".join(repeat.factors),
        sentence=f"{repeat.text.rstrip('.')}.",
        evidence=repeat.rows,
        why=_WHY,
        sources=("hurlbert1984",),
        do="Read the difference of these levels as run-to-run noise, or keep one of them.",
    )


def _like_repeats(subject: Subject) -> Iterator[Finding]:
    """Factors whose levels are shown to lie within MARGIN of each other on average."""
    metrics = subject.metrics
    if metrics is None or subject.n_folds > 1:
        return
    known = {name for repeat in subject.repeats for name in repeat.factors}
    for factor in subject.factors:
        if factor in known or metrics[factor].nunique() < 2:
            continue
        cells = metrics[np.isfinite(metrics[VALUE].astype(float))]
        gaps = _gaps(subject, cells, factor)
        near = [gap for gap in gaps if gap.within(MARGIN)]
        if near and len(near) == len(gaps):
            yield _like_repeat(factor, near)


def _gaps(subject: Subject, cells: pd.DataFrame, factor: str) -> list[LevelGap]:
    try:
        return level_gaps(cells, factor, _others(subject, cells, factor), VALUE)
    except ValueError:  # cells that nothing tells apart: other findings speak of them
        return []


def _like_repeat(factor: str, gaps: list[LevelGap]) -> Finding:
    worst = max(max(abs(gap.conf_low), abs(gap.conf_high)) for gap in gaps)
    return Finding(
        code="acts-like-repeats",
        severity="note",
        where=factor,
        sentence=f"`{factor}` moves the mean test AUC of matched cells by less than {MARGIN:g} "
        f"(at most {worst:.4f} with 95 % confidence either way).",
        evidence=tuple(
            {
                "level_a": gap.high,
                "level_b": gap.low,
                "pairs": gap.noise.n_sets,
                "mean": gap.mean_difference,
                "conf_low": gap.conf_low,
                "conf_high": gap.conf_high,
                "sd_of_a_run": gap.noise.std_dev,
            }
            for gap in gaps
        ),
        why="Its levels may be worth nothing, or the setting may not reach the model; its pairs then show "
        f"run-to-run noise. ({FEW_PAIRS} matched pairs or more; two one-sided tests.)",
        sources=("hurlbert1984",),
        do="Check that the setting acts; name no best level from these cells.",
    )
