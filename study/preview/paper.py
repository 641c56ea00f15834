"""The documents for paper, without Quarto: Word through pandoc, PDF through pandoc and Typst."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from study.preview.native_tables import with_native_tables
from study.preview.page import joined_tree, run_pandoc

Node = Any
BANNER = (
    "This document is a preview made without Quarto: the same cells, numbers and references, in a plainer "
    "layout. Install Quarto and run `study manuscript` again for the typeset article."
)
_PX_PER_MM = 96 / 25.4
_TEXT_MM = 175  # width of A4 within the margins of the project
_PAGE = ["-V", "papersize=a4", "-V", "fontsize=10pt"]
_TYPST = """#set table(inset: 3.5pt, stroke: none)
#show table: set text(size: 8.5pt)
#set table.hline(stroke: 0.5pt)
#set page(margin: (x: 1.75cm, y: 2cm))
"""


def make_docx(documents: list[str], *, project: Path, work: Path, target: Path) -> None:
    """Write one Word file from the markdown of the article and its supplements.

    Raises
    ------
    ValueError : pandoc fails; a reference or citation is unresolved
    """
    _convert(
        documents, project, work, target, ["-t", "docx", f"--reference-doc={project / 'reference.docx'}"]
    )


def make_pdf(documents: list[str], *, project: Path, work: Path, target: Path) -> None:
    """Write one PDF from the markdown of the article and its supplements.

    Raises
    ------
    ValueError : pandoc or Typst fails; a reference or citation is unresolved; Typst is not installed
    """
    try:
        import typst
    except ImportError as error:
        raise ValueError("PDF needs the package typst: pip install '.[paper]'.") from error
    header = work / "header.typ"
    header.write_text((project / "typst-header.typ").read_text(encoding="utf-8") + _TYPST, encoding="utf-8")
    source = work / "article.typ"
    _convert(documents, project, work, source, ["-t", "typst", "-s", f"--include-in-header={header}", *_PAGE])
    # Typst reads files below its root alone, which it takes for "/": the pictures, and nothing of yours.
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace(f'"{work.as_posix()}/', '"/'), encoding="utf-8")
    try:
        typst.compile(str(source), output=str(target), root=str(work))
    except typst.TypstError as error:
        raise ValueError(f"Typst could not make the PDF: {error}") from error


def _convert(documents: list[str], project: Path, work: Path, target: Path, options: list[str]) -> None:
    tree = joined_tree(documents, project)
    tree = with_native_tables(tree, lambda html: run_pandoc(["-f", "html", "-t", "json"], html, project))
    tree["blocks"] = [_paragraph(BANNER), *(_fitted(block) for block in tree["blocks"])]
    source = work / "paper.json"
    source.write_text(json.dumps(tree), encoding="utf-8")
    arguments = [
        *("-f", "json", str(source), "-o", str(target), "--citeproc"),
        f"--metadata-file={project / '_quarto.yml'}",
        "--metadata=reference-section-title:References",
        *options,
    ]
    run_pandoc(arguments, "", project)


def _paragraph(text: str) -> Node:
    words = [[{"t": "Str", "c": word}, {"t": "Space"}] for word in text.split()]
    return {"t": "Para", "c": [{"t": "Emph", "c": [part for pair in words for part in pair][:-1]}]}


def _fitted(node: Node) -> Node:
    """The same with no picture wider than the text; figures stay whole, captions with what they name."""
    if isinstance(node, list):
        return [_fitted(child) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("t") == "Div":
        (label, classes, pairs), inner = node["c"]
        kept = [["typst:breakable", "false"]] if "float-fig" in classes else []
        kept += [["typst:sticky", "true"]] if "caption" in classes else []
        return {"t": "Div", "c": [[label, classes, [*pairs, *kept]], _fitted(inner)]}
    if node.get("t") == "Image":
        (label, classes, pairs), *rest = node["c"]
        return {"t": "Image", "c": [[label, classes, [_width(pair) for pair in pairs]], *rest]}
    return {key: _fitted(child) for key, child in node.items()}


def _width(pair: list[str]) -> list[str]:
    name, value = pair
    wide = name == "width" and value.isdigit() and int(value) > _TEXT_MM * _PX_PER_MM
    return [name, "100%"] if wide else pair
