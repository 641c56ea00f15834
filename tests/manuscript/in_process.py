"""Run the cells and inline code of the .qmd files in this process, without a kernel, on a given report."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import unescape
from inspect import isfunction
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
from great_tables import GT
from IPython.display import Markdown

import manuscript
import manuscript.load
from manuscript.load import Report
from study.preview.qmd import CodeCell, Document, Prose, parse_qmd

FOLDER = Path(manuscript.__path__[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What a cell gives, or the text of prose with its inline code filled in; and what it read.

    Attributes
    ----------
    value : of a cell; None for prose
    text : words of a cell's text or table, or the prose; empty for a figure
    reads : parts of the report: names of tables, and of other attributes with a dot before them
    """

    value: Any
    text: str
    reads: frozenset[str]


class Watched:
    """A report that notes which of its parts are read."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.reads: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        member = vars(Report).get(name)
        if isinstance(member, property):
            return member.fget(self)  # type: ignore[misc]
        if isfunction(member):
            return MethodType(member, self)
        if name == "tables":
            return _WatchedTables(self._report.tables, self.reads)
        self.reads.add(f".{name}")
        return getattr(self._report, name)


class _WatchedTables(Mapping):
    def __init__(self, tables: Mapping[str, Any], reads: set[str]) -> None:
        self._tables, self._reads = tables, reads

    def __getitem__(self, name: str) -> Any:
        self._reads.add(name)
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def shown(name: str, report: Report) -> dict[str, Any]:
    """What each cell and inline expression of a document gives, by label or expression."""
    found: dict[str, Any] = {}
    for block, space in _spaces(name, report):
        if isinstance(block, CodeCell):
            found[block.name] = _run(block.source, space)
        else:
            found |= {text: eval(text, space) for text in block.expressions}
    return found


def document(name: str, report: Report, *, whole: Mapping[str, Block] | None = None,
             changed: Callable[[str], bool] = lambda part: True) -> dict[str, Block]:  # fmt: skip
    """The blocks of a document by label, prose by `line N`.

    Parameters
    ----------
    whole : blocks of another report, which equals this one but for the parts that `changed` tells. What a
        cell reads decides what it gives: cells that read no such part are left out here.
    """
    watched = Watched(report)
    found: dict[str, Block] = {}
    for block, space in _spaces(name, watched):
        watched.reads.clear()
        if isinstance(block, Prose):
            text = block.filled(lambda inline, space=space: _inline(eval(inline, space)))
            found[f"line {block.line}"] = Block(value=None, text=text, reads=frozenset())
            continue
        from_report = "report" in block.source and "load_report" not in block.source
        if whole is not None and from_report and not any(map(changed, whole[block.name].reads)):
            continue
        value = _run(block.source, space)
        found[block.name] = Block(value=value, text=_words(value), reads=frozenset(watched.reads))
    return found


def words(found: Mapping[str, Any]) -> str:
    """All texts and tables among the outputs."""
    return "\n\n".join(text for value in found.values() if (text := _words(value)))


def _words(value: Any) -> str:
    if isinstance(value, Markdown):
        return str(value.data)
    if isinstance(value, GT):
        bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", value.as_raw_html(), flags=re.DOTALL)
        return unescape(bare)
    return value if isinstance(value, str) else ""


def _inline(value: Any) -> str:
    return str(value.data) if isinstance(value, Markdown) else str(value)


@cache
def _parsed(name: str) -> Document:
    return parse_qmd(FOLDER / name)


def _spaces(name: str, report: Any) -> Iterator[tuple[CodeCell | Prose, dict[str, Any]]]:
    """Every block of a document with the namespace that it runs in."""
    space: dict[str, Any] = {}
    for block in _parsed(name).blocks:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(manuscript.load, "find_store", lambda: None)
            patch.setattr(manuscript.load, "load_report", lambda _: report)
            yield block, space


def _run(source: str, space: dict[str, Any]) -> Any:
    """The value of the last line, as in a notebook."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, type_ignores=[]), "<cell>", "exec"), space)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)
    exec(compile(ast.Module([last], type_ignores=[]), "<cell>", "exec"), space)
    return None
