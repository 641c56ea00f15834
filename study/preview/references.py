"""Number figures, tables and sections in pandoc's document tree and resolve the references to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Node = Any
_FLOAT = re.compile(r"^(fig|tbl)-")
_REFERENCE = re.compile(r"^(fig|tbl|sec|eq|lst)-")


@dataclass(slots=True)
class Numbering:
    """Running numbers of one document, and the names of all labels of the page.

    `prefix` stands before section numbers ("S" in the supplement), `names` are the words for floats.
    """

    labels: dict[str, str]
    prefix: str = ""
    names: dict[str, str] = field(default_factory=lambda: {"fig": "Figure", "tbl": "Table"})
    counts: dict[str, int] = field(default_factory=lambda: {"fig": 0, "tbl": 0})
    sections: list[int] = field(default_factory=list)

    def add(self, label: str, name: str) -> None:
        if label in self.labels:
            raise ValueError(f"The label `{label}` is used twice in the manuscript; labels must differ.")
        self.labels[label] = name


def number_document(tree: Node, labels: dict[str, str], *, prefix: str = "") -> list[Node]:
    """Number sections and floats of one document.

    Parameters
    ----------
    tree : pandoc's JSON document; the words for floats come from `crossref` in its metadata
    labels : filled with the shown name of each label, such as "Figure 2"
    prefix : put before section numbers

    Returns
    -------
    the blocks with numbers in headings and captions

    Raises
    ------
    ValueError : a label used twice; a float without caption
    """
    numbering = Numbering(labels=labels, prefix=prefix)
    crossref = tree["meta"].get("crossref", {}).get("c", {})
    for kind in ("fig", "tbl"):
        title = crossref.get(f"{kind}-title")
        if title is not None:
            numbering.names[kind] = _text(title["c"])
    return [_number(block, numbering) for block in tree["blocks"]]


def metadata_text(tree: Node, name: str) -> str:
    """A text of the document's header; empty where it has none of this name."""
    value = tree["meta"].get(name)
    return "" if value is None else _text(value["c"])


def _number(block: Node, numbering: Numbering) -> Node:
    if block["t"] == "Header":
        return _heading(block, numbering)
    if block["t"] != "Div":
        return block
    label = block["c"][0][0]
    match = _FLOAT.match(label)
    if not match:
        attributes, inner = block["c"]
        return {"t": "Div", "c": [attributes, [_number(child, numbering) for child in inner]]}
    return _float(block, label, match.group(1), numbering)


def _heading(block: Node, numbering: Numbering) -> Node:
    level, (label, classes, pairs), inlines = block["c"]
    if "unnumbered" in classes:
        return block
    counts = [*numbering.sections[:level], *([0] * (level - len(numbering.sections)))]
    counts[level - 1] += 1
    numbering.sections = counts
    shown = f"{numbering.prefix}{'.'.join(str(count) for count in counts)}"
    if label.startswith("sec-"):
        numbering.add(label, f"Section {shown}")
    mark = {"t": "Span", "c": [["", ["header-section-number"], []], [_str(shown)]]}
    return {"t": "Header", "c": [level, [label, classes, pairs], [mark, _space(), *inlines]]}


def _float(block: Node, label: str, kind: str, numbering: Numbering) -> Node:
    (_, classes, pairs), inner = block["c"]
    if len(inner) < 2 or inner[-1]["t"] not in ("Para", "Plain"):
        raise ValueError(
            f"`{label}` has no content or no caption; the last paragraph of its block must be the caption."
        )
    numbering.counts[kind] += 1
    name = f"{numbering.names[kind]} {numbering.counts[kind]}"
    numbering.add(label, name)
    title = {"t": "Strong", "c": [*_words(name), _str(".")]}
    text = {"t": "Para", "c": [title, _space(), *inner[-1]["c"]]}
    caption = {"t": "Div", "c": [["", ["caption"], []], [text]]}
    content = inner[:-1]
    body = [caption, *content] if kind == "tbl" else [*content, caption]
    return {"t": "Div", "c": [[label, [*classes, "float", f"float-{kind}"], pairs], body]}


def resolve_references(node: Node, labels: dict[str, str]) -> Node:
    """Replace `@fig-x`, `@tbl-x` and `@sec-x` by links with their numbers, in a tree or a part of it.

    Raises
    ------
    ValueError : labels that no float or section has
    """
    unknown: list[str] = []
    resolved = _resolve(node, labels, unknown)
    if unknown:
        names = ", ".join(f"`@{label}`" for label in dict.fromkeys(unknown))
        raise ValueError(f"The manuscript refers to {names}, which no figure, table or section is called.")
    return resolved


def _resolve(node: Node, labels: dict[str, str], unknown: list[str]) -> Node:
    if isinstance(node, list):
        return [_resolve(child, labels, unknown) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("t") == "Cite":
        ids = [citation["citationId"] for citation in node["c"][0]]
        if any(_REFERENCE.match(label) for label in ids):
            return _links(ids, labels, unknown)
    return {key: _resolve(child, labels, unknown) for key, child in node.items()}


def _links(ids: list[str], labels: dict[str, str], unknown: list[str]) -> Node:
    unknown += [label for label in ids if label not in labels]
    inlines: list[Node] = []
    for label in ids:
        if inlines:
            inlines += [_str(","), _space()]
        words = _words(labels.get(label, f"?@{label}"))
        inlines.append({"t": "Link", "c": [["", ["cross-reference"], []], words, [f"#{label}", ""]]})
    return {"t": "Span", "c": [["", [], []], inlines]}


def _words(text: str) -> list[Node]:
    """Text as inlines, joined by spaces that do not break."""
    return [_str(text.replace(" ", "\u00a0"))]


def _str(text: str) -> Node:
    return {"t": "Str", "c": text}


def _space() -> Node:
    return {"t": "Space"}


def _text(node: Node) -> str:
    """The plain text of metadata."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return "".join(_text(child) for child in node)
    return " " if node["t"] == "Space" else _text(node.get("c", ""))
