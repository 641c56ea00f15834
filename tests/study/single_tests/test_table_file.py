"""Files of users: what is read exactly, and what is refused because it would be read wrongly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stats.levels import levels
from study.single_tests.table_file import read_user_table
from study.single_tests.user_table import number_column


@pytest.fixture
def write(tmp_path: Path):
    def call(text: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return call


def test_numbers_keep_every_digit(write) -> None:
    frame = read_user_table(write("a,b\n0.1234567890123456789,1e-300\n12345678901.2345678,2\n"))
    assert frame["a"].tolist() == [float("0.1234567890123456789"), float("12345678901.2345678")]
    assert frame["b"].tolist() == [1e-300, 2.0]


def test_long_ids_beside_a_missing_one_stay_apart(write) -> None:
    ids = [f"1000000000000000{i:02d}" for i in range(12)]
    frame = read_user_table(write("id,y\n" + "".join(f"{v},1\n" for v in [*ids, ""])))
    assert levels(frame["id"]).names == tuple(ids)
    assert frame["id"].isna().sum() == 1
    complete = read_user_table(write("id,y\n" + "".join(f"{v},1\n" for v in ids)))
    assert levels(complete["id"]).names == tuple(ids)


def test_a_word_at_the_end_of_a_large_column_does_not_double_the_levels(write) -> None:
    rows = "".join(f"{i % 8},1\n" for i in range(400_000))
    frame = read_user_table(write(f"g,y\n{rows}z,1\n"))
    assert levels(frame["g"]).names == (*"01234567", "z")


def test_words_for_missing_numbers_are_levels_among_words_as_in_r(write) -> None:
    rows = ["NA,1", "N/A,2", "nan,3", "None,4", ",5", "low,<NA>", "low,n/a", "low,null"]
    frame = read_user_table(write("g,y\n" + "\n".join(rows) + "\n"))
    assert frame["g"].dropna().unique().tolist() == ["N/A", "nan", "None", "low"]
    assert frame["y"].tolist()[:5] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert frame["y"].isna().tolist()[5:] == [True] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y,x,g\n1,2,a,5\n2,3,b,6\n", "its rows have 4 fields, its header 3 names"),
        ("y,x,g\n1,2,a,\n2,3,b,\n", "its rows have 4 fields, its header 3 names"),
        ("y,x,x\n1,2,3\n", "its header names the column 'x' 2 times"),
        (
            "y;x\n1;2\n",
            "seems to be separated by a semicolon; separate the columns of a .csv file by a comma",
        ),
        ("y\tx\n1\t2\n", "seems to be separated by a tab"),
        ("y,x\n1,2\n1,2,3\n", "cannot be read as a table"),
    ],
)
def test_files_that_would_be_read_wrongly_are_refused(write, text: str, message: str) -> None:
    with pytest.raises(ValueError, match="cannot be read as a table") as error:
        read_user_table(write(text))
    assert message in str(error.value)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("y,größe\n1,2\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8 text; save it again"):
        read_user_table(path)
    path.write_bytes(b"\xef\xbb\xbfy,x\n1,2\n")
    assert list(read_user_table(path).columns) == ["y", "x"]


def test_decimals_of_parquet_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"dose": [Decimal("0.5"), None, Decimal("1.25")]}).to_parquet(path)
    column = read_user_table(path)["dose"]
    assert column.dtype == np.float64
    assert column.dropna().tolist() == [0.5, 1.25]


def test_lists_and_dates_are_no_levels_and_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"l": [[1], [2]], "d": pd.to_datetime(["2024-01-01", "2024-01-02"])}).to_parquet(path)
    frame = read_user_table(path)
    with pytest.raises(ValueError, match="`l` holds values of type ndarray; a factor needs text"):
        levels(frame["l"])
    with pytest.raises(ValueError, match="`d` is not numeric \\('2024-01-01 00:00:00'"):
        number_column(frame, "d")


def test_parquet_whose_notes_for_pandas_are_false_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"a": [1, 2]})
    pq.write_table(table.replace_schema_metadata({"pandas": '{"columns": [{"name": "a"}]}'}), path)
    with pytest.raises(ValueError, match="damaged or not parquet"):
        read_user_table(path)
