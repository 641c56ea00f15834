"""R's order of levels, and that the mixed models see the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.levels import is_number, level_name, level_names, levels
from stats.lmm.factors import factor


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["b", "A", "a", "C"], ("a", "A", "b", "C")),
        ([16, 4, 16], ("4", "16")),
        ([1.0, 0.5, None], ("0.5", "1")),
        ([True, False], ("False", "True")),
        ([10, "all", 3], ("3", "10", "all")),
    ],
)
def test_levels_sort_as_in_r(values: list, wanted: tuple[str, ...]) -> None:
    found = levels(pd.Series(values))
    assert found.names == wanted
    named = [None if pd.isna(value) else level_name(value) for value in values]
    assert [None if code < 0 else found.names[code] for code in found.codes] == named


texts = st.text("abcXYZ019 -", min_size=1, max_size=4)
columns = st.one_of(
    st.lists(st.one_of(texts, st.none()), min_size=1, max_size=12),
    st.lists(st.integers(-50, 50), min_size=1, max_size=12),
    st.lists(st.one_of(st.floats(-9, 9), st.none()), min_size=1, max_size=12),
    st.lists(st.booleans(), min_size=1, max_size=6),
)


@given(columns)
@settings(max_examples=100, deadline=None)
def test_the_mixed_models_see_the_same_levels(values: list) -> None:
    column = pd.Series(values, dtype=object if any(isinstance(v, str) for v in values) else None)
    one, other = levels(column), factor(column)
    if column.dtype == bool:  # model terms are named as in R: arm[TRUE]
        assert tuple(name.upper() for name in one.names) == other.levels
    else:
        assert one.names == other.levels
    np.testing.assert_array_equal(one.codes, other.codes)


def test_a_categorical_keeps_its_own_order() -> None:
    column = pd.Series(pd.Categorical(["low", "high"], categories=["none", "low", "high"]))
    assert levels(column).names == ("low", "high")


def test_names_keep_missing_values() -> None:
    assert level_names(pd.Series([4.0, None, 16.0])).tolist() == ["4", None, "16"]
    assert is_number(pd.Series([1, 2]))
    assert not is_number(pd.Series([True, False]))
    assert not is_number(pd.Series(["1"]))
