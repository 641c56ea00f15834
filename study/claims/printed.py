"""The audit of a paper's figures on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding

from stats.claims.check import Check
from stats.findings import Finding
from study.claims.advice import SOURCES
from study.claims.audit import ClaimsAudit

_SHOWN = 6  # rows of evidence; JSON has them all
_MARKS = {
    "consistent": "ok",
    "cut off": "note",
    "doubtful": "warning",
    "contradiction": "ERROR",
    "not run": "-",
}


def print_claims_audit(console: Console, audit: ClaimsAudit) -> None:
    """Print findings with their evidence, then every check, then what could not be checked."""
    console.print(audit.title, style="bold")
    if audit.source:
        console.print(audit.source)
    for finding in audit.findings:
        _print_finding(console, finding)
    console.print()
    console.print("Checks that found no contradiction", style="bold")
    for check in audit.checks:
        if check.verdict not in ("not run", "contradiction"):  # contradictions stand above
            _print_check(console, check)
    skipped = [check for check in audit.checks if check.verdict == "not run"]
    if skipped:
        console.print()
        console.print("Could not run", style="bold")
        for check in skipped:
            _print_check(console, check)
    console.print()
    console.print(_summary(audit))
    keys = dict.fromkeys(key for finding in audit.findings for key in finding.sources)
    for key in keys:
        console.print(f"[{key}] {SOURCES[key]}")


def _print_finding(console: Console, finding: Finding) -> None:
    console.print()
    console.print(f"{finding.severity.upper()} {finding.code}: {finding.where}", style="bold")
    sources = f" [{', '.join(finding.sources)}]" if finding.sources else ""
    for line in (finding.sentence, *evidence_lines(finding.evidence), f"{finding.why}{sources}", finding.do):
        console.print(Padding(line, (0, 0, 0, 2), expand=False))


def _print_check(console: Console, check: Check) -> None:
    console.print(f"{_MARKS[check.verdict]:<8}{check.code}  {check.where}")
    console.print(Padding(check.sentence, (0, 0, 0, 8), expand=False))
    # One table stands in the sentence; of several a reader wants to see them.
    if check.code == "confusion" and check.verdict == "consistent" and len(check.evidence) > 1:
        for line in evidence_lines(check.evidence):
            console.print(Padding(line, (0, 0, 0, 8), expand=False))


def evidence_lines(evidence: tuple[Mapping[str, Any], ...]) -> list[str]:
    """Return the first rows of evidence as lines of names and rounded numbers."""
    lines = [
        ", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in row.items())
        for row in evidence
    ]
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], f"and {more:,} more (--json has them)"] if more > 0 else lines


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _summary(audit: ClaimsAudit) -> str:
    n = {verdict: audit.count(verdict) for verdict in _MARKS}
    return (
        f"{len(audit.checks)} checks: consistent {n['consistent']}, contradictions {n['contradiction']}, "
        f"doubtful {n['doubtful']}, cut off instead of rounded {n['cut off']}, could not run {n['not run']}."
    )
