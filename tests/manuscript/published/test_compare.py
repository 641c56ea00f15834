"""The paper's tables of results: every value as printed, and what is called equal."""

from dataclasses import replace

import pytest

from data.published_grid import load_published_grid
from manuscript.published.compare import TABLE_NAMES, published_tables
from manuscript.published.value import OPTIMISER_CELLS, Computed, PublishedValue

VALUES = published_tables()
WITHIN_ROUNDING = {("8", "acl", "Z")}
# Printed values as they stand in the paper, once more and by hand: (table, row, quantity) -> printed.
PRINTED = {
    ("3", "FC Ratios", "levels"): "[0.5, 1.0]",
    ("4", "RadImageNet", "p"): "0.0543",
    ("5", "NonLinear", "p"): "0.0036",
    ("8", "acl", "Z"): "2.3914",
    ("8", "breast", "upper limit"): "0.1498",
    ("9", "breast RadImageNet", "test accuracy"): "0.8590",
    ("11", "Intercept", "df"): "4.58",
    ("11", "clf", "std. dev."): "0.15394",
    ("12", "Linear", "t"): "-19.135",
    ("12", "numfilters", "std. dev."): "0.015175",
    ("13", "breast", "W"): "998.5",
    ("13", "breast", "p"): "0.8023",
    ("13", "acl", "W"): "622",
    ("13", "acl", "p"): "0.003935",
    ("14", "acl", "chi-square"): "10.562",
}


def _key(value: PublishedValue) -> tuple[str, str, str]:
    return value.table, value.row, value.quantity


@pytest.mark.parametrize("value", VALUES, ids=lambda v: "-".join(_key(v)))
def test_every_printed_value(value: PublishedValue) -> None:
    """Equal in every digit, save where optimisers stop at different places or the inputs are rounded."""
    expected = "equal"
    if _key(value) in WITHIN_ROUNDING:
        expected = "within rounding"
    if _key(value) in OPTIMISER_CELLS:
        expected = "optimiser"
    assert value.verdict == expected, (value.printed, value.computed)


def test_all_values_of_the_tables_are_there() -> None:
    counts = {table: sum(value.table == table for value in VALUES) for table in TABLE_NAMES}
    assert counts == {"3": 7, "4": 5, "5": 9, "8": 12, "9": 12, "11": 29, "12": 39, "13": 4, "14": 6}
    printed = {_key(v): v.printed for v in VALUES}
    assert len(printed) == len(VALUES) == sum(counts.values())
    assert {key: printed[key] for key in PRINTED} == PRINTED


def _value(computed: float | str, **fields: str) -> PublishedValue:
    return PublishedValue(computed=Computed(value=computed, source="grid"), **fields)


def test_a_wrong_number_is_called_not_equal() -> None:
    off = _value(0.02371, table="11", row="clf", quantity="variance", printed="0.02370")
    assert (off.shown, off.units_off, off.verdict) == ("0.02371", 1, "not equal")
    far = _value(1e-9, table="12", row="Linear", quantity="p", printed="<2e-16")
    assert far.verdict == "not equal"
    known = _value(18.7757, table="12", row="Intercept", quantity="t", printed="18.777")
    assert known.verdict == "optimiser"
    level = _value("[4]", table="3", row="Num Filters", quantity="levels", printed="[4, 16]")
    assert level.verdict == "not equal"


def test_rounded_inputs_excuse_no_more_than_their_rounding() -> None:
    (z,) = [value for value in VALUES if _key(value) == ("8", "acl", "Z")]
    assert z.computed.low < float(z.printed) < z.computed.high
    assert replace(z, printed="2.3880").verdict == "not equal"
    assert replace(z, printed="2.3980").verdict == "not equal"


def test_another_grid_is_not_equal() -> None:
    """The comparison reads the grid: fewer cells change Tables 3, 4, 5, 11, 12 and 13, and only these."""
    grid = load_published_grid()
    cut = published_tables(grid[grid["fcsizeratio"] == 0.5])
    changed = {value.table for value in cut if value.verdict == "not equal"}
    assert changed == {"3", "4", "5", "11", "12", "13"}
