"""Confounded and unbalanced grids: missing cells, factors that others determine, arms that differ in more."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from stats.findings import Finding
from stats.grids.design import Imbalance, design_rank, imbalances
from stats.referee.noise import cells_text
from stats.referee.subject import Subject

CONFOUNDED = 1.0 - 1e-9  # Cramér's V of a factor that tells the arm


def design_findings(subject: Subject) -> Iterator[Finding]:
    """Missing cells, aliased factors, unequal arms."""
    yield from _missing(subject)
    names = [*(["task"] if subject.cells["task"].nunique() > 1 else []), *subject.factors]
    yield from _aliased(subject, names)
    for contrast in subject.compared:
        yield from _unequal(subject, contrast, names)


def _missing(subject: Subject) -> Iterator[Finding]:
    if subject.kind == "study" or "status" not in subject.cells:
        return
    gone = subject.cells[subject.cells["status"] != "done"]
    if gone.empty:
        return
    failed = int((gone["status"] == "failed").sum())
    yield Finding(
        code="missing-cells",
        severity="warning",
        sentence=f"{len(gone)} of {len(subject.cells)} planned cells have no result ({failed} failed, "
        f"{len(gone) - failed} not run).",
        evidence=tuple(cells_text(gone, (*subject.factors, "status"))),
        why="Cells rarely fail at random: those that are left favour the arms that train easily.",
        sources=("collins2024",),
        do="Run them (`study run-grid` goes on where it stopped), or report them as failures of their arm.",
    )


def _aliased(subject: Subject, names: list[str]) -> Iterator[Finding]:
    rank = design_rank(subject.cells, names)
    if not rank.aliased:
        return
    compared = [name for name in rank.aliased if name in subject.compared]
    yield Finding(
        code="aliased-factors",
        severity="error" if compared else "warning",
        where=", ".join(rank.aliased),
        sentence=f"{_and([f'`{name}`' for name in rank.aliased])} cannot be told apart: the grid has "
        f"{rank.columns} main effects but rank {rank.rank}.",
        evidence=({"columns": rank.columns, "rank": rank.rank, "aliased": ", ".join(rank.aliased)},),
        why="Where one factor changes, another changes with it: an effect of either may be that of the "
        "other.",
        sources=("hurlbert1984",),
        do="Add the missing combinations to the grid, or speak of the factors together only.",
    )


def _unequal(subject: Subject, contrast: str, names: list[str]) -> Iterator[Finding]:
    cells = subject.cells
    found = []
    for other in names:
        if other == contrast:
            continue
        used = cells[cells[other].notna()]  # heads without a setting have no level of it: no imbalance
        found += imbalances(used, contrast, [other]) if used[contrast].nunique() > 1 else []
    found = [item for item in found if item.cramers_v < CONFOUNDED]
    if not found:
        return
    yield Finding(
        code="unequal-arms",
        severity="warning",
        where=contrast,
        sentence=f"The arms of `{contrast}` hold other shares of {_and([f'`{i.other}`' for i in found])} "
        f"(largest Cramér's V {max(item.cramers_v for item in found):.2f}).",
        evidence=tuple(row for item in found for row in _counts(item)),
        why="Means over cells, and tests of all cells of one arm against all of the other, then compare "
        "these "
        "settings too; and the arm with more cells has more chances to hold the best one.",
        sources=("dodge2019",),
        do="Compare matched cells only (paired = true), take the factor into a mixed model, or fill the "
        "grid.",
    )


def _counts(item: Imbalance) -> list[dict[str, object]]:
    table: pd.DataFrame = item.counts
    return [
        {"factor": item.other, "level": str(level), "arm": str(arm), "cells": int(table.loc[arm, level])}
        for level in table.columns
        for arm in table.index
    ]


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
