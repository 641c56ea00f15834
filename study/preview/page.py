"""Join executed documents to one self-contained HTML page with pandoc, and check what came out."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.preview.references import metadata_text, number_document, resolve_references

_READER = "markdown-implicit_figures"
_BANNER = """<div id="preview-note"><p>This page is a preview made without Quarto: the same cells, numbers
and references, in a plainer layout. Install Quarto and run <code>study manuscript</code> again for the
typeset article.</p></div>
"""
# The page runs no script and asks nothing of a network, whatever a text in it says.
_HEADER = """<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:">
"""
_UNRESOLVED = re.compile(r"\?@[\w-]+")
_NO_CITATION = re.compile(r"<strong>([\w:.-]+)\?</strong>")
_NO_SOURCE = re.compile(r"\(\?\?\?\)")


def make_page(documents: Sequence[str], *, project: Path, work: Path, target: Path) -> None:
    """Write one HTML page from the markdown of the article and its supplements.

    Parameters
    ----------
    documents : markdown with outputs; the first is the article, the others follow as supplements
    project : folder of the manuscript, with `_quarto.yml`, references and style
    work : folder for intermediate files
    target : the page to write

    Raises
    ------
    ValueError : pandoc fails; a reference or citation is unresolved
    """
    tree = joined_tree(documents, project)
    source = work / "page.json"
    source.write_text(json.dumps(tree), encoding="utf-8")
    banner = work / "banner.html"
    banner.write_text(_BANNER, encoding="utf-8")
    header = work / "header.html"
    header.write_text(_HEADER, encoding="utf-8")
    page = work / "page.html"
    arguments = [
        *("-f", "json", "-t", "html5", str(source), "-o", str(page)),
        *("--standalone", "--embed-resources", "--toc", "--toc-depth=2", "--section-divs", "--citeproc"),
        f"--metadata-file={project / '_quarto.yml'}",
        "--metadata=reference-section-title:References",
        f"--css={project / 'preview.css'}",
        f"--include-before-body={banner}",
        f"--include-in-header={header}",
    ]
    run_pandoc(arguments, "", project)
    html = page.read_text(encoding="utf-8")
    require_resolved(html)
    target.write_text(html, encoding="utf-8")


def require_resolved(html: str) -> None:
    """Stop where a page shows an unresolved reference or a missing citation.

    Raises
    ------
    ValueError : names of the references and citations
    """
    missing = [*_UNRESOLVED.findall(html), *_NO_CITATION.findall(html), *_NO_SOURCE.findall(html)]
    if missing:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(missing))
        raise ValueError(
            f"The page has unresolved references or citations: {names}. "
            "Check the labels in the .qmd files and the keys in references.bib."
        )


def joined_tree(documents: Sequence[str], project: Path) -> dict[str, Any]:
    """Pandoc's document of the article, then each supplement under its title, numbered and resolved.

    Raises
    ------
    ValueError : pandoc fails; a label that is used twice; a reference to no label
    """
    trees = [json.loads(run_pandoc(["-f", _READER, "-t", "json"], text, project)) for text in documents]
    labels: dict[str, str] = {}
    first = trees[0]
    blocks = number_document(first, labels)
    for tree in trees[1:]:
        title = tree["meta"].get("title", {}).get("c", [{"t": "Str", "c": "Supplement"}])
        prefix = metadata_text(tree, "section-prefix") or "S"
        label = f"supplement-{prefix.lower()}"
        blocks.append({"t": "Header", "c": [1, [label, ["unnumbered", "supplement"], []], title]})
        blocks += number_document(tree, labels, prefix=prefix)
    meta = {key: value for key, value in first["meta"].items() if key != "crossref"}
    joined = {"pandoc-api-version": first["pandoc-api-version"], "meta": meta, "blocks": blocks}
    return resolve_references(joined, labels)


def run_pandoc(arguments: list[str], text: str, folder: Path) -> str:
    """Run the pandoc that is installed with the package; a citation it misses counts as a failure."""
    import pypandoc

    done = subprocess.run(
        [pypandoc.get_pandoc_path(), *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        check=False,
    )
    if done.returncode != 0 or "[WARNING] Citeproc" in done.stderr:
        raise ValueError(f"pandoc could not make the page: {done.stderr.strip()}")
    return done.stdout
