"""The Quarto project holds only what Quarto knows: it warns of unknown options, or silently ignores them."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

import manuscript
from study.preview.qmd import CodeCell, Document, Prose, parse_qmd
from study.preview.render import FORMATS, VECTOR

FOLDER = Path(manuscript.__path__[0])
DOCUMENTS = sorted(FOLDER.glob("*.qmd"))
# The part of Quarto's schema (src/resources/schema) that the project uses.
PROJECT_KEYS = {
    "project": {"type", "output-dir", "render"},
    "execute": {"echo", "warning"},
    "format": {"html", "docx", "typst"},
}
TOP_KEYS = {*PROJECT_KEYS, "lang", "bibliography", "link-citations", "number-sections", "jupyter"}
FORMAT_KEYS = {
    "html": {"toc", "embed-resources", "css", "fig-format", "fig-dpi"},
    "docx": {"reference-section-title", "reference-doc", "fig-format", "fig-dpi"},
    "typst": {"papersize", "margin", "include-in-header", "fig-format", "fig-dpi"},
}
FIGURE_FORMATS = {"retina", "png", "jpeg", "svg", "pdf"}
CROSSREF_KEYS = {f"{kind}-{what}" for kind in ("fig", "tbl") for what in ("title", "prefix")}
FRONT_KEYS = {"title", "crossref", "section-prefix"}  # the last one is ours; Quarto takes any metadata
CELL_KEYS = {"label", "fig-alt"}


def _yaml(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module", params=DOCUMENTS, ids=lambda path: path.name)
def document(request: pytest.FixtureRequest) -> Document:
    return parse_qmd(request.param)


@pytest.fixture(scope="module", params=["_quarto.yml", "_quarto-published.yml"])
def project(request: pytest.FixtureRequest) -> dict[str, Any]:
    return _yaml(FOLDER / request.param)


def test_the_project_files_hold_known_options_only(project: dict[str, Any]) -> None:
    assert set(project) <= TOP_KEYS
    for name, allowed in PROJECT_KEYS.items():
        assert set(project.get(name, {})) <= allowed, name
    for name, options in project.get("format", {}).items():
        assert set(options) <= FORMAT_KEYS[name], name
        assert options.get("fig-format", "png") in FIGURE_FORMATS


def test_the_preview_has_vector_figures_where_quarto_has() -> None:
    formats = _yaml(FOLDER / "_quarto.yml")["format"]
    vector = [name for name, options in formats.items() if options.get("fig-format") == "svg"]
    assert vector == [FORMATS[name] for name in VECTOR]


def test_every_file_that_the_project_names_is_there(project: dict[str, Any]) -> None:
    formats = project.get("format", {}).values()
    named = [*project.get("project", {}).get("render", []), project.get("bibliography")]
    keys = ("css", "include-in-header", "reference-doc")
    named += [options.get(key) for options in formats for key in keys]
    for name in named:
        assert name is None or (FOLDER / name).is_file(), name


def test_every_file_of_the_project_is_installed_with_the_package() -> None:
    settings = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["manuscript"]
    files = [path for path in FOLDER.iterdir() if path.is_file() and path.suffix not in ("", ".py")]
    assert [path.name for path in files if not any(fnmatch(path.name, p) for p in patterns)] == []


def test_headers_hold_known_keys_only(document: Document) -> None:
    front = yaml.safe_load(document.front)
    assert set(front) <= FRONT_KEYS
    assert set(front.get("crossref", {})) <= CROSSREF_KEYS


def test_cell_options_are_yaml_that_quarto_knows(document: Document) -> None:
    for block in document.blocks:
        if isinstance(block, CodeCell):
            assert set(block.options) <= CELL_KEYS, block.name
            assert re.fullmatch(r"[a-z][a-z0-9-]*", block.options["label"]), block.name


def test_options_are_written_as_yaml_in_the_files(document: Document) -> None:
    lines = re.findall(r"^#\| (.*)$", document.path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert lines
    for line in lines:
        (value,) = yaml.safe_load(line).values()
        assert isinstance(value, str)


def test_every_block_is_closed_and_every_float_ends_with_a_caption(document: Document) -> None:
    opened = None
    parts: list[CodeCell | str] = []
    for block in document.blocks:
        parts += block.text.splitlines() if isinstance(block, Prose) else [block]
    for part in parts:
        if isinstance(part, str) and part.startswith("::: {"):
            assert opened is None, "a block inside a block"
            opened, inside = part, []
        elif part == ":::":
            assert opened is not None
            kinds = [type(item) for item in inside]
            assert kinds.count(CodeCell) == 1, f"{opened}: one cell per float"
            assert "".join(inside[kinds.index(CodeCell) + 1 :]).strip(), f"{opened} has no caption"
            opened = None
        elif opened is not None:
            inside.append(part)
    assert opened is None


def test_labels_are_of_kinds_that_quarto_numbers_and_have_no_underscore(document: Document) -> None:
    text = document.path.read_text(encoding="utf-8")
    labels = re.findall(r"\{#([^\s}]+)", text)
    assert labels
    assert [label for label in labels if not re.fullmatch(r"(fig|tbl|sec)-[a-z0-9-]+", label)] == []


def test_inline_code_stands_on_one_line(document: Document) -> None:
    """Quarto fills in line by line: an expression over two lines would stay as it is."""
    text = "\n".join(block.text for block in document.blocks if isinstance(block, Prose))
    assert len(re.findall(r"`\{python\}", text)) == len(re.findall(r"`\{python\} [^`\n]+`", text))
