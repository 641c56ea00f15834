"""Numbers that must add up: parts of a split, classes, arms."""

from __future__ import annotations

from collections.abc import Mapping

from stats.claims.check import Check

CODE = "total"


def total_check(total: int, parts: Mapping[str, int], *, what: str = "parts") -> Check:
    """Check that the parts add up to the total.

    Parameters
    ----------
    parts : count by name;  what : what they are, in the sentence
    """
    found = sum(parts.values())
    listed = " + ".join(f"{n} {name}" for name, n in parts.items())
    evidence = (*({"part": name, "n": n} for name, n in parts.items()), {"part": "stated total", "n": total})
    if found == total:
        return Check(code=CODE, verdict="consistent", sentence=f"{listed} = {total}.", evidence=evidence)
    return Check(
        code=CODE,
        verdict="contradiction",
        sentence=f"The {what} do not add up: {listed} = {found}, not {total} ({found - total:+d}).",
        evidence=evidence,
    )
