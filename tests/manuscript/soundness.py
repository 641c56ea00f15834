"""What must hold for the documents of any store, whatever it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from great_tables import GT
from IPython.display import Markdown
from matplotlib.figure import Figure
from plotnine import ggplot

from manuscript.figures.raster import Raster
from manuscript.load import Report
from tests.manuscript.in_process import FOLDER, Block, document

DOCUMENTS = ("index.qmd", "supplement.qmd")
# Words of the programming language where a dash or a sentence belongs; "None: ..." is a sentence.
_RAW = re.compile(r"(?<![\w/])(?:nan|NaN|NaT|<NA>|None(?!:)|inf|Traceback)(?![\w/])")
_HOLE = re.compile(r"(?:^|\s)[.,;:](?=\s|$)|\(\)|\*\*\*\*|:\s*$(?!\n\n- )", re.MULTILINE)
_KEY = re.compile(r"(?<![\w`])@([A-Za-z][\w:-]*\w)")


def documents(report: Report) -> dict[str, dict[str, Block]]:
    """The sound blocks of article and supplement."""
    made = {name: document(name, report) for name in DOCUMENTS}
    for blocks in made.values():
        require_sound(blocks)
    return made


def all_text(made: Mapping[str, Mapping[str, Block]]) -> str:
    """All words of the documents; runs of blanks are one blank."""
    return re.sub(r"[^\S\n]+", " ", "\n\n".join(b.text for blocks in made.values() for b in blocks.values()))


def require_sound(blocks: Mapping[str, Block]) -> None:
    """No raw value, hole, dead reference or empty float in the blocks of a document."""
    for name, block in blocks.items():
        assert not (found := _RAW.search(block.text)), f"{name}: {_around(block.text, found)}"
        unknown = set(_KEY.findall(block.text)) - _known_keys()
        assert not unknown, f"{name}: {unknown}"
        if block.value is None:
            holes = _HOLE.search(re.sub(r"^:::.*$", "", block.text, flags=re.MULTILINE))
            assert not holes, f"{name}: {_around(block.text, holes)}"
            continue
        assert isinstance(block.value, Markdown | GT | ggplot | Figure | Raster), (
            f"{name} gives {block.value!r}"
        )
        assert isinstance(block.value, ggplot | Figure | Raster) or block.text.strip(), f"{name} is empty"
        assert not isinstance(block.value, GT) or len(block.value._tbl_data), f"{name} has no row"


def _around(text: str, found: re.Match[str] | None) -> str:
    return "" if found is None else text[max(0, found.start() - 80) : found.end() + 40]


@cache
def _known_keys() -> frozenset[str]:
    """Labels of all documents and keys of the references."""
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.qmd")]
    labels = [key for text in texts for key in re.findall(r"\{#([\w-]+)", text)]
    references = (FOLDER / "references.bib").read_text(encoding="utf-8")
    return frozenset([*labels, *re.findall(r"^@\w+\{([^,\s]+),", references, re.MULTILINE)])
