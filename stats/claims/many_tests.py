"""Many p-values, none adjusted: what remains after Holm's adjustment, whatever the rounding hides."""

from __future__ import annotations

from collections.abc import Mapping

from stats.claims.check import Check, not_run
from stats.claims.printed import Printed
from stats.multiplicity.adjust import adjust_p

CODE = "multiplicity"


def multiplicity_check(p_values: Mapping[str, Printed], *, alpha: float, adjusted: bool | None) -> Check:
    """Check whether verdicts of one family of tests hinge on not adjusting for their number.

    Parameters
    ----------
    p_values : by name of the comparison
    adjusted : True: the printed values are adjusted, or the tests gate each other; None: not stated

    Notes
    -----
    A verdict counts as lost only if the smallest p-values that print so do not survive Holm's adjustment: an
    honest rounding is never to blame. Source: Holm 1979.
    """
    if len(p_values) < 2:
        return not_run(CODE, "One p-value alone needs no adjustment.")
    if adjusted:
        return Check(
            code=CODE, verdict="consistent", sentence=f"{len(p_values)} p-values, stated as adjusted."
        )
    lowest = [max(0.0, printed.range().low) for printed in p_values.values()]
    highest = [min(1.0, printed.range().high) for printed in p_values.values()]
    after = adjust_p(lowest, "holm")
    lost = [
        name for name, top, low in zip(p_values, highest, after, strict=True) if top < alpha and low >= alpha
    ]
    rows = tuple(
        {"comparison": name, "p": printed.text, "p_holm_at_least": float(low)}
        for (name, printed), low in zip(p_values.items(), after, strict=True)
    )
    stated = "none is adjusted" if adjusted is False else "no adjustment is stated"
    head = f"{len(p_values)} p-values and {stated}"
    if lost:
        words = f"{head}: {', '.join(lost)} would not stay below {alpha:g} with Holm's adjustment."
        return Check(code=CODE, verdict="doubtful", sentence=words, evidence=rows)
    words = f"{head}; no verdict changes with Holm's adjustment."
    return Check(code=CODE, verdict="consistent", sentence=words, evidence=rows)
