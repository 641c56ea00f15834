"""What a reviewer would object to: one finding, with its evidence, its source and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, TypeVar, get_args

import pandas as pd

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
FINDING_COLUMNS = ("code", "severity", "where", "sentence", "evidence", "why", "sources", "do")


class _Weighed(Protocol):
    @property
    def severity(self) -> str: ...


_W = TypeVar("_W", bound=_Weighed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding.

    Attributes
    ----------
    code : its kind, in small letters with dashes, as documented in docs/audit.md
    severity : "error" (it cannot be so), "warning" (it may mislead) or "note"
    sentence : what was found, one sentence
    why : why it matters
    do : what to do about it
    where : the rows of a study or the place in a paper that it speaks of
    evidence : rows of unrounded figures, each a mapping by name; the same names in every row
    sources : keys of references that `why` rests on ("delong1988"), or their short forms

    Raises
    ------
    ValueError : `severity` is none of SEVERITIES
    """

    code: str
    severity: Severity
    sentence: str
    why: str
    do: str
    where: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"`severity` is {self.severity!r}; allowed: {', '.join(SEVERITIES)}.")

    def as_json(self) -> dict[str, Any]:
        """Return the finding as dicts, lists, texts and numbers."""
        plain = asdict(self)
        plain["evidence"] = [dict(row) for row in self.evidence]
        plain["sources"] = list(self.sources)
        return {name: plain[name] for name in FINDING_COLUMNS}

    def to_frame(self) -> pd.DataFrame:
        """Return one row in FINDING_COLUMNS; evidence and sources are lists."""
        return findings_frame([self])


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return one row per finding in FINDING_COLUMNS, also where there is none."""
    return pd.DataFrame([finding.as_json() for finding in findings], columns=list(FINDING_COLUMNS))


def sorted_findings(findings: Iterable[_W | None]) -> tuple[_W, ...]:
    """Errors first, then warnings, then notes; each kind in the given order; None is left out."""
    kept = [finding for finding in findings if finding is not None]
    return tuple(sorted(kept, key=lambda finding: SEVERITIES.index(finding.severity)))


def has_error(findings: Iterable[_Weighed]) -> bool:
    """Return whether a finding of severity error stands."""
    return any(finding.severity == "error" for finding in findings)
