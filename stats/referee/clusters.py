"""Clusters that a test ignores: several images of one patient taken as independent."""

from __future__ import annotations

from collections.abc import Iterator

from stats.findings import Finding
from stats.referee.subject import IMAGE_TESTS, PlannedTest, Subject, TaskFacts

_BY_PATIENT = (*IMAGE_TESTS, "recipe", "winner", "pairs")
WORTH_A_WORD = 1.1  # design effect: standard errors 5 % too small


def cluster_findings(subject: Subject) -> Iterator[Finding]:
    """Tests on images that leave patients out of account, with the design effect of the chosen models."""
    tests = [test for test in subject.tests(*_BY_PATIENT) if not test.by_patient]
    for facts in subject.tasks:
        n, patients = facts.n_test, facts.n_test_patients
        if tests and n is not None and patients is not None and patients < n:
            yield _ignored(facts, tests, n, patients)


def _ignored(facts: TaskFacts, tests: list[PlannedTest], n: int, patients: int) -> Finding:
    named = ", ".join(
        dict.fromkeys(f"{test.kind} ({test.contrast})" if test.contrast else test.kind for test in tests)
    )
    effects = [float(row["design_effect"]) for row in facts.design_effects]
    largest = max(effects, default=float("nan"))
    told = (
        f"; the variance of an AUC by patient is up to {largest:.2f} times that by image" if effects else ""
    )
    return Finding(
        code="ignored-clusters",
        severity="warning" if not effects or largest > WORTH_A_WORD else "note",
        where=facts.task,
        sentence=f"Task {facts.task}: {n} test images come from {patients} patients or exams, which {named} "
        f"{'leaves' if len(tests) == 1 else 'leave'} out of account{told}.",
        evidence=facts.design_effects or ({"task": facts.task, "images": n, "patients": patients},),
        why="Images of one patient are no independent evidence; where the design effect is above 1, standard "
        "errors are too small by its square root.",
        sources=("obuchowski1997",),
        do='Set group = "patient" in these entries of the plan.',
    )
