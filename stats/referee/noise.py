"""Noise against effect: what runs of the same settings differ by, beside the differences that are claimed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from stats.findings import Finding
from stats.grids.run_noise import RunNoise, run_noise
from stats.grids.seeds_needed import seeds_needed
from stats.referee.inert import VALUE, inert_noise
from stats.referee.subject import IMAGE_TESTS, Subject, setting_keys
from stats.results import records

Z = 1.959963984540054
AUC_METRICS = ("auc", "test_auc")
_SINGLE = ("delong", "margin")
_SHOWN = ("delong", "margin", "wilcoxon", "permutation", "contrast")


def noise_findings(subject: Subject) -> Iterator[Finding]:
    """Seeds, run-to-run noise, claimed differences beside it, and comparisons of single runs."""
    noise = known_noise(subject)
    if subject.n_seeds < 2:
        yield _no_seeds(subject, bool(noise))
    if noise:
        claims = claimed_differences(subject, noise)
        yield _run_noise(subject, noise)
        if claims:
            yield _beside_noise(claims)
        within = [row for row in claims if row["single_runs"] and row["within_noise"]]
        if within:
            yield _within_noise(subject, within)
    yield from _single_runs(subject)


def known_noise(subject: Subject) -> dict[str, RunNoise]:
    """Standard deviation of a run by task, and of all under "all": from seeds, else from inert factors."""
    if subject.metrics is None:
        return {}
    found = {
        name: _noise(subject, None if name == "all" else name) for name in ("all", *subject.task_names())
    }
    return {name: noise for name, noise in found.items() if noise is not None}


def _noise(subject: Subject, task: str | None) -> RunNoise | None:
    cells = subject.metrics
    assert cells is not None
    cells = cells if task is None else cells[cells["task"] == task]
    cells = cells[cells[VALUE].notna()]
    if subject.n_seeds > 1 and len(cells):
        keys = setting_keys(cells, subject.factors)
        if len(set(keys)) < len(keys):
            return run_noise(cells[VALUE], keys)
    inert = [repeat for repeat in subject.repeats if repeat.kind == "inert"]
    return next((n for repeat in inert if (n := inert_noise(subject, repeat, task)) is not None), None)


def claimed_differences(subject: Subject, noise: dict[str, RunNoise]) -> list[dict[str, Any]]:
    """Every claimed difference of AUCs beside the spread of the difference of two runs of one setting."""
    rows = [] if subject.comparisons is None else records(subject.comparisons)
    claims = [
        (row["comparison"], row["task"], row["estimate"], row["p_value"], row["analysis"])
        for row in rows
        if row["analysis"] in _SHOWN and row["metric"] in AUC_METRICS and np.isfinite(row["estimate"])
    ]
    for formula, fit in subject.fits.items():
        from stats.lmm.contest import fixed_effects

        if fit.design.formula.response == VALUE:
            effects = fixed_effects(fit)
            terms = zip(fit.names, fit.beta.tolist(), effects.p_value.tolist(), strict=True)
            claims += [(f"{term}, {formula}", None, b, p, "mixed") for term, b, p in terms if "[" in term]
    return [_beside(claim, noise) for claim in claims]


def _beside(claim: tuple[Any, ...], noise: dict[str, RunNoise]) -> dict[str, Any]:
    name, task, estimate, p_value, analysis = claim
    own = noise.get(task, noise["all"]) if isinstance(task, str) else noise["all"]
    spread = own.difference_std_dev
    return {
        "claim": name,
        "task": task if isinstance(task, str) else "all",
        "analysis": analysis,
        "difference": float(estimate),
        "p_value": float(p_value),
        "sd_of_a_run": own.std_dev,
        "sd_of_a_difference": spread,
        "single_runs": analysis in _SINGLE,
        "within_noise": bool(abs(estimate) < Z * spread),
        "seeds_per_arm": seeds_needed(estimate, own.std_dev) if estimate != 0 and own.std_dev > 0 else None,
    }


def _no_seeds(subject: Subject, known: bool) -> Finding:
    folds = f" (in {subject.n_folds} folds, whose images differ)" if subject.n_folds > 1 else ""
    return Finding(
        code="no-seeds",
        severity="warning",
        sentence=f"Every setting was trained once{folds}: no seed is repeated."
        if subject.kind != "study"
        else f"Every setting is trained once{folds}: the study has one seed.",
        evidence=({"seeds": subject.n_seeds, "cells": len(subject.cells)},),
        why="Another seed gives another model. Without repeats a difference of two cells cannot be told from "
        "the noise of training"
        + (", which is known here from unintended repeats alone." if known else ", which stays unknown."),
        sources=("bouthillier2021",),
        do="Train each setting that is compared with several seeds, and compare the means over seeds "
        "(`seeds = [0, 1, 2, 3, 4]` and [[analysis.recipe]]).",
    )


def _run_noise(subject: Subject, noise: dict[str, RunNoise]) -> Finding:
    source = "seeds of one setting" if subject.n_seeds > 1 else "runs that differ in an inert factor alone"
    own = noise["all"]
    rows = [
        {
            "task": name,
            "sd_of_a_run": n.std_dev,
            "conf_low": n.conf_low,
            "conf_high": n.conf_high,
            "df": n.df,
            "largest_gap": n.largest_gap,
        }
        for name, n in noise.items()
    ]
    return Finding(
        code="run-noise",
        severity="note",
        sentence=f"The test AUC of a run has a standard deviation of {own.std_dev:.4f} "
        f"({own.conf_low:.4f} to {own.conf_high:.4f}) between {source}.",
        evidence=tuple(rows),
        why="This noise comes on top of the sampling error of the test images, which is all that the "
        "tests of "
        "two trained models know of. It is taken as the same for all settings.",
        sources=("bouthillier2021",),
        do="Give it beside every difference; the evidence of `gap-within-noise` says how many seeds each "
        "needs.",
    )


def _beside_noise(rows: list[dict[str, Any]]) -> Finding:
    small = min(rows, key=lambda row: abs(row["difference"]) / row["sd_of_a_difference"])
    seeds = small["seeds_per_arm"]
    needed = "" if seeds is None else f"; two single settings that differ by this need about {seeds} "
    "seeds each"
    return Finding(
        code="differences-beside-noise",
        severity="note",
        sentence=f"{len(rows)} claimed differences of AUCs stand beside the standard deviation of the "
        f"difference "
        f"of two runs; the smallest in its units is {small['difference']:+.4f} beside "
        f"{small['sd_of_a_difference']:.4f} ({small['claim']}){needed}.",
        evidence=tuple(rows),
        why="A mean over many cells can be known better than one run, but what it says of a single "
        "training is "
        "not: there the noise of a run decides. (Seeds: two-sided t test, 80 % power, fixed test images.)",
        sources=("bouthillier2021",),
        do="Read each difference against the noise of a run before a setting is recommended.",
    )


def _within_noise(subject: Subject, rows: list[dict[str, Any]]) -> Finding:
    n = len(rows)
    worst = min(rows, key=lambda row: abs(row["difference"]) / row["sd_of_a_difference"])
    seeds = worst["seeds_per_arm"]
    needed = "" if seeds is None else f" Telling it from that noise takes about {seeds} seeds per arm."
    return Finding(
        code="gap-within-noise",
        severity="warning",
        where=", ".join(dict.fromkeys(str(row["task"]) for row in rows)),
        sentence=f"{n} {'difference' if n == 1 else 'differences'} of two single models "
        f"{'lies' if n == 1 else 'lie'} within what two runs of the same settings differ by "
        f"(1.96 standard deviations of a difference): {worst['claim']}, task {worst['task']}, "
        f"{worst['difference']:+.4f}, where that is {Z * worst['sd_of_a_difference']:.4f}.{needed}",
        evidence=tuple(rows),
        why="Another seed of the same settings could turn the sign. A small p-value of the test on "
        "images does "
        "not speak against that: it takes both models as given.",
        sources=("bouthillier2021",),
        do="Train both arms with several seeds and compare the recipes ([[analysis.recipe]]).",
    )


def _single_runs(subject: Subject) -> Iterator[Finding]:
    recipes = set(subject.contrasts("recipe")) if subject.n_seeds > 1 else set()
    alone = [name for name in subject.contrasts(*IMAGE_TESTS) if name not in recipes]
    if alone:
        kinds = {name: [t.kind for t in subject.tests(*IMAGE_TESTS) if t.contrast == name] for name in alone}
        yield Finding(
            code="single-runs",
            severity="warning",
            where=", ".join(alone),
            sentence=f"The comparison of {', '.join(f'`{name}`' for name in alone)} on test images "
            f"compares one "
            "trained model per arm: fixed models, not ways of training.",
            evidence=tuple({"contrast": k, "tests": ", ".join(dict.fromkeys(v))} for k, v in kinds.items()),
            why="DeLong's and McNemar's tests generalise to new images for these two models. A "
            "conclusion on the "
            "factor itself needs other runs of both arms.",
            sources=("bouthillier2021", "delong1988"),
            do="Say so in the text, or add seeds and [[analysis.recipe]] for the same contrast.",
        )


def cells_text(cells: pd.DataFrame, factors: tuple[str, ...]) -> list[dict[str, Any]]:
    """Task, seed and factors of some cells, as evidence; columns that none of them has are left out."""
    names = [name for name in ("cell_id", "task", "seed", "fold", *factors) if name in cells]
    names = [name for name in names if cells[name].notna().any()]
    return [
        {key: (None if pd.isna(value) else value) for key, value in row.items()}
        for row in records(cells[names])
    ]
