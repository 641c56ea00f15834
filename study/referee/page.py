"""Findings as one self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from stats.findings import Finding
from study.referee.report import cell_text, cited_references, counts_text

MOST_ROWS = 200  # of the evidence of one finding; JSON has all
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 0 0 0.3rem; overflow-wrap: anywhere; }
section { border-left: 5px solid #7f8c8d; margin: 1.6rem 0; padding-left: 0.8rem; }
section.error { border-color: #c0392b; } section.warning { border-color: #d68910; }
.code { font-family: ui-monospace, monospace; font-size: 0.85rem; opacity: 0.8; overflow-wrap: anywhere; }
.rows { max-height: 22rem; overflow: auto; margin: 0.5rem 0; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8886; padding: 0.15rem 0.8rem 0.15rem 0; text-align: left; }
p { margin: 0.3rem 0; } li { overflow-wrap: anywhere; }
"""


def findings_page(title: str, findings: Sequence[Finding]) -> str:
    """Return the page: counts, a list of all findings, then each with evidence, reason and remedy."""
    if findings:
        links = "".join(
            f'<li><a href="#f{i}">{escape(f.severity)}: {escape(f.code)}</a>'
            f"{f' ({escape(f.where)})' if f.where else ''}</li>"
            for i, f in enumerate(findings)
        )
        body = f"<p>{escape(counts_text(findings))}</p><ul>{links}</ul>"
    else:
        body = "<p>Nothing was found that a reviewer would object to.</p>"
    sections = "\n".join(_section(i, finding) for i, finding in enumerate(findings))
    cited = "".join(
        f"<li>{escape(key)}: {escape(text)}</li>" for key, text in cited_references(findings).items()
    )
    sources = f"<h2>Sources</h2><ul>{cited}</ul>" if cited else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"{body}\n{sections}\n{sources}\n</body></html>\n"
    )


def _section(i: int, finding: Finding) -> str:
    sources = f" ({escape(', '.join(finding.sources))})" if finding.sources else ""
    where = f" · {escape(finding.where)}" if finding.where else ""
    return (
        f'<section class="{finding.severity}" id="f{i}"><div class="code">{finding.severity} · '
        f"{escape(finding.code)}{where}</div><h2>{_marked(finding.sentence)}</h2>"
        f"{_table(finding.evidence)}<p><strong>Why:</strong> {_marked(finding.why)}{sources}</p>"
        f"<p><strong>Do:</strong> {_marked(finding.do)}</p></section>"
    )


def _marked(text: str) -> str:
    """Text with names in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    names = list(rows[0])
    head = "".join(f"<th>{escape(str(name)).replace('_', ' ')}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell_text(row.get(name)))}</td>' for name in names)}</tr>"
        for row in rows[:MOST_ROWS]
    )
    more = f"<p>and {len(rows) - MOST_ROWS} more rows</p>" if len(rows) > MOST_ROWS else ""
    return f'<div class="rows"><table><tr>{head}</tr>{body}</table></div>{more}'
