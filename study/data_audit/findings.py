"""What the audit found, each with its weight, what it does to a comparison, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

FINDING_COLUMNS = ("code", "severity", "n", "sentence", "why", "do", "images")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding.

    Attributes
    ----------
    code : its kind, as documented in docs/data.md
    severity : "error" (results will be wrong), "warning" (results may mislead) or "note"
    n : how many of what the sentence counts
    sentence, why, do : what was found, what it does to a comparison, what can be done
    groups : images that belong together, to be shown side by side; single images are groups of one
    """

    code: str
    severity: str
    n: int
    sentence: str
    why: str
    do: str
    groups: tuple[tuple[str, ...], ...] = ()

    @property
    def images(self) -> list[str]:
        """All images of the finding, each once."""
        return list(dict.fromkeys(image_id for group in self.groups for image_id in group))

    @property
    def text(self) -> str:
        """The sentence with what to do, for notes in a line."""
        return f"{self.sentence} {self.do}"


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return one row per finding in FINDING_COLUMNS; images is a list."""
    rows = [{name: getattr(finding, name) for name in FINDING_COLUMNS} for finding in findings]
    return pd.DataFrame(rows, columns=list(FINDING_COLUMNS)).astype({"n": "int64"})


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `24 images`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
