import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manuscript import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "< 0.001"),
        (0.00099, "< 0.001"),
        (0.001, "0.001"),
        (0.0543, "0.054"),
        (0.04984, "0.0498"),
        (0.05, "0.050"),
        (0.99951, "> 0.999"),
        (1.0, "> 0.999"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_p_values_are_never_shown_as_zero_or_one(value: float | None, shown: str) -> None:
    assert text.p_value(value) == shown


@given(st.floats(0, 1))
def test_every_p_value_keeps_its_side_of_the_five_percent_level(p: float) -> None:
    shown = float(text.p_value(p).lstrip("<> "))
    assert abs(shown - p) <= 0.001 + 1e-12
    if abs(p - 0.05) > 5e-5:
        assert (shown < 0.05) == (p < 0.05)


def test_p_value_out_of_range_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1; got 1\.2"):
        text.p_value(1.2)


def test_p_phrase_has_one_sign() -> None:
    assert text.p_phrase(0.04) == "p = 0.040"
    assert text.p_phrase(1e-9) == "p < 0.001"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-0.0594, "−0.059"),
        (-0.0001, "0.000"),
        (0.87551, "0.876"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (None, "–"),
    ],
)
def test_numbers_have_a_true_minus_and_no_negative_zero(value: float | None, shown: str) -> None:
    assert text.number(value) == shown


def test_estimate_leaves_out_a_missing_interval() -> None:
    assert text.estimate(0.9, 0.85, 0.95) == "0.900 (0.850 to 0.950)"
    assert text.estimate(0.9, math.nan, math.nan) == "0.900"


@pytest.mark.parametrize(
    ("n", "shown"), [(0, "no cells"), (1, "1 cell"), (24, "24 cells"), (12000, "12\u202f000 cells")]
)
def test_counts_agree_with_their_noun(n: int, shown: str) -> None:
    assert text.count(n, "cell") == shown


@pytest.mark.parametrize(
    ("words", "shown"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_joined_as_in_a_sentence(words: list[str], shown: str) -> None:
    assert text.join_words(words) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (4.0, "4"),
        (0.5, "0.5"),
        (None, "–"),
        (True, "yes"),
        (np.False_, "no"),
        (pd.NA, "–"),
        ("ResNet50", "ResNet50"),
    ],
)
def test_levels_read_as_people_write_them(value: object, shown: str) -> None:
    assert text.plain(value) == shown


def test_durations_choose_their_unit() -> None:
    assert [text.duration(s) for s in (42.4, 210, 7560, None)] == ["42 s", "3.5 min", "2.1 h", "–"]


def test_degrees_of_freedom_show_a_decimal_only_when_they_have_one() -> None:
    assert [text.degrees(df) for df in (167.0, 4.58, None)] == ["167", "4.6", "–"]


def test_unknown_columns_get_a_readable_name() -> None:
    assert text.factor_name("pretrain") == "Pretraining"
    assert text.factor_name("label_policy") == "Label policy"
