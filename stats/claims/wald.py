"""Estimate, standard error, statistic, p-value and interval of one test: can they belong together?

All of them are functions of two numbers, the estimate and its standard error. The printed figures bound both
(stats/claims/lines.py); if nothing is left, the smallest set of figures that contradict each other is named.
Duality: a two-sided test at level a rejects exactly where the 1 - a interval of the same standard error
leaves out the null value (Lehmann & Romano 2005, section 3.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from scipy import stats as distributions

from stats.claims.check import Check, first_possible, not_run
from stats.claims.lines import Band, estimate_band, limit_band, possible_spread, ratio_band
from stats.claims.printed import Printed, Range, Reading

Alternative = Literal["two-sided", "less", "greater"]
CODE, DUALITY = "test-figures", "duality"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaldFigures:
    """The printed figures of one test of an estimate against `null`.

    Attributes
    ----------
    estimate, std_error, statistic, p, low, high : as printed; None where not printed
    distribution : of the statistic; "t" needs `df` for p and interval
    level : of the interval;  alternative : None: not stated
    same_method : the interval comes from the same standard error as the test
    limits : the interval was cut off here (an AUC at 0 and 1), or None
    known_estimate : where the estimate must lie, from other figures, and what they are called
    known_spread : where the standard error must lie, from other figures, and what they are called
    """

    estimate: Printed | None = None
    std_error: Printed | None = None
    statistic: Printed | None = None
    p: Printed | None = None
    low: Printed | None = None
    high: Printed | None = None
    distribution: Literal["z", "t"] = "z"
    df: Printed | None = None
    level: float = 0.95
    alternative: Alternative | None = None
    null: float = 0.0
    same_method: bool = True
    limits: tuple[float, float] | None = None
    known_estimate: tuple[str, Range] | None = None
    known_spread: tuple[str, Range] | None = None


@dataclass(frozen=True, slots=True)
class _Variant:
    """One way to read the figures; `words` is empty for the plain one."""

    words: str
    alternative: Alternative
    flipped: bool = False
    quantile: Literal["own", "normal", "two"] = "own"


def wald_check(figures: WaldFigures) -> Check:
    """Check that the figures of one test can belong together.

    Returns
    -------
    Check : code "duality" where interval and p-value give opposite answers, else "test-figures"; evidence is
        what is possible, or the statistic that each figure implies
    """
    lacking = _lacking(figures)
    if lacking:
        return not_run(CODE, lacking)
    return first_possible(lambda reading: _asked(figures, reading))


def _asked(figures: WaldFigures, reading: Reading) -> Check:
    plain, *others = _variants(figures)
    left = _possible(_bands(figures, plain, reading))
    if left is not None:
        return _with_other_interval(figures, reading, left)
    for variant in others:
        if _possible(_bands(figures, variant, reading)) is not None:
            return Check(
                code=CODE,
                verdict="doubtful",
                sentence=f"{_said(figures)} belong together only if {variant.words}, which is not stated.",
                evidence=_implied(figures, reading),
            )
    return _contradiction(figures, plain, reading)


def _variants(figures: WaldFigures) -> list[_Variant]:
    stated = figures.alternative or "two-sided"
    found = [_Variant("", stated)]
    has_interval = figures.same_method and (figures.low is not None or figures.high is not None)
    if has_interval and figures.distribution == "t":
        found.append(_Variant("the interval is that of a normal, not of t", stated, quantile="normal"))
    if has_interval and abs(figures.level - 0.95) < 1e-9:
        found.append(
            _Variant("the interval is 2 instead of 1.96 standard errors wide", stated, quantile="two")
        )
    if figures.statistic is not None:
        found.append(_Variant("the statistic has the sign of the opposite difference", stated, flipped=True))
    if figures.alternative is None and figures.p is not None:
        found += [_Variant("p is one-sided", "greater"), _Variant("p is one-sided", "less")]
    return found


def _bands(figures: WaldFigures, variant: _Variant, reading: Reading) -> list[dict[str, Band]]:
    """Return the bands by name; two sets where a two-sided p allows either sign."""
    null = figures.null
    bands: dict[str, Band] = {}
    if figures.estimate is not None:
        bands["estimate"] = estimate_band(_moved(figures.estimate.range(reading), null))
    if figures.known_estimate is not None:
        bands[figures.known_estimate[0]] = estimate_band(_moved(figures.known_estimate[1], null))
    if figures.std_error is not None:
        bands["standard error"] = Band(spread=figures.std_error.range(reading).meet(Range(0.0, math.inf)))
    if figures.known_spread is not None:
        bands[figures.known_spread[0]] = Band(spread=figures.known_spread[1])
    if figures.statistic is not None:
        found = figures.statistic.range(reading)
        bands["statistic"] = ratio_band(Range(-found.high, -found.low) if variant.flipped else found)
    bands |= _limit_bands(figures, variant, reading)
    if figures.p is None or not _has_law(figures):
        return [bands]
    if figures.p.range(reading).meet(Range(0.0, 1.0)).empty:
        return [bands | {"p": Band(spread=Range(math.inf, -math.inf))}]
    return [bands | {"p": ratio_band(side)} for side in _ratios_of_p(figures, variant.alternative, reading)]


def _limit_bands(figures: WaldFigures, variant: _Variant, reading: Reading) -> dict[str, Band]:
    if not figures.same_method or not _has_law(figures):
        return {}
    quantile = _quantile(figures, variant, reading)
    found = {}
    for name, side, printed in (("lower limit", -1, figures.low), ("upper limit", 1, figures.high)):
        if printed is None:
            continue
        values = printed.range(reading)
        end = figures.limits and figures.limits[side > 0]
        cut = end is not None and end in values
        found[name] = limit_band(_moved(values, figures.null), quantile, side=side, open_end=cut)
    return found


def _quantile(figures: WaldFigures, variant: _Variant, reading: Reading) -> Range:
    if variant.quantile == "two":
        return Range(2.0, 2.0)
    tail = (1.0 - figures.level) / 2.0
    if figures.distribution == "t" and variant.quantile == "own":
        return Range(*sorted(float(distributions.t.isf(tail, df)) for df in _df(figures, reading)))
    exact = float(distributions.norm.isf(tail))
    used = (exact, round(exact, 2), round(exact, 3))  # 1.96 and 1.645 are in use
    return Range(min(used), max(used))


def _ratios_of_p(figures: WaldFigures, alternative: Alternative, reading: Reading) -> list[Range]:
    assert figures.p is not None
    values = figures.p.range(reading).meet(Range(0.0, 1.0))
    tails = 2.0 if alternative == "two-sided" else 1.0
    ends = [_isf(p / tails, figures, reading) for p in (values.high, values.low)]
    size = Range(min(ends[0]), max(ends[1]))
    opposite = Range(-size.high, -size.low)
    return {"two-sided": [size, opposite], "greater": [size], "less": [opposite]}[alternative]


def _isf(p: float, figures: WaldFigures, reading: Reading) -> list[float]:
    if figures.distribution == "z":
        return [float(distributions.norm.isf(p))]
    return [float(distributions.t.isf(p, df)) for df in _df(figures, reading)]


def _df(figures: WaldFigures, reading: Reading) -> tuple[float, float]:
    assert figures.df is not None
    values = figures.df.range(reading)
    return max(values.low, 1e-3), values.high if math.isfinite(values.high) else 1e9


def _possible(sets: Iterable[Mapping[str, Band]]) -> Range | None:
    """Return the standard errors that one of the sets leaves possible, or None."""
    found = [spread for bands in sets if not (spread := possible_spread(bands.values())).empty]
    return Range(min(r.low for r in found), max(r.high for r in found)) if found else None


def _contradiction(figures: WaldFigures, variant: _Variant, reading: Reading) -> Check:
    evidence = _implied(figures, reading)
    opposite = _opposite_answers(figures, variant.alternative, reading)
    if opposite and figures.same_method:
        return Check(code=DUALITY, verdict="contradiction", sentence=opposite, evidence=evidence)
    sets = _bands(figures, variant, reading)
    names = list(sets[0])
    for size in range(1, len(names) + 1):
        for some in combinations(names, size):
            if _possible([{name: bands[name] for name in some} for bands in sets]) is None:
                parts = _listed([_named(figures, name) for name in some])
                return Check(
                    code=CODE,
                    verdict="contradiction",
                    sentence=f"{parts} cannot belong together." if size > 1 else f"{parts} is impossible.",
                    evidence=evidence,
                )
    raise ValueError("The figures do not contradict each other.")


def _with_other_interval(figures: WaldFigures, reading: Reading, spread: Range) -> Check:
    if not figures.same_method:
        opposite = _opposite_answers(figures, figures.alternative or "two-sided", reading)
        if opposite:
            words = f"{opposite[:-1]}; they come from different methods, which may differ near the border."
            return Check(
                code=DUALITY, verdict="doubtful", sentence=words, evidence=_implied(figures, reading)
            )
    evidence: tuple[dict[str, Any], ...] = ()
    if math.isfinite(spread.high) and spread.high > 0.0:
        evidence = ({"std_error_low": spread.low, "std_error_high": spread.high},)
    return Check(
        code=CODE, verdict="consistent", sentence=f"{_said(figures)} belong together.", evidence=evidence
    )


def _opposite_answers(figures: WaldFigures, alternative: Alternative, reading: Reading) -> str:
    """Return the sentence where interval and p-value certainly disagree about the null value, else ""."""
    if figures.p is None or figures.low is None or figures.high is None:
        return ""
    p, low, high = (item.range(reading) for item in (figures.p, figures.low, figures.high))
    alpha = (1.0 - figures.level) / (1.0 if alternative == "two-sided" else 2.0)
    inside = low.high < figures.null < high.low
    above, below = low.low > figures.null, high.high < figures.null
    outside = {"two-sided": above or below, "greater": above, "less": below}[alternative]
    interval = f"The {100 * figures.level:g} % interval {figures.low.text} to {figures.high.text}"
    if inside and p.high < alpha:
        return f"{interval} contains {figures.null:g}, but p = {figures.p.text} rejects it.".replace(
            "= <", "< "
        )
    if outside and p.low > alpha:
        return f"{interval} leaves out {figures.null:g}, but p = {figures.p.text} does not reject it."
    return ""


def _implied(figures: WaldFigures, reading: Reading) -> tuple[dict[str, Any], ...]:
    """Return the size of the statistic that each figure or pair of figures implies, as rows."""
    rows: list[dict[str, Any]] = []

    def add(what: str, values: Iterable[float]) -> None:
        ends = sorted(abs(value) for value in values)
        rows.append({"from": what, "statistic_low": ends[0], "statistic_high": ends[-1]})

    if figures.statistic is not None:
        found = figures.statistic.range(reading)
        add("statistic", (found.low, found.high))
    if (
        figures.p is not None
        and _has_law(figures)
        and not figures.p.range(reading).meet(Range(0.0, 1.0)).empty
    ):
        found = _ratios_of_p(figures, "two-sided", reading)[0]
        add("p, two-sided", (found.low, found.high))
    if figures.estimate is not None and figures.std_error is not None:
        top, below = figures.estimate.range(reading), figures.std_error.range(reading)
        if below.low > 0.0:
            add(
                "estimate / standard error",
                [(e - figures.null) / s for e in (top.low, top.high) for s in (below.low, below.high)],
            )
    if figures.low is not None and figures.high is not None and _has_law(figures):
        low, high = figures.low.range(reading), figures.high.range(reading)
        quantile = _quantile(figures, _Variant("", "two-sided"), reading)
        ends = [(a, b) for a in (low.low, low.high) for b in (high.low, high.high) if b > a]
        if ends:
            add("interval", [quantile.low * (a + b - 2.0 * figures.null) / (b - a) for a, b in ends])
    return tuple(rows)


def _lacking(figures: WaldFigures) -> str:
    usable = [
        *(figures.estimate, figures.std_error, figures.statistic, figures.known_estimate),
        *((figures.p,) if _has_law(figures) else ()),
        *((figures.low, figures.high) if figures.same_method and _has_law(figures) else ()),
    ]
    if sum(item is not None for item in usable) >= 2:
        return ""
    if not _has_law(figures) and figures.p is not None:
        return "p and interval of a t statistic need df."
    return "Two of estimate, standard error, statistic, p and interval are needed."


def _has_law(figures: WaldFigures) -> bool:
    return figures.distribution == "z" or figures.df is not None


def _named(figures: WaldFigures, name: str) -> str:
    printed = {
        "estimate": figures.estimate, "standard error": figures.std_error, "statistic": figures.statistic,
        "p": figures.p, "lower limit": figures.low, "upper limit": figures.high,
    }.get(name)  # fmt: skip
    return name if printed is None else f"{name} {printed.text}"


def _said(figures: WaldFigures) -> str:
    names = ("estimate", "standard error", "statistic", "p", "lower limit", "upper limit")
    parts = [text for name in names if (text := _named(figures, name)) != name]
    if figures.known_estimate is not None:
        parts.insert(0, figures.known_estimate[0])
    return _listed(parts)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _moved(values: Range, null: float) -> Range:
    return Range(values.low - null, values.high - null)
