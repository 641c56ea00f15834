"""The analysis plan of a study file as the referee reads it."""

from __future__ import annotations

from stats.referee.subject import PlannedTest
from study.config import AnalysisPlan
from study.config.analysis import CONTRAST_KINDS, SELECTED_KINDS

_CELL_KINDS = ("wilcoxon", "permutation")


def planned_tests(plan: AnalysisPlan) -> tuple[PlannedTest, ...]:
    """Return one test per entry of the plan."""
    tests = [_contrast_test(kind, entry) for kind in CONTRAST_KINDS for entry in getattr(plan, kind)]
    tests += [
        PlannedTest(kind="pairs", by_patient=entry.group is not None, adjust=entry.adjust)
        for entry in plan.pairs
    ]
    return (*tests, *(PlannedTest(kind="mixed", formula=entry.formula) for entry in plan.mixed))


def _contrast_test(kind: str, entry: object) -> PlannedTest:
    over_images = kind in (*SELECTED_KINDS, "recipe", "winner")
    return PlannedTest(
        kind=kind,
        contrast=getattr(entry, "contrast", None),
        value=getattr(entry, "value", None) if kind in _CELL_KINDS else None,
        select=getattr(entry, "select", None),
        by_patient=over_images and getattr(entry, "group", None) is not None,
        paired=kind == "permutation" or bool(getattr(entry, "paired", False)),
        adjust=getattr(entry, "adjust", None),
    )
