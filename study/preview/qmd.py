"""Read a .qmd file: front matter, markdown, code cells with their options, inline expressions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```\{python\}\s*$")
_OPTION = re.compile(r"^#\|\s*([A-Za-z][\w-]*):\s*(.*?)\s*$")
# The expression of `{python} expr` ends at the backtick; a doubled backtick shows the code instead.
_INLINE = re.compile(r"(?<!`)`\{python\}[ \t]([^`\n]+)`(?!`)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCell:
    """One executed cell; `line` is where its fence stands, counted from 1."""

    source: str
    options: dict[str, str] = field(default_factory=dict)
    line: int

    @property
    def name(self) -> str:
        return self.options.get("label", f"line {self.line}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """Markdown between cells, with its inline expressions still in place."""

    text: str
    line: int

    @property
    def expressions(self) -> tuple[str, ...]:
        """The inline expressions, each once, in order."""
        return tuple(dict.fromkeys(found.strip() for found in _INLINE.findall(self.text)))

    def filled(self, show: Callable[[str], str]) -> str:
        """The text with every inline expression replaced by what `show` gives for it."""
        return _INLINE.sub(lambda match: show(match.group(1).strip()), self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed .qmd file. `front` is the YAML header as it stands, for pandoc to read."""

    path: Path
    front: str
    blocks: tuple[CodeCell | Prose, ...]


def parse_qmd(path: Path) -> Document:
    """Read and split one .qmd file.

    Raises
    ------
    FileNotFoundError : no such file
    ValueError : a header or a code cell that does not end; an option after the first line of code
    """
    if not path.is_file():
        raise FileNotFoundError(f"`{path.name}` is missing in the manuscript's folder `{path.parent}`.")
    lines = path.read_text(encoding="utf-8").splitlines()
    front, start = _front_matter(lines, path.name)
    blocks: list[CodeCell | Prose] = []
    prose_start, position = start, start
    while position < len(lines):
        if not _FENCE.match(lines[position]):
            position += 1
            continue
        _add_prose(blocks, lines[prose_start:position], prose_start + 1)
        end = _closing_fence(lines, position, path.name)
        blocks.append(_code_cell(lines[position + 1 : end], position + 1, path.name))
        position = prose_start = end + 1
    _add_prose(blocks, lines[prose_start:], prose_start + 1)
    return Document(path=path, front=front, blocks=tuple(blocks))


def _front_matter(lines: list[str], name: str) -> tuple[str, int]:
    """The YAML between the first two `---` lines, and the line after it."""
    if not lines or lines[0].strip() != "---":
        return "", 0
    for position in range(1, len(lines)):
        if lines[position].strip() == "---":
            return "\n".join(lines[1:position]), position + 1
    raise ValueError(f"The header of `{name}` does not end; close it with a line `---`.")


def _closing_fence(lines: list[str], opening: int, name: str) -> int:
    for position in range(opening + 1, len(lines)):
        if lines[position].rstrip() == "```":
            return position
    raise ValueError(f"The code cell in line {opening + 1} of `{name}` does not end; close it with ```.")


def _add_prose(blocks: list[CodeCell | Prose], lines: list[str], line: int) -> None:
    if any(text.strip() for text in lines):
        blocks.append(Prose(text="\n".join(lines), line=line))


def _code_cell(lines: list[str], line: int, name: str) -> CodeCell:
    options = {}
    body = list(lines)
    while body and (match := _OPTION.match(body[0])):
        options[match.group(1)] = _option_value(match.group(2))
        body.pop(0)
    if any(text.startswith("#|") for text in body):
        raise ValueError(
            f"The code cell in line {line} of `{name}` has an option below its code; options stand on top."
        )
    return CodeCell(source="\n".join(body), options=options, line=line)


def _option_value(text: str) -> str:
    """A YAML scalar of one line: a double-quoted text is unquoted, anything else stays."""
    return str(json.loads(text)) if text.startswith('"') else text
