"""Leakage: test images that are no new ones, and a test set that was looked at before."""

from __future__ import annotations

from collections.abc import Iterator

from stats.findings import Finding
from stats.referee.subject import CELL_TESTS, IMAGE_TESTS, Leak, Subject, TaskFacts

_WHAT = {
    "patient": "an image of the same patient or exam",
    "copy": "a copy of the same picture",
    "image": "themselves",
}
_SOURCES = ("kapoor2023",)


def leakage_findings(subject: Subject) -> Iterator[Finding]:
    """Patients, copies and images on both sides of a split, copies within the test set, its repeated use."""
    for facts in subject.tasks:
        for leak in facts.leaks:
            yield _trained(facts, leak) if leak.part == "train" else _within_test(facts, leak)
        if (
            facts.split_by == "image"
            and facts.n_test_patients is None
            and not any(leak.kind == "patient" for leak in facts.leaks)
        ):
            yield _split_by_image(subject, facts)
    if used := _reused(subject):
        yield used


def _trained(facts: TaskFacts, leak: Leak) -> Finding:
    share = (
        f"{leak.share:.0%} of the test images"
        if leak.n is None
        else f"{leak.n} of {facts.n_test} test images"
    )
    verb = "are expected to have" if leak.expected else "have"
    told = (
        f"{share} were trained on themselves."
        if leak.kind == "image"
        else f"{share} {verb} {_WHAT[leak.kind]} in training"
        + (": single images were drawn, not patients." if leak.expected else ".")
    )
    fix = {
        "patient": 'Split by patient or exam (split group = "patient") and train again.',
        "copy": 'Keep copies together or drop them (duplicates = "group" or "drop") and train again.',
        "image": "Draw the split anew, check that every image lies in one part, and train again.",
    }
    return Finding(
        code={"patient": "leak-patients", "copy": "leak-copies", "image": "leak-images"}[leak.kind],
        severity="error",
        where=facts.task,
        sentence=f"Task {facts.task}: {told}",
        evidence=leak.rows or ({"task": facts.task, "share": leak.share},),
        why="What is learned from an image, its copy or its patient is tested on the same one: test "
        "results are "
        "too good, and not for all arms alike.",
        sources=_SOURCES,
        do=fix[leak.kind],
    )


def _within_test(facts: TaskFacts, leak: Leak) -> Finding:
    return Finding(
        code="copies-in-test",
        severity="warning",
        where=facts.task,
        sentence=f"Task {facts.task}: {leak.n} of {facts.n_test} test images show a picture that another "
        f"test "
        "image shows too.",
        evidence=leak.rows or ({"task": facts.task, "share": leak.share},),
        why="They count as independent images: intervals are too narrow.",
        sources=_SOURCES,
        do='Keep one image of each picture (duplicates = "drop").',
    )


def _split_by_image(subject: Subject, facts: TaskFacts) -> Finding:
    ahead = subject.kind == "study"
    return Finding(
        code="split-by-image" if ahead else "unknown-patients",
        severity="warning" if ahead else "note",
        where=facts.task,
        sentence=f"Task {facts.task} is split by image: images of a patient with several may lie in "
        f"several parts."
        if ahead
        else f"Task {facts.task}: patients are not known, so images of one may lie on both sides of the "
        f"split and "
        "count as independent.",
        evidence=({"task": facts.task, "split_by": facts.split_by},),
        why="Images of one patient resemble each other; a test on the images of a patient that was "
        "trained on "
        "is no test on new patients.",
        sources=_SOURCES,
        do='Take group = "patient" in the split wherever the data set has ids of patients or exams.'
        if ahead
        else "Say so as a limit of the study; copies that were found hint at shared patients.",
    )


def _reused(subject: Subject) -> Finding | None:
    """Tests over the cells' test metric beside tests of chosen cells on the same images."""
    over_cells = [
        test
        for test in subject.tests(*CELL_TESTS)
        if str(test.value or (test.formula or "").partition("~")[0].strip()).startswith("test_")
    ]
    on_images = subject.tests(*IMAGE_TESTS)
    if not over_cells or not on_images:
        return None
    shown = [{"test": t.kind, "response": t.value or t.formula or ""} for t in over_cells]
    return Finding(
        code="test-set-reused",
        severity="note" if subject.planned else "warning",
        sentence=f"The test metric of all {len(subject.cells)} cells is analysed ({len(over_cells)} "
        f"tests over "
        "cells), and the same test images then judge the chosen models"
        + (", both fixed in the plan." if subject.planned else ", with no plan fixed beforehand."),
        evidence=tuple(shown),
        why="All cells of a task share the sampling error of one test set, so its results over cells and its "
        "final comparison are one piece of evidence, not two. Choices made after looking at it are "
        "optimistic.",
        sources=("varma2006", "kapoor2023"),
        do="Analyse validation metrics over cells, or keep a second test set for the final comparison.",
    )
