"""References of the article in one line each, for reports outside of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

BIBLIOGRAPHY = Path(__file__).parent / "references.bib"


@cache
def references() -> dict[str, str]:
    """Return every entry by its key: authors, year, title, journal, DOI or arXiv number."""
    text = BIBLIOGRAPHY.read_text(encoding="utf-8")
    entries = re.findall(r"^@\w+\{([^,]+),\n(.*?)^\}", text, flags=re.MULTILINE | re.DOTALL)
    return {
        key: _line(dict(re.findall(r"^  (\w+) = \{(.*)\},?$", body, re.MULTILINE))) for key, body in entries
    }


def _line(fields: dict[str, str]) -> str:
    where = fields.get("journal") or fields.get("booktitle")
    eprint = f"arXiv:{fields['eprint']}" if "eprint" in fields else None
    parts = [
        f"{_authors(fields.get('author', ''))} {fields.get('year', '')}".strip(),
        fields.get("title"),
        where if where is None or "volume" not in fields else f"{where} {fields['volume']}",
        f"doi:{fields['doi']}" if "doi" in fields else eprint,
    ]
    return re.sub(r"[{}]", "", ". ".join(part.rstrip(".") for part in parts if part)) + "."


def _authors(text: str) -> str:
    """Family names of up to two authors, else of the first and "et al."."""
    names = [name.partition(",")[0].strip() for name in text.split(" and ")]
    return " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
