"""Word and PDF without Quarto: every table and picture of the page is in them, whole."""

import re
import zipfile
from pathlib import Path

import pytest

from study.preview import page, paper
from study.preview.native_tables import prepared, with_native_tables
from study.preview.render import project_folder

GT_HTML = """<div id="x"><style>#x td { color: red; }</style>
<table class="gt_table"><thead><tr><th class="gt_col_heading gt_left">Arm</th>
<th class="gt_col_heading gt_right">AUC</th></tr></thead>
<tbody><tr><th class="gt_group_heading" colspan="2">breast</th></tr>
<tr><td class="gt_row gt_left">a &lt; b</td><td class="gt_row gt_right">0.9</td></tr></tbody>
<tfoot><tr><td class="gt_sourcenote" colspan="2">A note.</td></tr></tfoot></table></div>"""


def _word(path: Path) -> tuple[str, list[str]]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        return archive.read("word/document.xml").decode("utf-8"), names


def test_word_has_every_table_and_picture_of_the_page(documents: dict[str, Path]) -> None:
    html = documents["html"].read_text(encoding="utf-8")
    document, names = _word(documents["docx"])
    assert document.count("<w:tbl>") == len(re.findall(r'<table[^>]*class="gt_table"', html)) > 10
    assert document.count("<pic:pic") == html.count("<img ") > 3
    assert len([name for name in names if name.startswith("word/media/")]) == html.count("<img ")


def test_word_has_resolved_references_and_the_citations(documents: dict[str, Path]) -> None:
    document, _ = _word(documents["docx"])
    text = re.sub(r"<[^>]+>", "", document)
    assert "Supplementary\u00a0Table\u00a01" in text
    assert "DeLong" in text
    assert not re.search(r"\?@|@(fig|tbl|sec)-", text)
    anchors = set(re.findall(r'w:anchor="((?:fig|tbl|sec)-[^"]+)"', document))
    assert anchors
    assert anchors <= set(re.findall(r'<w:bookmarkStart [^>]*w:name="([^"]+)"', document))


def test_pdf_has_pages(documents: dict[str, Path]) -> None:
    content = documents["pdf"].read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(content) > 100_000  # the pictures are in it


def test_a_table_that_is_longer_than_a_page_goes_on_on_the_next(tmp_path: Path) -> None:
    """Typst would squeeze the rows that do not fit into the foot of the page."""
    import typst

    cell = '<tr><td class="gt_row gt_left">{}</td></tr>'
    rows = "".join(cell.format(f"row {i}") for i in range(150))
    table = f'```{{=html}}\n<table class="gt_table"><tbody>{rows}</tbody></table>\n```'
    text = f"::: {{#tbl-long}}\n\n{table}\n\nLong.\n\n:::\n\nSee @tbl-long.\n"
    paper.make_pdf([text], project=project_folder(), work=tmp_path, target=tmp_path / "long.pdf")
    typst.compile(
        str(tmp_path / "article.typ"), output=str(tmp_path / "p{0p}.png"), root=str(tmp_path), ppi=20
    )
    assert len(list(tmp_path.glob("p*.png"))) >= 3


@pytest.mark.parametrize("path", ["/etc/hostname", "../outside.txt"])
def test_typst_reads_no_file_outside_of_the_folder_of_work(tmp_path: Path, path: str) -> None:
    """Names are made harmless before; this holds where something raw gets through."""
    pytest.importorskip("typst")
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "outside.txt").write_text("secret")
    text = f'`#read("{path}")`{{=typst}}'
    with pytest.raises(ValueError, match="Typst could not make the PDF"):
        paper.make_pdf([text], project=project_folder(), work=work, target=tmp_path / "x.pdf")


def test_html_tables_become_tables_with_alignment_groups_and_notes() -> None:
    tree = {"blocks": [{"t": "RawBlock", "c": ["html", GT_HTML]}], "meta": {}}
    read = lambda html: page.run_pandoc(["-f", "html", "-t", "json"], html, project_folder())  # noqa: E731
    (block,) = with_native_tables(tree, read)["blocks"]
    (table,) = block["c"][1]
    assert table["t"] == "Table"
    assert "style" not in str(table)
    shown = str(table)
    assert all(word in shown for word in ("breast", "Strong", "note.", "AlignRight", "AlignLeft", "0.9"))


def test_an_html_block_without_a_table_is_no_silent_loss() -> None:
    tree = {"blocks": [{"t": "RawBlock", "c": ["html", "<table></table>"]}], "meta": {}}
    with pytest.raises(ValueError, match="could not be read from its HTML"):
        with_native_tables(tree, lambda _: '{"blocks": [{"t": "Div", "c": [["", [], []], []]}]}')


def test_group_rows_are_cells_and_styles_are_gone() -> None:
    html = prepared(GT_HTML)
    assert "<style>" not in html
    assert re.search(r"<td[^>]*gt_group_heading[^>]*><strong>breast</strong></td>", html)


def test_pictures_are_no_wider_than_the_text() -> None:
    assert paper._width(["width", "900"]) == ["width", "100%"]
    assert paper._width(["width", "400"]) == ["width", "400"]
    assert paper._width(["alt", "900"]) == ["alt", "900"]
