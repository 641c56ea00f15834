"""Shares and AUCs are fractions of whole numbers: which fractions a printed figure leaves possible.

Source: Brown & Heathers 2017 (the GRIM test) for means of whole numbers. An AUC is a share of P * N pairs, in
which a tie counts one half.
"""

from __future__ import annotations

import math

from stats.claims.check import Check, first_possible
from stats.claims.printed import Printed, Range, Reading


def possible_counts(values: Range, of: int, *, step: float = 1.0) -> tuple[float, ...]:
    """Return all counts k in 0, step, ... `of` whose share k / of lies in `values`."""
    low = math.ceil(max(values.low, 0.0) * of / step - 1e-9)
    high = math.floor(min(values.high, 1.0) * of / step + 1e-9)
    return tuple(k * step for k in range(low, high + 1))


def share_check(printed: Printed, *, n: int, what: str) -> Check:
    """Check that a share of n, such as an accuracy, can be a whole number out of n.

    Parameters
    ----------
    n : of what it is a share;  what : its name in the sentence
    """

    def ask(reading: Reading) -> Check:
        counts = possible_counts(printed.range(reading), n)
        if not counts:
            return Check(
                code="share-step",
                verdict="contradiction",
                sentence=f"{what} {printed.text} is no whole number out of {n}: "
                f"{_nearest(printed.value, n, 1.0)}.",
                evidence=_neighbours(printed.value, n, 1.0),
            )
        said = f"{counts[0]:g}" if len(counts) == 1 else f"{counts[0]:g} to {counts[-1]:g}"
        return Check(
            code="share-step",
            verdict="consistent",
            sentence=f"{what} {printed.text} is {said} of {n}.",
            evidence=({"low": counts[0], "high": counts[-1], "of": n},),
        )

    return first_possible(ask)


def auc_check(printed: Printed, *, n_positive: int, n_negative: int, ties: bool | None = None) -> Check:
    """Check that an AUC can be a number of ordered pairs out of P * N.

    Parameters
    ----------
    ties : False: no image of one class has the score of one of the other, so that whole pairs are counted;
        True or None: halves are possible
    """
    pairs = n_positive * n_negative
    step, kind = (1.0, "whole") if ties is False else (0.5, "whole or half")

    def ask(reading: Reading) -> Check:
        counts = possible_counts(printed.range(reading), pairs, step=step)
        if not counts:
            return Check(
                code="auc-step",
                verdict="contradiction",
                sentence=f"AUC {printed.text} is no {kind} number of the "
                f"{n_positive} x {n_negative} = {pairs} pairs: {_nearest(printed.value, pairs, step)}.",
                evidence=_neighbours(printed.value, pairs, step),
            )
        tied = " (a tie is needed)" if all(k % 1.0 for k in counts) else ""
        said = f"{counts[0]:g}" if len(counts) == 1 else f"{counts[0]:g} to {counts[-1]:g}"
        return Check(
            code="auc-step",
            verdict="consistent",
            sentence=f"AUC {printed.text} is {said} of {pairs} pairs{tied}.",
            evidence=({"low": counts[0], "high": counts[-1], "of": pairs},),
        )

    return first_possible(ask)


def _neighbours(value: float, of: int, step: float) -> tuple[dict[str, float], ...]:
    below = math.floor(value * of / step) * step
    near = [k for k in (below, below + step) if 0 <= k <= of]
    return tuple({"count": k, "of": of, "share": k / of} for k in near)


def _nearest(value: float, of: int, step: float) -> str:
    near = [f"{row['count']:g}/{of} = {row['share']:.6g}" for row in _neighbours(value, of, step)]
    return "the nearest are " + " and ".join(near) if near else f"it lies outside 0 to {of}"
