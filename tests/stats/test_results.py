"""The row format: columns, types and missing values."""

from __future__ import annotations

import pandas as pd

from stats.results import RESULT_COLUMNS, ComparisonResult, joined_notes, results_frame


def test_columns_and_types_do_not_depend_on_the_rows() -> None:
    empty, full = results_frame([]), ComparisonResult(analysis="delong", method="m", n=3).to_frame()
    assert tuple(empty.columns) == tuple(full.columns) == RESULT_COLUMNS
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


def test_missing_values_are_null() -> None:
    row = ComparisonResult(analysis="delong", method="m").to_frame().iloc[0]
    assert row[["task", "estimate", "p_value", "n_groups"]].isna().all()
    assert row["planned"]


def test_notes_are_joined_once() -> None:
    assert joined_notes("a", None, "b", "a") == "a; b"
    assert joined_notes(None) is None
