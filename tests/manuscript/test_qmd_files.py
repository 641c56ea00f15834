"""What must hold for the .qmd files, without running them."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

import manuscript
from study.preview.qmd import CodeCell, Document, Prose, parse_qmd

FOLDER = Path(manuscript.__path__[0])
NAMES = ("index.qmd", "supplement.qmd", "original.qmd")
LABEL = re.compile(r"\{#((?:fig|tbl|sec)-[\w-]+)\}")
REFERENCE = re.compile(r"@((?:fig|tbl|sec)-[\w-]+)")
CITATION = re.compile(r"@((?!fig-|tbl-|sec-)[a-z][\w:.-]*)")


@pytest.fixture(scope="module", params=NAMES)
def document(request: pytest.FixtureRequest) -> Document:
    return parse_qmd(FOLDER / request.param)


def _prose(document: Document) -> str:
    return "\n".join(block.filled(lambda _: "") for block in document.blocks if isinstance(block, Prose))


def test_no_number_is_typed_in_the_prose(document: Document) -> None:
    text = re.sub(r"@[a-z]+\d{4}", "", _prose(document))  # the year in the key of a citation
    text = re.sub(r"\{#[\w-]+\}", "", text)
    assert re.findall(r"\S*\d\S*", text) == []


def test_no_number_is_typed_in_titles_and_captions(document: Document) -> None:
    assert not re.search(r"\d", document.front)
    for block in document.blocks:
        if isinstance(block, CodeCell):
            assert not re.search(r"\d", " ".join(block.options.values()))


def test_every_figure_has_alt_text(document: Document) -> None:
    blocks = document.blocks
    for before, cell in pairwise(blocks):
        if isinstance(before, Prose) and isinstance(cell, CodeCell) and before.text.rstrip().endswith("}"):
            opened = LABEL.findall(before.text.rstrip().splitlines()[-1])
            if opened and opened[0].startswith("fig-"):
                assert len(cell.options.get("fig-alt", "")) > 40, opened[0]


def test_every_float_is_referred_to_and_every_reference_exists(document: Document) -> None:
    text = _prose(document)
    floats = {label for label in LABEL.findall(text) if not label.startswith("sec-")}
    referred = {label for label in REFERENCE.findall(text) if not label.startswith("sec-")}
    assert referred == floats


def test_labels_differ_over_all_documents() -> None:
    labels = [label for name in NAMES for label in LABEL.findall(_prose(parse_qmd(FOLDER / name)))]
    assert len(labels) == len(set(labels))


def test_cells_have_names_that_differ_and_are_no_cross_references(document: Document) -> None:
    names = [block.name for block in document.blocks if isinstance(block, CodeCell)]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("line ", "fig-", "tbl-"))]


def test_every_citation_has_an_entry_and_every_entry_a_doi_or_eprint() -> None:
    bib = (FOLDER / "references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"^@\w+\{([\w:.-]+),", bib, flags=re.MULTILINE))
    cited = {key for name in NAMES for key in CITATION.findall(_prose(parse_qmd(FOLDER / name)))}
    for name in ("describe.py", "plan.py"):
        cited |= set(CITATION.findall((FOLDER / name).read_text(encoding="utf-8")))
    assert cited == keys
    assert bib.count("  doi = ") + bib.count("  eprint = ") == len(keys)


def test_inline_code_shows_simple_values_only(document: Document) -> None:
    expressions = [e for block in document.blocks if isinstance(block, Prose) for e in block.expressions]
    assert all(re.fullmatch(r'v\.\w+|say\["\w+"\]', expression) for expression in expressions)
