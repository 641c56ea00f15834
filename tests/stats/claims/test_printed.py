"""Printed numbers: every value that prints so lies in the range, and nothing else does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.claims.printed import parse_printed

VALUES = st.floats(-1e4, 1e4, allow_nan=False)


@given(VALUES, st.integers(0, 8))
def test_the_range_holds_what_was_rounded(value, digits):
    assert value in parse_printed(f"{value:.{digits}f}").range()


@given(VALUES, st.integers(0, 6))
def test_the_range_holds_what_was_cut_off(value, digits):
    cut = math.trunc(value * 10**digits) / 10**digits
    sign = "-" if value < 0 else ""
    assert value in parse_printed(f"{sign}{abs(cut):.{digits}f}").range("rounded or cut off")


@given(st.floats(1e-12, 1.0), st.integers(1, 6))
def test_the_range_holds_what_was_written_with_a_power(value, digits):
    assert value in parse_printed(f"{value:.{digits}e}").range()


@given(st.floats(0, 1), st.integers(0, 3))
def test_percent_are_hundredths(value, digits):
    assert value in parse_printed(f"{100 * value:.{digits}f} %").range()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.95", 0.945, 0.955),
        ("0.950", 0.9495, 0.9505),
        ("-0.31", -0.315, -0.305),
        ("−0.31", -0.315, -0.305),
        (".05", 0.045, 0.055),
        ("103", 102.5, 103.5),
        ("91.0%", 0.9095, 0.9105),
        ("2.4e-3", 0.00235, 0.00245),
    ],
)
def test_half_a_unit_of_the_last_digit_on_either_side(text, low, high):
    found = parse_printed(text).range()
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-8), pytest.approx(high, rel=1e-8))


def test_limits_are_open_to_one_side():
    assert 1e-9 in parse_printed("<0.001").range()
    assert 0.0011 not in parse_printed("< 0.001").range()
    assert 0.2 in parse_printed("≥0.05").range()
    assert 0.04 not in parse_printed("> 0.05").range()


@pytest.mark.parametrize("text", ["", "about 0.9", "0,95", "0.9 0.8", "--1", "nan"])
def test_another_text_is_refused(text):
    with pytest.raises(ValueError, match="is no printed number"):
        parse_printed(text)
