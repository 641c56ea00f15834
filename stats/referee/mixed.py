"""Mixed models misused: few levels, singular fits, reversed effects, residuals of unequal spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from stats.findings import Finding
from stats.grids.spread import SpreadTest, spread_test
from stats.lmm.checks import FEW_LEVELS, convergence_check
from stats.lmm.contest import fixed_effects
from stats.lmm.diagnostics import residual_frame
from stats.lmm.factors import Factor
from stats.lmm.fit import LmmFit
from stats.lmm.formula import parse_formula
from stats.lmm.reversals import Reversal, reversals
from stats.multiplicity.adjust import adjust_p
from stats.referee.subject import Subject

UNEQUAL = 1.5  # ratio of residual standard deviations that is worth a word
RARE = 0.01  # adjusted p of the test of equal spread


def mixed_findings(subject: Subject) -> Iterator[Finding]:
    """Findings on every planned mixed model, fitted or only written down."""
    formulas = list(dict.fromkeys(str(test.formula) for test in subject.tests("mixed")))
    for i, formula in enumerate(formulas, start=1):
        found = [*_few_levels(subject, formula)]
        if formula in subject.unfitted:
            found.append(_unfitted(formula, subject.unfitted[formula]))
        if formula in subject.fits:
            found += _fit_findings(formula, subject.fits[formula])
        several = f"Model {i}: " if len(formulas) > 1 else ""
        yield from (replace(finding, sentence=several + finding.sentence) for finding in found)


def _few_levels(subject: Subject, formula: str) -> Iterator[Finding]:
    groups = dict.fromkeys(n for part in parse_formula(formula).random for n in part.group)
    counts = {n: int(subject.cells[n].nunique()) for n in groups if n in subject.cells}
    few = {name: n for name, n in counts.items() if 1 < n < FEW_LEVELS}
    if not few:
        return
    told = ", ".join(f"`{name}` ({n})" for name, n in few.items())
    two = [name for name, n in few.items() if n == 2]
    yield Finding(
        code="few-levels",
        severity="warning" if two else "note",
        where=formula,
        sentence=f"Random factors with fewer than {FEW_LEVELS} levels: {told}.",
        evidence=tuple({"factor": name, "levels": n} for name, n in few.items()),
        why="A variance of two or three levels is hardly estimated, and these levels are chosen, no "
        "sample of "
        "possible ones: their spread says nothing of other backbones or tasks. The effects of other factors "
        "suffer little from random intercepts alone, but they are taken as the same in all levels.",
        sources=("oberpriller2022", "gomes2022", "bates2015"),
        do="Make them fixed effects with their interactions; keep random effects for seeds, splits and "
        "images.",
    )


def _unfitted(formula: str, reason: str) -> Finding:
    return Finding(
        code="model-not-fitted",
        severity="warning",
        where=formula,
        sentence=f"The planned model could not be fitted: {reason.rstrip('.')}.",
        evidence=({"formula": formula, "reason": reason},),
        why="What was planned cannot be reported.",
        sources=("bates2015",),
        do="Say so, and take a simpler random part.",
    )


def _fit_findings(formula: str, fit: LmmFit) -> Iterator[Finding]:
    messages = convergence_check(fit).messages
    if messages:
        yield Finding(
            code="not-converged",
            severity="error",
            where=formula,
            sentence=" ".join(messages),
            evidence=tuple({"formula": formula, "message": message} for message in messages),
            why="The numbers of such a fit are not those of the model.",
            sources=("bates2015",),
            do="Simplify the random part, or scale the covariates.",
        )
    if fit.singular:
        yield Finding(
            code="singular-fit",
            severity="warning",
            where=formula,
            sentence=f"Singular fit: {'; '.join(fit.boundary)}.",
            evidence=tuple({"formula": formula, "boundary": text} for text in fit.boundary),
            why="A variance at its lower bound says that the data do not support this random part; tests "
            "that "
            "lean on it are approximate.",
            sources=("bates2015", "oberpriller2022"),
            do="Leave the term out or make the factor fixed, and see whether the conclusion stays.",
        )
    for reversal in reversals(fit):
        yield _reversed(formula, fit, reversal)
    yield from _unequal_spread(formula, fit)


def _reversed(formula: str, fit: LmmFit, found: Reversal) -> Finding:
    effects = fixed_effects(fit)
    names = list(fit.names)
    main = next((i for i, n in enumerate(names) if n == f"{found.factor}[{found.high}]"), None)
    parts = ", ".join(f"{value:+.3f} in {level}" for level, value in found.effects)
    told = ""
    if main is not None:
        told = (
            f" The main effect of {found.high} ({effects.estimate[main]:+.3f}, p = "
            f"{effects.p_value[main]:.2g}) "
            "averages over these and describes none of them."
        )
    return Finding(
        code="reversed-effect",
        severity="warning",
        where=formula,
        sentence=f"The effect of `{found.factor}` ({found.high} - {found.low}) changes sign with "
        f"`{found.other}`: {parts} (interaction F({found.df1}, {found.df2:.0f}) = {found.statistic:.3g}, "
        f"p = {found.p_value:.2g}).{told}",
        evidence=tuple(
            {
                "factor": found.factor,
                "other": found.other,
                "level": level,
                "effect": value,
                "F": found.statistic,
                "df1": found.df1,
                "df2": found.df2,
                "p_value": found.p_value,
            }
            for level, value in found.effects
        ),
        why="A main effect averages over the levels of the other factor that happen to be in the grid; where "
        "these disagree, it describes none of them. (The interaction was looked for after the fit.)",
        sources=("nelder1977",),
        do=f"Report the effect of `{found.factor}` within each level of `{found.other}` "
        f'(contrasts with by = "{found.other}").',
    )


def _unequal_spread(formula: str, fit: LmmFit) -> Iterator[Finding]:
    tests = _spread_tests(fit)
    adjusted = adjust_p([test.p_value for test in tests.values()], "holm")
    found = {
        name: test
        for (name, test), p in zip(tests.items(), adjusted, strict=True)
        if p < RARE and test.ratio > UNEQUAL
    }
    if not found:
        return
    name, worst = max(found.items(), key=lambda item: item[1].ratio)
    sds = ", ".join(f"{level} {sd:.3f}" for level, sd in zip(worst.levels, worst.std_dev, strict=True))
    yield Finding(
        code="unequal-spread",
        severity="warning",
        where=formula,
        sentence=f"Residuals scatter unequally over the levels of {', '.join(f'`{n}`' for n in found)} "
        f"(Brown-Forsythe, Holm-adjusted p < {RARE:g}); most over `{name}`: {sds} "
        f"(F({worst.df1}, {worst.df2}) = {worst.statistic:.3g}, p = {worst.p_value:.2g}).",
        evidence=tuple(
            {"factor": key, "level": level, "n": n, "sd": sd, "F": test.statistic, "p_value": test.p_value}
            for key, test in found.items()
            for level, n, sd in zip(test.levels, test.n, test.std_dev, strict=True)
        ),
        why="The model has one residual variance: standard errors are too small where cells scatter "
        "more, and "
        "too large elsewhere.",
        sources=("brown1974",),
        do="Analyse the levels apart, or rank-transform, or give weights; say which conclusions stay.",
    )


def _spread_tests(fit: LmmFit) -> dict[str, SpreadTest]:
    """Brown and Forsythe's test of the residuals by every factor of the model."""
    residuals = residual_frame(fit)["residual"].to_numpy()
    design = fit.design
    factors = {n: c for n, c in design.columns.items() if isinstance(c, Factor)}
    for part, data in zip(design.formula.random, design.random, strict=True):
        if len(part.group) == 1:
            factors.setdefault(part.group[0], data.group)
    tests = {
        name: spread_test(residuals, np.asarray(factor.levels, dtype=object)[factor.codes].tolist())
        for name, factor in factors.items()
    }
    return {name: test for name, test in tests.items() if np.isfinite(test.p_value)}
