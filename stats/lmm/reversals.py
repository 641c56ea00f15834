"""Interactions that reverse a main effect: a factor helps in one level of another and harms in the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stats.lmm.coding import Column, fixed_columns, full_rank
from stats.lmm.contest import f_test
from stats.lmm.design import Design
from stats.lmm.factors import Factor
from stats.lmm.fit import LmmFit, fit_design
from stats.lmm.formula import Term

FloatArray = NDArray[np.float64]

MOST_LEVELS = 6
MOST_ROWS = 5000
SMALL_RESIDUAL = 1e-9  # share of the response's sum of squares below which an interaction explains it all
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """The difference between two levels of `factor` changes sign over the levels of `other`.

    Attributes
    ----------
    factor, other : names;  high, low : the two levels compared, `high - low`
    effects : (level of `other`, estimated difference) for each level
    statistic, df1, df2, p_value : F test of the interaction in the model with it added
    """

    factor: str
    other: str
    high: str
    low: str
    effects: tuple[tuple[str, float], ...]
    statistic: float
    df1: int
    df2: float
    p_value: float

    def sentence(self) -> str:
        """The finding in words."""
        parts = ", ".join(f"{value:+.3g} in {level}" for level, value in self.effects)
        return (
            f"The effect of '{self.factor}' ({self.high} - {self.low}) changes sign with '{self.other}': "
            f"{parts} (interaction F({self.df1}, {self.df2:.0f}) = {self.statistic:.3g}, "
            f"p = {self.p_value:.2g}, exploratory). Report it within the levels of the other factor."
        )


def reversals(fit: LmmFit) -> list[Reversal]:
    """Every reversal by another factor of the model, fixed or grouping.

    Each pair is tested in a model with their interaction as a fixed effect (a grouping factor of random
    intercepts becomes fixed). Factors with more than six levels and data of more than
    5,000 rows are not searched.
    """
    if fit.n > MOST_ROWS or fit.design.coding != "treatment" or not fit.design.formula.intercept:
        return []
    found = []
    for name, other in _pairs(fit.design):
        reversal = _reversal(fit, name, other)
        if reversal is not None:
            found.append(reversal)
    return found


def _pairs(design: Design) -> Iterator[tuple[str, str]]:
    terms = design.formula.terms
    fixed = [t[0] for t in terms if len(t) == 1 and isinstance(design.columns[t[0]], Factor)]
    fixed = [v for v in fixed if len(_factor(design, v).levels) <= MOST_LEVELS]
    groups = [
        part.group[0]
        for part, data in zip(design.formula.random, design.random, strict=True)
        if len(part.group) == 1 and not part.terms and len(data.group.levels) <= MOST_LEVELS
    ]
    for a, b in combinations(fixed, 2):
        yield a, b
    for a in fixed:
        for b in groups:
            if a != b:
                yield a, b


def _factor(design: Design, name: str) -> Factor:
    column: Column | None = design.columns.get(name)
    if isinstance(column, Factor):
        return column
    for part, data in zip(design.formula.random, design.random, strict=True):
        if part.group == (name,):
            return data.group
    raise KeyError(name)


def _with_interaction(design: Design, a: str, b: str) -> Design | None:
    """The design with a*b among the fixed terms and no random intercept of b."""
    terms: list[Term] = list(design.formula.terms)
    for term in ((b,), (a, b)):
        if frozenset(term) not in {frozenset(t) for t in terms}:
            terms.append(term)
    terms.sort(key=len)
    columns = {**design.columns, b: _factor(design, b)}
    kept = [i for i, part in enumerate(design.formula.random) if part.group != (b,)]
    if not kept:
        return None
    X, names, assign = fixed_columns(True, terms, columns, design.n, "treatment")
    X, columns_kept = full_rank(X)
    if len(columns_kept) < len(names) or design.n < len(names) + MOST_LEVELS:
        return None  # cells without data, or nearly as many columns as rows
    formula = replace(
        design.formula, terms=tuple(terms), random=tuple(design.formula.random[i] for i in kept)
    )
    random = tuple(design.random[i] for i in kept)
    return replace(
        design, formula=formula, X=X, names=tuple(names), assign=assign, random=random, columns=columns
    )


def _reversal(fit: LmmFit, a: str, b: str) -> Reversal | None:
    if any({a, b} < set(term) for term in fit.design.formula.terms):
        return None  # a three-way interaction: simple effects differ within further levels
    design = _with_interaction(fit.design, a, b)
    if design is None:
        return None
    try:
        larger = fit_design(design, reml=fit.reml)
    except ValueError:  # the interaction takes up the residual or a random term: there is nothing to test
        return None
    if not larger.converged:
        return None
    total = float(np.square(fit.design.y - fit.design.y.mean()).sum())
    if larger.evaluation.r2 < SMALL_RESIDUAL * total:
        return None
    key = next(i for i, term in enumerate(design.formula.terms) if set(term) == {a, b})
    test = f_test(larger, np.eye(len(design.names))[design.assign == key])
    if not test.p_value < ALPHA:
        return None
    effects = _simple_effects(larger, a, b)
    first, second = _factor(design, a), _factor(design, b)
    best: Reversal | None = None
    for high, low in combinations(reversed(range(len(first.levels))), 2):
        differences = effects[high] - effects[low]
        if differences.min() < 0 < differences.max():
            size = float(min(-differences.min(), differences.max()))
            if best is None or size > min(-min(v for _, v in best.effects), max(v for _, v in best.effects)):
                best = Reversal(
                    factor=a,
                    other=b,
                    high=first.levels[high],
                    low=first.levels[low],
                    effects=tuple(zip(second.levels, differences.tolist(), strict=True)),
                    statistic=test.statistic,
                    df1=test.df1,
                    df2=test.df2,
                    p_value=test.p_value,
                )
    return best


def _simple_effects(fit: LmmFit, a: str, b: str) -> FloatArray:
    """Estimate of every cell of a by b up to a constant per level of b, shape (levels of a, levels of b)."""
    design = fit.design
    first, second = _factor(design, a), _factor(design, b)
    position = dict(zip(design.names, fit.beta.tolist(), strict=True))
    order = next(term for term in design.formula.terms if set(term) == {a, b})
    out = np.zeros((len(first.levels), len(second.levels)))
    for i, level in enumerate(first.levels):
        for j, other in enumerate(second.levels):
            labels = {a: f"{a}[{level}]", b: f"{b}[{other}]"}
            out[i, j] = position.get(labels[a], 0.0) + position.get(":".join(labels[v] for v in order), 0.0)
    return out
