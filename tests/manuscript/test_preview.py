import json
import os
import re
from pathlib import Path
from typing import Any

import pypandoc
import pytest
from PIL import Image

from study.preview.execute import _fenced, _raw_html, execute
from study.preview.page import make_page, require_resolved
from study.preview.qmd import CodeCell, Prose, parse_qmd
from study.preview.references import metadata_text, number_document, resolve_references

QMD = """---
title: "A title"
---

# One {#sec-one}

Text with `{python} x` and ``{python} shown`` and @tbl-a.

```{python}
#| label: first
#| fig-alt: "An alt: text"
x = 1
```

::: {#tbl-a}

```{python}
x
```

A caption of `{python} x` image.

:::
"""


def _parsed(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "page.qmd"
    path.write_text(text, encoding="utf-8")
    return parse_qmd(path)


def test_a_qmd_file_is_split_into_prose_and_cells(tmp_path: Path) -> None:
    document = _parsed(tmp_path, QMD)
    assert document.front == 'title: "A title"'
    kinds = [type(block) for block in document.blocks]
    assert kinds == [Prose, CodeCell, Prose, CodeCell, Prose]
    first = document.blocks[1]
    assert first.options == {"label": "first", "fig-alt": "An alt: text"}
    assert first.source == "x = 1"
    assert document.blocks[3].name == "line 17"


def test_inline_expressions_are_found_once_and_doubled_backticks_are_text(tmp_path: Path) -> None:
    prose = _parsed(tmp_path, QMD).blocks[0]
    assert prose.expressions == ("x",)
    assert "with one and ``{python} shown``" in prose.filled(lambda _: "one")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\ntitle: x\n", r"The header of `page.qmd` does not end"),
        ("```{python}\nx = 1\n", r"The code cell in line 1 of `page.qmd` does not end"),
        ("```{python}\nx = 1\n#| label: late\n```\n", r"has an option below its code"),
    ],
)
def test_a_broken_qmd_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _parsed(tmp_path, text)


def test_a_missing_qmd_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"`none.qmd` is missing in the manuscript's folder"):
        parse_qmd(tmp_path / "none.qmd")


def _tree(text: str) -> Any:
    return json.loads(pypandoc.convert_text(text, "json", format="markdown-implicit_figures"))


def _plain(blocks: Any, meta: Any = None) -> str:
    tree = {"pandoc-api-version": _tree("x")["pandoc-api-version"], "meta": meta or {}, "blocks": blocks}
    return pypandoc.convert_text(json.dumps(tree), "html", format="json", extra_args=["--wrap=none"])


BODY = """# One {#sec-one}

See @tbl-b, [@fig-a; @sec-two] and [@delong1988].

## Two {#sec-two}

::: {#fig-a}

content a

Caption a.

:::

::: {#tbl-b}

content b

Caption b.

:::

# Not counted {.unnumbered}

# Three {#sec-three}
"""


def test_floats_and_sections_get_numbers_in_order() -> None:
    labels: dict[str, str] = {}
    number_document(_tree(BODY), labels)
    assert labels == {
        "sec-one": "Section 1",
        "sec-two": "Section 1.1",
        "fig-a": "Figure 1",
        "tbl-b": "Table 1",
        "sec-three": "Section 2",
    }


def test_references_become_links_and_citations_stay() -> None:
    labels: dict[str, str] = {}
    html = _plain(resolve_references(number_document(_tree(BODY), labels), labels))
    assert '<a href="#tbl-b" class="cross-reference">Table\u00a01</a>' in html
    assert '<a href="#fig-a" class="cross-reference">Figure\u00a01</a>, <a href="#sec-two"' in html
    assert 'data-cites="delong1988"' in html
    assert "Not counted" in html


def test_captions_of_tables_stand_above_and_of_figures_below() -> None:
    html = _plain(number_document(_tree(BODY), {}))
    assert html.index("content a") < html.index("Caption a")
    assert html.index("Caption b") < html.index("content b")


def test_the_names_of_floats_come_from_the_header() -> None:
    text = '---\ncrossref:\n  fig-title: "Supplementary Figure"\n---\n\n' + BODY
    labels: dict[str, str] = {}
    number_document(_tree(text), labels, prefix="S")
    assert labels["fig-a"] == "Supplementary Figure 1"
    assert labels["sec-two"] == "Section S1.1"


def test_the_header_names_the_prefix_of_sections() -> None:
    assert metadata_text(_tree('---\nsection-prefix: "R"\n---\n\ntext\n'), "section-prefix") == "R"
    assert metadata_text(_tree("text\n"), "section-prefix") == ""


def test_a_reference_to_nothing_stops() -> None:
    with pytest.raises(ValueError, match=r"refers to `@fig-none`, which no figure"):
        resolve_references(_tree("See @fig-none.")["blocks"], {})


def test_a_label_used_twice_stops() -> None:
    with pytest.raises(ValueError, match=r"The label `fig-a` is used twice"):
        number_document(_tree("::: {#fig-a}\n\nx\n\nc\n\n:::\n\n::: {#fig-a}\n\ny\n\nc\n\n:::\n"), {})


def test_a_float_without_caption_stops() -> None:
    with pytest.raises(ValueError, match=r"`fig-a` has no content or no caption"):
        number_document(_tree("::: {#fig-a}\n\nonly one paragraph\n\n:::\n"), {})


@pytest.mark.parametrize("html", ["<p>?@fig-x</p>", "<strong>delong1999?</strong>", "<p>(???)</p>"])
def test_an_unresolved_page_is_refused(html: str) -> None:
    with pytest.raises(ValueError, match="unresolved references or citations"):
        require_resolved(html)


def test_a_resolved_page_passes() -> None:
    require_resolved("<p>Is this <strong>bold?</strong></p>".replace("bold?", "bold ?"))


def test_a_missing_citation_stops(tmp_path: Path) -> None:
    for name, text in (("_quarto.yml", "bibliography: refs.bib\n"), ("refs.bib", ""), ("preview.css", "")):
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="nobody1999"):
        make_page(["See [@nobody1999]."], project=tmp_path, work=tmp_path, target=tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()


def test_cells_and_inline_code_run_in_one_kernel(tmp_path: Path) -> None:
    text = """---
title: "T"
---

```{python}
from IPython.display import HTML, Markdown
x = "a_b*c*"
print("printed")
Markdown("**strong**")
```

Escaped `{python} x`, markdown `{python} Markdown("**y**")`, number `{python} 2 + 3`.

```{python}
HTML("<b>raw</b>")
```
"""
    other = tmp_path / "other.qmd"
    other.write_text("```{python}\n'x' in globals()\n```\n")
    shown, second = execute(
        [_parsed(tmp_path, text), parse_qmd(other)], env=dict(os.environ), images=tmp_path
    )
    assert "Escaped a\\_b\\*c\\*, markdown **y**, number 5." in shown
    assert "```\nprinted\n```" in shown
    assert "```{=html}\n<b>raw</b>\n```" in shown
    assert "False" in second
    with pytest.raises(ValueError, match=r"Cell `boom` of `page.qmd` \(line 1\) failed: ZeroDivisionError"):
        execute(
            [_parsed(tmp_path, "```{python}\n#| label: boom\n1 / 0\n```\n")],
            env=dict(os.environ),
            images=tmp_path,
        )
    with pytest.raises(ValueError, match=r"Inline code `nothing` of `page.qmd` failed: NameError"):
        execute([_parsed(tmp_path, "x `{python} nothing` y\n")], env=dict(os.environ), images=tmp_path)


def test_a_figure_without_output_stops_the_preview(tmp_path: Path) -> None:
    page = '```{python}\n#| label: roc\n#| fig-alt: "Curves."\nfigure = 1\n```\n'
    with pytest.raises(ValueError, match="is a figure, but it gave no output"):
        execute([_parsed(tmp_path, page)], env=dict(os.environ), images=tmp_path)


PICTURES = """```{python}
#| label: plot
#| fig-alt: "Points."
import pandas as pd
from plotnine import aes, geom_point, ggplot
ggplot(pd.DataFrame({"x": [1, 2], "y": [1, 2]}), aes("x", "y")) + geom_point()
```

```{python}
#| label: pictures
#| fig-alt: "A Grad-CAM panel."
from matplotlib.figure import Figure
from manuscript.figures.raster import Raster
Raster(Figure(figsize=(2, 1)))
```
"""


@pytest.mark.parametrize(("vector", "plot"), [(False, ".png"), (True, ".svg")])
def test_figures_are_svg_for_print_and_panels_of_pictures_stay_png(
    tmp_path: Path, vector: bool, plot: str
) -> None:
    (shown,) = execute([_parsed(tmp_path, PICTURES)], env=dict(os.environ), images=tmp_path, vector=vector)
    first, second = (Path(found) for found in re.findall(r"!\[\]\(([^)]+)\)", shown))
    assert first.suffix == plot
    assert (b"<svg" in first.read_bytes()) is vector
    with Image.open(second) as panel:
        assert panel.size == (600, 300)  # two inches by one at the resolution of print
    assert "width=192" in shown


def test_no_text_of_a_table_ends_its_raw_block():
    html = "<td>x\n```\n\n[c](javascript:y)\n\n````{=html}\n&lt;b&gt;</td>"
    first, *inner, last = _raw_html(html).split("\n")
    assert "\n".join(inner) == html
    assert first == "`````{=html}"
    assert last == "`````"
    assert _fenced("plain") == "```\nplain\n```"
