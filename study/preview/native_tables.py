"""Tables for paper: great_tables' HTML as tables of pandoc's own, which Word and Typst can show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Node = Any
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_ALIGNED = re.compile(r"<t([dh])([^>]*\bgt_(left|right|center)\b[^>]*)>")
_NOTES = re.compile(r"<td([^>]*\bgt_sourcenote\b[^>]*)>")
_GROUP = re.compile(r"<th([^>]*\bgt_group_heading\b[^>]*)>(.*?)</th>", re.DOTALL)


def with_native_tables(tree: Node, read_html: Callable[[str], str]) -> Node:
    """Replace every raw HTML table of a document.

    Parameters
    ----------
    tree : pandoc's JSON document
    read_html : from HTML to pandoc's JSON; called once

    Raises
    ------
    ValueError : an HTML block in which pandoc finds no table; it would vanish from the document
    """
    found: list[str] = []
    _collect(tree["blocks"], found)
    if not found:
        return tree
    whole = "\n".join(f"<div>{prepared(html)}</div>" for html in found)
    tables = [_tables(block) for block in json.loads(read_html(whole))["blocks"]]
    if len(tables) != len(found) or not all(tables):
        raise ValueError("A table of the manuscript could not be read from its HTML; it would be missing.")
    remaining = iter(tables)
    return {**tree, "blocks": _replaced(tree["blocks"], remaining)}


def prepared(html: str) -> str:
    """HTML whose alignments and group rows pandoc understands: it knows no style sheet."""
    html = _STYLE.sub("", html)
    html = _GROUP.sub(r'<td\1 align="left"><strong>\2</strong></td>', html)
    html = _NOTES.sub(r'<td\1 align="left">', html)
    return _ALIGNED.sub(r'<t\1\2 align="\3">', html)


def _is_table(node: Node) -> bool:
    return (
        isinstance(node, dict)
        and node.get("t") == "RawBlock"
        and node["c"][0] == "html"
        and "<table" in node["c"][1]
    )


def _collect(node: Node, found: list[str]) -> None:
    if _is_table(node):
        found.append(node["c"][1])
        return
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _collect(child, found)


def _replaced(node: Node, tables: Any) -> Node:
    if isinstance(node, list):
        return [_replaced(child, tables) for child in node]
    if not isinstance(node, dict):
        return node
    if _is_table(node):
        return {"t": "Div", "c": [["", [], []], next(tables)]}
    return {key: _replaced(child, tables) for key, child in node.items()}


def _tables(node: Node) -> list[Node]:
    """The tables in a part of a document, without attributes that only a browser can use."""
    if isinstance(node, dict) and node.get("t") == "Table":
        return [_plain(node)]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [table for child in children for table in _tables(child)]


def _plain(node: Node) -> Node:
    """The same without HTML attributes."""
    if isinstance(node, list):
        if len(node) == 3 and node[0:1] and isinstance(node[0], str) and node[1:] and _is_attr(node):
            return ["", [], []]
        return [_plain(child) for child in node]
    return {key: _plain(child) for key, child in node.items()} if isinstance(node, dict) else node


def _is_attr(node: list[Any]) -> bool:
    _, classes, pairs = node
    return (
        isinstance(classes, list)
        and isinstance(pairs, list)
        and all(isinstance(name, str) for name in classes)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
    )
