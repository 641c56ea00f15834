"""The answer of one check of printed figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from stats.claims.printed import READINGS, Reading

Verdict = Literal["consistent", "cut off", "doubtful", "contradiction", "not run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one check says of one place in a paper.

    Attributes
    ----------
    code : which check, as documented in docs/claims/README.md
    verdict : "consistent"; "cut off" (only if digits were dropped instead of rounded); "doubtful" (only under
        a reading that the paper does not state); "contradiction"; "not run"
    sentence : what follows, or why the check could not run
    where : the place in the paper
    evidence : rows of unrounded figures: what is possible, e.g. all confusion tables
    """

    code: str
    verdict: Verdict
    sentence: str
    where: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not self.sentence.startswith(("p ", "n ")):  # signs of statistics stay small
            object.__setattr__(self, "sentence", self.sentence[:1].upper() + self.sentence[1:])

    def at(self, where: str) -> Check:
        """Return the same answer with its place."""
        return replace(self, where=where)


def first_possible(ask: Callable[[Reading], Check]) -> Check:
    """Ask with rounded figures; where they contradict, ask again whether digits were dropped.

    `ask` gets the reading of the printed figures and answers "consistent", "doubtful", "contradiction" or
    "not run".
    """
    rounded = ask(READINGS[0])
    if rounded.verdict not in ("contradiction", "doubtful"):
        return rounded
    cut = ask(READINGS[1])
    if cut.verdict == "consistent":
        return replace(
            cut, verdict="cut off", sentence=f"{cut.sentence} So only if digits were cut off, not rounded."
        )
    return rounded


def not_run(code: str, why: str) -> Check:
    """Return the answer of a check that could not run, with the reason."""
    return Check(code=code, verdict="not run", sentence=why)
