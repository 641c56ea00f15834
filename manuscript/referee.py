"""What a reviewer would object to, in the supplement: a sentence and one row per finding."""

from __future__ import annotations

from functools import cache

import pandas as pd
from great_tables import GT

from manuscript.load import Report
from manuscript.tables import styled
from manuscript.text import count, join_words
from stats.findings import SEVERITIES, findings_frame

_NOT_REFEREED = "The results were written by an earlier version; `study stats` referees the study."


def report_findings(report: Report) -> pd.DataFrame | None:
    """The findings on a report (FINDING_COLUMNS), errors first; None where it was not refereed."""
    if report.mode == "published":
        return _published()
    written = report.tables.get("audit_findings")
    return None if written is None else written.reset_index(drop=True)


@cache
def _published() -> pd.DataFrame:
    from manuscript.published.subject import published_subject
    from stats.referee.rules import referee

    return findings_frame(referee(published_subject()))


def referee_text(report: Report) -> str:
    """How many findings of which weight there are."""
    found = report_findings(report)
    if found is None:
        return _NOT_REFEREED
    numbers = {name: int((found["severity"] == name).sum()) for name in SEVERITIES}
    told = join_words([count(n, name) for name, n in numbers.items()])
    return (
        "The study was refereed by fixed rules on its design, images, predictions and tests: inert factors, "
        f"run-to-run noise, leaks, collapsed models, confounding, misused tests, optimism. They found {told}."
    )


def referee_table(report: Report) -> GT | None:
    """One row per finding; None where there is none or nothing was refereed."""
    found = report_findings(report)
    if found is None or found.empty:
        return None
    frame = pd.DataFrame(
        {
            "Weight": found["severity"].str.capitalize(),
            "Finding": _plain(found["sentence"]),
            "Why it matters": _plain(found["why"]),
            "What to do": _plain(found["do"]),
        }
    )
    return styled(frame, groups="Weight")


def _plain(texts: pd.Series) -> pd.Series:
    """Names of settings without the marks that a terminal shows."""
    return texts.astype(str).str.replace("`", "", regex=False)


def nothing_objected(report: Report) -> str:
    """Words for a table without rows."""
    return f"*{_NOT_REFEREED if report_findings(report) is None else 'No rule objects.'}*"
