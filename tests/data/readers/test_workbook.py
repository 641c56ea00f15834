"""Spreadsheet files, the honest and the hostile: read within limits, or refused by their name."""

import zipfile

import pytest

from data.readers import workbook
from data.readers.workbook import workbook_rows

ENTITIES = b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaaaaaaaa'>" + b"".join(
    b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 16) for i in range(8)
)
OUTSIDE = b"<!DOCTYPE x [<!ENTITY i SYSTEM 'file:///etc/passwd'>"


@pytest.fixture
def book(tmp_path):
    """A row of names and one of values; `change` rewrites its sheet, `drop` leaves out a part."""
    openpyxl = pytest.importorskip("openpyxl")

    def make(change=lambda sheet: sheet, drop=None):
        made = openpyxl.Workbook()
        made.active.append(["id", "kind"])
        made.active.append([7, "benign"])
        made.save(tmp_path / "honest.xlsx")
        path = tmp_path / "table.xlsx"
        with zipfile.ZipFile(tmp_path / "honest.xlsx") as old, zipfile.ZipFile(path, "w", 8) as new:
            for name in old.namelist():
                content = old.read(name)
                if drop is None or not name.endswith(drop):
                    new.writestr(name, change(content) if name.endswith("sheet1.xml") else content)
        return path

    return make


def with_row(row, before=b""):
    return lambda sheet: sheet.replace(b"</sheetData>", row + b"</sheetData>").replace(
        b"<worksheet", before + b"<worksheet", 1
    )


def test_the_first_sheet_is_read(book):
    assert workbook_rows(book()) == [("id", "kind"), (7, "benign")]


def test_a_size_that_the_file_states_is_not_believed(book):
    path = book(lambda sheet: sheet.replace(b"A1:B2", b"A1:A1"))
    assert workbook_rows(path) == [("id", "kind"), (7, "benign")]


TEXT = b'<row r="3"><c r="A3" t="inlineStr"><is><t>%s</t></is></c></row>'


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_row(TEXT % b"&i;", ENTITIES + b"]>"), "is damaged or no"),
        (with_row(TEXT % b"&i;", OUTSIDE + b"]>"), "is damaged or no"),
        (lambda sheet: sheet[:-40], "is damaged or no"),
        (with_row(b'<row r="3"><c r="A3" t="s"><v>99</v></c></row>'), "is damaged or no"),
        (with_row(b'<row r="x"><c r="$$"><v>1</v></c></row>'), "is damaged or no"),
        (with_row(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "more than 100000 rows"),
        (with_row(TEXT % (b"a" * workbook.MOST_BYTES)), "67108864 are allowed"),
    ],
    ids=["entities", "outside", "cut", "text that is not there", "place", "far row", "bomb"],
)
def test_a_hostile_sheet_is_refused(book, change, reason):
    with pytest.raises(ValueError, match=rf"'.*table\.xlsx' .*{reason}") as error:
        workbook_rows(book(change))
    assert "root:" not in str(error.value)


@pytest.mark.parametrize("part", ["sheet1.xml", "workbook.xml", "[Content_Types].xml"])
def test_a_file_without_a_part_is_refused(book, part):
    with pytest.raises(ValueError, match=r"is damaged or no \.xlsx file \(.+\)\. Download"):
        workbook_rows(book(drop=part))


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        workbook_rows(tmp_path / "none.xlsx")
