"""A refereed study as plain values, and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from manuscript.bibliography import references
from stats.findings import SEVERITIES, Finding
from study.rich_tables import number, print_wide

SHOWN_ROWS = 6
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """Number of findings of every severity."""
    return {name: sum(finding.severity == name for finding in findings) for name in SEVERITIES}


def counts_text(findings: Sequence[Finding]) -> str:
    """`1 error, 4 warnings, 2 notes`."""
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts(findings).items())


def cited_references(findings: Sequence[Finding]) -> dict[str, str]:
    """Full references of the sources that the findings name, by key."""
    known = references()
    return {key: known[key] for key in sorted({key for finding in findings for key in finding.sources})}


def report_json(name: str, kind: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return name, kind, counts and all findings with all evidence."""
    return {
        "name": name,
        "kind": kind,
        **{f"n_{severity}s": n for severity, n in counts(findings).items()},
        "findings": [finding.as_json() for finding in findings],
        "references": cited_references(findings),
    }


def print_findings(console: Console, title: str, findings: Sequence[Finding], *, brief: bool = False) -> None:
    """Print every finding with evidence, reason and remedy; or, if `brief`, a table of their sentences."""
    console.print(f"{title}: {counts_text(findings)}", style="bold", soft_wrap=True)
    if not findings:
        console.print("Nothing was found that a reviewer would object to.")
    elif brief:
        console.print(_overview(findings))
    else:
        for finding in findings:
            _one(console, finding)
        console.print("\nSources", style="bold")
        for key, text in cited_references(findings).items():
            console.print(f"{key}: {text}")


def _overview(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("severity", "code", "finding"):
        table.add_column(Text(name, style="dim"), no_wrap=name != "finding", overflow="fold")
    for finding in findings:
        label = Text(finding.severity, style=COLOURS[finding.severity])
        table.add_row(label, Text(finding.code), Text(finding.sentence))
    return table


def _one(console: Console, finding: Finding) -> None:
    where = f" · {finding.where}" if finding.where else ""
    style = f"bold {COLOURS[finding.severity]}"
    console.print(Text.assemble((f"\n[{finding.severity}] {finding.code}", style), where))
    console.print(finding.sentence)
    _evidence(console, finding.evidence)
    console.print(f"why: {finding.why} ({', '.join(finding.sources)})" if finding.sources else finding.why)
    console.print(f"do:  {finding.do}")


def _evidence(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """The first rows as an indented table; texts of formulas and ids stay whole."""
    if not rows:
        return
    names = list(rows[0])
    numeric = {name for name in names if all(_is_number(row.get(name)) for row in rows)}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(
            Text(name, style="dim"), justify="right" if name in numeric else "left", overflow="fold"
        )
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*(Text(cell_text(row.get(name))) for name in names))
    print_wide(console, table)
    if len(rows) > SHOWN_ROWS:
        console.print(f"and {len(rows) - SHOWN_ROWS} more rows (--json for all)", style="dim")


def cell_text(value: Any) -> str:
    """Return a value of the evidence as text, numbers rounded."""
    if isinstance(value, bool) or not _is_number(value):
        return "-" if value is None else str(value)
    return "-" if value is None else number(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
