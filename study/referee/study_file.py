"""A study file before any training: what its design alone shows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from stats.referee.subject import Repeat, Subject, TaskFacts
from study.config import StudyConfig
from study.grid import build_cells
from study.referee.plan import planned_tests
from study.run.knobs import TOLD, find_twins, idle_factors
from study.run.unfreezing import same_level_notes


def study_subject(config: StudyConfig) -> Subject:
    """Return the planned cells and tests of a study; nothing is read but the file."""
    cells = build_cells(config)
    frame = pd.DataFrame([{**cell.columns, "status": "open"} for cell in cells])
    return Subject(
        name=config.name,
        kind="study",
        cells=frame,
        factors=varied_factors(frame),
        plan=planned_tests(config.analysis),
        alpha=config.analysis.alpha,
        tasks=tuple(
            TaskFacts(task=name, split_by="given" if task.split.fixed else task.split.group)
            for name, task in config.tasks.items()
        ),
        repeats=setting_repeats(config),
    )


def varied_factors(cells: pd.DataFrame) -> tuple[str, ...]:
    """Design columns with two levels or more, other than task, seed and fold."""
    from study.analyses.grid_data import varied_columns

    return tuple(name for name in varied_columns(cells) if name not in ("task", "seed", "fold"))


def setting_repeats(config: StudyConfig) -> tuple[Repeat, ...]:
    """Factors that act in no cell, and levels that make the same model and training (needs torch)."""
    twins = [
        Repeat(
            kind="levels" if TOLD.issuperset(twin.factors) else "inert",
            factors=twin.factors,
            text=twin.text,
            n_sets=twin.n_sets,
            rows=tuple(dict(zip(twin.factors, levels, strict=True)) for levels in twin.levels),
        )
        for twin in find_twins(build_cells(config), cuda=None)
        if not {"unfreeze", "unfreeze_count"}.issuperset(twin.factors)
    ]
    return (*level_repeats(config), *twins)


def level_repeats(config: StudyConfig) -> tuple[Repeat, ...]:
    """Factors that act in no cell, and levels of `unfreeze` that train the same layers; needs no torch."""
    cells = build_cells(config)
    idle = [
        Repeat(kind="inert", factors=(text.split("`")[1],), text=text, n_sets=0)
        for text in idle_factors(config, cells)
    ]
    return (*idle, *unfreeze_repeats(same_level_notes(cells)))


def unfreeze_repeats(notes: Sequence[str]) -> tuple[Repeat, ...]:
    """One repeat per sentence on levels of `unfreeze`."""
    return tuple(Repeat(kind="levels", factors=("unfreeze",), text=text, n_sets=1) for text in notes)
