"""What a coefficient means: a difference from a baseline, a mean, a slope, an interaction."""

from __future__ import annotations

from dataclasses import dataclass

from stats.lmm.factors import Factor
from stats.lmm.fit import LmmFit


@dataclass(frozen=True, slots=True, kw_only=True)
class TermMeaning:
    """One coefficient in words.

    Attributes
    ----------
    kind : "difference" (level minus baseline), "mean" (of a level, in a model without intercept), "deviation"
        (from the mean of the levels, sum coding), "slope", "interaction" or "intercept"
    factor, level, baseline : of a difference; level of a mean or deviation
    conditions : (name, value) of the variables that interact with this term: it holds where they have this
        value
    """

    kind: str
    factor: str | None = None
    level: str | None = None
    baseline: str | None = None
    conditions: tuple[tuple[str, str], ...] = ()


def term_meanings(fit: LmmFit) -> list[TermMeaning]:
    """The meaning of every fixed effect, in the order of `fit.names`."""
    terms = fit.design.formula.terms
    out = []
    for name, index in zip(fit.names, fit.design.assign.tolist(), strict=True):
        if index < 0:
            out.append(TermMeaning(kind="intercept"))
        elif len(terms[index]) > 1:
            out.append(TermMeaning(kind="interaction"))
        else:
            out.append(_single(fit, name, terms[index][0]))
    return out


def _single(fit: LmmFit, name: str, variable: str) -> TermMeaning:
    conditions = _conditions(fit, variable)
    column = fit.design.columns[variable]
    if not isinstance(column, Factor):
        return TermMeaning(kind="slope", factor=variable, conditions=conditions)
    level = name[len(variable) + 1 : -1]
    if fit.design.coding == "sum" and level.startswith("S."):
        return TermMeaning(kind="deviation", factor=variable, level=level[2:], conditions=())
    if f"{variable}[{column.levels[0]}]" in fit.names:
        return TermMeaning(kind="mean", factor=variable, level=level, conditions=conditions)
    return TermMeaning(
        kind="difference", factor=variable, level=level, baseline=column.levels[0], conditions=conditions
    )


def _conditions(fit: LmmFit, variable: str) -> tuple[tuple[str, str], ...]:
    """Where the coefficient of `variable` holds: first levels and zeros of what it interacts with."""
    terms = fit.design.formula.terms
    others = dict.fromkeys(v for term in terms if variable in term for v in term if v != variable)
    values = []
    for other in others:
        column = fit.design.columns[other]
        if not isinstance(column, Factor):
            values.append((other, "0"))
        elif fit.design.coding == "treatment":  # in sum coding the coefficient averages over the levels
            values.append((other, column.levels[0]))
    return tuple(values)
