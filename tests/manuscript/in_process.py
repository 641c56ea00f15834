"""Run the cells and inline code of the .qmd files in this process, without a kernel, on a given report."""

from __future__ import annotations

import ast
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from great_tables import GT
from IPython.display import Markdown

import manuscript
import manuscript.load
from manuscript.load import Report
from study.preview.qmd import CodeCell, parse_qmd

FOLDER = Path(manuscript.__path__[0])


def shown(name: str, report: Report) -> dict[str, Any]:
    """What each cell and inline expression of a document gives, by label or expression."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manuscript.load, "find_store", lambda: None)
        patch.setattr(manuscript.load, "load_report", lambda _: report)
        space: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for block in parse_qmd(FOLDER / name).blocks:
            if isinstance(block, CodeCell):
                found[block.name] = _run(block.source, space)
            else:
                found |= {text: eval(text, space) for text in block.expressions}
    return found


def words(found: dict[str, Any]) -> str:
    """All texts and tables among the outputs."""
    parts = []
    for value in found.values():
        if isinstance(value, Markdown):
            parts.append(str(value.data))
        elif isinstance(value, GT):
            bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", value.as_raw_html(), flags=re.DOTALL)
            parts.append(unescape(bare))
        elif isinstance(value, str):
            parts.append(value)
    return "\n\n".join(parts)


def _run(source: str, space: dict[str, Any]) -> Any:
    """The value of the last line, as in a notebook."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, type_ignores=[]), "<cell>", "exec"), space)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)
    exec(compile(ast.Module([last], type_ignores=[]), "<cell>", "exec"), space)
    return None
