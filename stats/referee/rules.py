"""All rules, in the order in which a report shows findings of equal weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stats.findings import Finding, sorted_findings
from stats.referee.clusters import cluster_findings
from stats.referee.collapse import collapse_findings
from stats.referee.design import design_findings
from stats.referee.grid_tests import grid_test_findings
from stats.referee.inert import inert_findings
from stats.referee.leakage import leakage_findings
from stats.referee.mixed import mixed_findings
from stats.referee.noise import noise_findings
from stats.referee.optimism import optimism_findings
from stats.referee.subject import Subject
from stats.referee.tuning import tuning_findings


def _not_judged(subject: Subject) -> Iterator[Finding]:
    """What the rules had no material for."""
    for reason in subject.not_judged:
        yield Finding(
            code="not-judged",
            severity="warning",
            sentence=f"The comparisons were not judged: {reason}.",
            evidence=({"reason": reason},),
            why="Rules on claimed differences, multiplicity, the chosen models and the size of the test set "
            "need result tables that belong to the cells.",
            do="Analyse the store, then read this report again.",
        )


RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    leakage_findings,
    inert_findings,
    collapse_findings,
    design_findings,
    noise_findings,
    mixed_findings,
    grid_test_findings,
    cluster_findings,
    tuning_findings,
    optimism_findings,
    _not_judged,
)


def referee(subject: Subject) -> tuple[Finding, ...]:
    """Return what all rules find, errors first."""
    return sorted_findings(finding for rule in RULES for finding in rule(subject))
