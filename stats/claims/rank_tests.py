"""W of Wilcoxon's tests: is it possible, and does its p-value match?

Forms of p: exact (no ties), normal with and without continuity correction, as in R's wilcox.test. Ties make
the variance smaller: by how much is not printed, so that a smaller p-value than without ties is possible,
and the share of the variance that the ties would have to leave is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtr, ndtri

from stats.claims.check import Check, first_possible, not_run
from stats.claims.printed import Printed, Range, Reading
from stats.ranks.distributions import rank_sum_distribution, signed_rank_distribution

CODE, STEP = "wilcoxon", "wilcoxon-w"
MOST_EXACT = 200  # values in all, where the paper says that p is exact
USUAL_EXACT = 50  # values per group below which R and others take the exact form unasked
ORDINARY_TIES = 0.75  # share of the variance that ties leave; less is worth a question

Test = Literal["rank-sum", "signed-rank"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankFigures:
    """A printed Wilcoxon test.

    Attributes
    ----------
    n_a, n_b : values per group; signed-rank: n_a pairs without zero differences, n_b 0
    w : as printed: rank sum of the first group less its minimum (R's W, Mann-Whitney's U), or R's V
    ties : False: no two values are equal;  exact, correction, alternative : None: not stated
    """

    test: Test
    n_a: int
    n_b: int = 0
    w: Printed
    p: Printed | None = None
    ties: bool | None = None
    exact: bool | None = None
    correction: bool | None = None
    alternative: str | None = None

    @property
    def top(self) -> float:
        """Largest possible W."""
        return self.n_a * self.n_b if self.test == "rank-sum" else self.n_a * (self.n_a + 1) / 2

    @property
    def variance(self) -> float:
        """Variance of W without ties."""
        n = self.n_a
        if self.test == "rank-sum":
            return n * self.n_b * (n + self.n_b + 1) / 12.0
        return n * (n + 1) * (2 * n + 1) / 24.0


def w_check(figures: RankFigures) -> Check:
    """Check that W lies between 0 and its largest value, in steps of 1, with ties of 1/2."""
    step = 1.0 if figures.ties is False else 0.5

    def ask(reading: Reading) -> Check:
        possible = _possible_w(figures, reading)
        if possible:
            return Check(
                code=STEP,
                verdict="consistent",
                sentence=f"W {figures.w.text} lies within 0 to {figures.top:g}"
                f"{'; there are ties' if all(w % 1.0 for w in possible) else ''}.",
            )
        return Check(
            code=STEP,
            verdict="contradiction",
            sentence=f"W {figures.w.text} is impossible: it goes from 0 to {figures.top:g} "
            f"in steps of {step:g}.",
            evidence=({"w": figures.w.value, "largest": figures.top, "step": step},),
        )

    return first_possible(ask)


def rank_p_check(figures: RankFigures) -> Check:
    """Check that the p-value belongs to W in one of the forms that are not excluded."""
    if figures.p is None:
        return not_run(CODE, "No p-value is given.")
    if figures.exact and figures.n_a + figures.n_b > MOST_EXACT:
        return not_run(CODE, f"The exact distribution is computed for up to {MOST_EXACT} values.")
    if not _possible_w(figures, "rounded or cut off"):
        return not_run(CODE, "W itself is impossible.")
    return first_possible(lambda reading: _asked(figures, reading))


def _asked(figures: RankFigures, reading: Reading) -> Check:
    assert figures.p is not None
    allowed = figures.p.range(reading)
    rows = [
        {"w": w, "form": form, "alternative": side, "p_value": p}
        for w in _possible_w(figures, reading)
        for side in _sides(figures)
        for form, p in _p_values(figures, w, side)
    ]
    said = f"W {figures.w.text} and p {figures.p.text}"
    near = Range(allowed.low - 1e-12, allowed.high + 1e-12)
    fitting = [row for row in rows if float(str(row["p_value"])) in near]
    stated = [row for row in fitting if row["alternative"] == (figures.alternative or "two-sided")]
    if stated:
        forms = " or ".join(dict.fromkeys(str(row["form"]) for row in stated))
        return Check(
            code=CODE,
            verdict="consistent",
            sentence=f"{said} belong together ({forms}).",
            evidence=tuple(stated),
        )
    tied = _share_of_variance(figures, figures.alternative or "two-sided", reading)
    if tied is not None and tied >= ORDINARY_TIES:
        words = f"{said} belong together if ties leave {100 * tied:.1f} % of the variance."
        return Check(code=CODE, verdict="consistent", sentence=words, evidence=({"variance_left": tied},))
    if fitting or any(_share_of_variance(figures, side, reading) for side in _sides(figures)[1:]):
        words = f"{said} belong together only if p is one-sided, which is not stated."
        return Check(code=CODE, verdict="doubtful", sentence=words, evidence=tuple(fitting))
    if tied is not None:
        words = f"{said} belong together only if ties leave {100 * tied:.1f} % of the variance."
        return Check(code=CODE, verdict="doubtful", sentence=words, evidence=({"variance_left": tied},))
    own = [row for row in rows if row["alternative"] == (figures.alternative or "two-sided")]
    forms = ", ".join(f"{row['form']} {row['p_value']:.4g}" for row in own[:3])
    return Check(
        code=CODE,
        verdict="contradiction",
        sentence=f"{said} do not belong together: {forms}.",
        evidence=tuple(own),
    )


def _possible_w(figures: RankFigures, reading: Reading) -> list[float]:
    step = 1.0 if figures.ties is False else 0.5
    values = figures.w.range(reading).meet(Range(0.0, figures.top))
    if values.empty:
        return []
    return [k * step for k in range(math.ceil(values.low / step), math.floor(values.high / step) + 1)]


def _sides(figures: RankFigures) -> tuple[str, ...]:
    return (figures.alternative,) if figures.alternative else ("two-sided", "greater", "less")


def _p_values(figures: RankFigures, w: float, side: str) -> list[tuple[str, float]]:
    """Return (form, p) of all forms that the paper does not exclude, for data without ties."""
    found = []
    usual = max(figures.n_a, figures.n_b) < USUAL_EXACT
    if (figures.exact or (figures.exact is None and usual)) and not w % 1.0:
        law = (
            rank_sum_distribution(figures.n_a, figures.n_b)
            if figures.test == "rank-sum"
            else signed_rank_distribution(figures.n_a)
        )
        found.append(("exact", law.p_value(w, side)))
    if not figures.exact:
        for name, correct in (("normal, corrected", True), ("normal", False)):
            if figures.correction in (None, correct):
                found.append((name, _normal_p(figures, w, side, correct, 1.0)))
    return found


def _normal_p(figures: RankFigures, w: float, side: str, correct: bool, share: float) -> float:
    gap = _corrected_gap(figures, w, side, correct)
    z = gap / math.sqrt(figures.variance * share)
    return float({"less": ndtr(z), "greater": ndtr(-z)}.get(side, min(1.0, 2.0 * ndtr(-abs(z)))))


def _corrected_gap(figures: RankFigures, w: float, side: str, correct: bool) -> float:
    gap = w - figures.top / 2.0
    shift = {"less": -0.5, "greater": 0.5}.get(side, math.copysign(0.5, gap) if gap else 0.0)
    return gap - shift if correct else gap


def _share_of_variance(figures: RankFigures, side: str, reading: Reading) -> float | None:
    """Return the largest share of the variance that ties must leave to give p, or None if none does.

    Less variance moves z away from 0 and never across: with z1 without ties and z that p needs, both on one
    side of 0 and z1 nearer, the share is (z1 / z)^2.
    """
    if figures.ties is False or figures.exact or figures.p is None:
        return None
    p = figures.p.range(reading).meet(Range(0.0, 1.0))
    if p.empty:
        return None
    tails = 2.0 if side == "two-sided" else 1.0
    needed = Range(-float(ndtri(p.high / tails)), -float(ndtri(p.low / tails)))
    shares = []
    for w in _possible_w(figures, reading):
        for correct in (True, False):
            if figures.correction not in (None, correct):
                continue
            gap = _corrected_gap(figures, w, side, correct)
            own = {"less": -gap, "greater": gap}.get(side, abs(gap)) / math.sqrt(figures.variance)
            nearest = needed.low if own > 0.0 else needed.high
            if own and own * nearest > 0.0 and abs(nearest) > abs(own):
                shares.append((own / nearest) ** 2)
    return max(shares) if shares else None
