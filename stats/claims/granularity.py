"""Shares and AUCs are fractions of whole numbers: which fractions a printed figure leaves possible.

Source: Brown & Heathers 2017 (the GRIM test) for means of whole numbers. An AUC is a share of P * N pairs, in
which a tie counts one half.
"""

from __future__ import annotations

import math

from stats.claims.check import Check, first_possible
from stats.claims.printed import Printed, Range, Reading


def possible_counts(values: Range, of: int, *, step: float = 1.0) -> range:
    """Return all k whose share k * step / of lies in `values` and in 0 to 1; not listed, they may be many."""
    low = math.ceil(max(values.low, 0.0) * of / step - 1e-9)
    high = math.floor(min(values.high, 1.0) * of / step + 1e-9)
    return range(low, high + 1)


def share_check(printed: Printed, *, n: int, what: str) -> Check:
    """Check that a share of n, such as an accuracy, can be a whole number out of n.

    Parameters
    ----------
    n : of what it is a share;  what : its name in the sentence
    """
    return _fraction_check(
        "share-step",
        printed,
        of=n,
        step=1.0,
        possible=f"{what} {printed.text} is {{counts}} of {n}.",
        impossible=f"{what} {printed.text} is no whole number out of {n}: {{nearest}}.",
    )


def auc_check(printed: Printed, *, n_positive: int, n_negative: int, ties: bool | None = None) -> Check:
    """Check that an AUC can be a number of ordered pairs out of P * N.

    Parameters
    ----------
    ties : False: no image of one class has the score of one of the other, so that whole pairs are counted;
        True or None: halves are possible
    """
    pairs = n_positive * n_negative
    step, kind = (1.0, "whole") if ties is False else (0.5, "whole or half")
    return _fraction_check(
        "auc-step",
        printed,
        of=pairs,
        step=step,
        possible=f"AUC {printed.text} is {{counts}} of {pairs} pairs.",
        impossible=f"AUC {printed.text} is no {kind} number of the {n_positive} x {n_negative} = {pairs} "
        "pairs: {nearest}.",
    )


def _fraction_check(
    code: str, printed: Printed, *, of: int, step: float, possible: str, impossible: str
) -> Check:
    """Check that a fraction of `of` is a number of steps.

    possible, impossible : sentences with {counts} and {nearest} to fill in
    """

    def ask(reading: Reading) -> Check:
        counts = possible_counts(printed.range(reading), of, step=step)
        if not counts:
            return Check(
                code=code,
                verdict="contradiction",
                sentence=impossible.format(nearest=_nearest(printed.value, of, step)),
                evidence=_neighbours(printed.value, of, step),
            )
        low, high = counts[0] * step, counts[-1] * step
        said = _count(low) if low == high else f"{_count(low)} to {_count(high)}"
        tied = " (with a tie)" if low == high and low % 1.0 else ""
        return Check(
            code=code,
            verdict="consistent",
            sentence=possible.format(counts=said + tied),
            evidence=({"low": low, "high": high, "of": of},),
        )

    return first_possible(ask)


def _count(k: float) -> str:
    return f"{k:.0f}" if k == int(k) else f"{k:.1f}"


def _neighbours(value: float, of: int, step: float) -> tuple[dict[str, float], ...]:
    below = math.floor(value * of / step) * step
    near = [k for k in (below, below + step) if 0 <= k <= of]
    return tuple({"count": k, "of": of, "share": k / of} for k in near)


def _nearest(value: float, of: int, step: float) -> str:
    near = [f"{_count(row['count'])}/{of} = {row['share']:.6g}" for row in _neighbours(value, of, step)]
    return "the nearest are " + " and ".join(near) if near else f"it lies outside 0 to {of}"
