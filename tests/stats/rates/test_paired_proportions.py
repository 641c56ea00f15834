"""Tango's score test and interval against R, published values, and by what must hold for every table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from stats.rates.mcnemar import mcnemar_counts
from stats.rates.paired_proportions import tango_paired_ci, tango_paired_test, tango_statistic
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())
CLOSED_FORM = 1e-10
R_ROOT = 1e-9  # R's uniroot on the textbook form of the restricted estimate, which cancels

counts = st.integers(0, 60)


@pytest.mark.parametrize("case", GOLDEN["tangos"], ids=lambda case: str(case["counts"]))
def test_against_the_formula_in_r(case: dict) -> None:
    _, only_a, only_b, _ = case["counts"]
    n = sum(case["counts"])
    assert tango_statistic(only_a, only_b, n, -case["margin"]) == pytest.approx(
        case["z_lower"], rel=CLOSED_FORM
    )
    assert tango_statistic(only_a, only_b, n, case["margin"]) == pytest.approx(
        case["z_upper"], rel=CLOSED_FORM
    )
    found = tango_paired_ci(*case["counts"], conf_level=case["level"])
    assert found == pytest.approx((case["conf_low"], case["conf_high"]), abs=R_ROOT)


@pytest.mark.parametrize(
    ("table", "level", "limits"),
    [
        ((1, 1, 7, 12), 0.95, (-0.517, -0.026)),  # Fagerland, Lydersen and Laake 2014: airway data
        ((565, 28, 25, 0), 0.90, (-0.0148, 0.0247)),  # PropCIs scoreci.mp(25, 28, 618, 0.9)
        ((920, 60, 20, 0), 0.95, (0.0231, 0.0584)),  # PropCIs scoreci.mp(20, 60, 1000, 0.95)
    ],
)
def test_published_limits(table: tuple, level: float, limits: tuple) -> None:
    decimals = 3 if table[3] else 4
    assert tuple(round(x, decimals) for x in tango_paired_ci(*table, conf_level=level)) == limits


@given(counts, counts, counts, counts, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=80, deadline=None)
def test_limits_are_the_differences_where_the_statistic_reaches_z(a, b, c, d, level) -> None:
    n = a + b + c + d + 1
    low, high = tango_paired_ci(a + 1, b, c, d, conf_level=level)
    z = float(ndtri(0.5 + level / 2))
    assert -1 <= low < (b - c) / n < high <= 1
    if b < n:
        assert tango_statistic(b, c, n, high) == pytest.approx(-z, rel=1e-9)
    if c < n:
        assert tango_statistic(b, c, n, low) == pytest.approx(z, rel=1e-9)


@given(counts, counts, counts, counts, st.floats(-0.9, 0.9))
@settings(max_examples=80, deadline=None)
def test_swapping_arms_mirrors_and_the_statistic_falls(a, b, c, d, null) -> None:
    n = a + b + c + d + 1
    low, high = tango_paired_ci(a + 1, b, c, d)
    assert tango_paired_ci(a + 1, c, b, d) == pytest.approx((-high, -low), abs=1e-12)
    z, later = tango_statistic(b, c, n, null), tango_statistic(b, c, n, null + 0.05)
    if not math.isnan(z) and not math.isnan(later):
        assert later <= z + 1e-12


@given(counts, counts, counts, counts)
@settings(max_examples=80, deadline=None)
def test_null_difference_zero_is_mcnemar_without_correction(a, b, c, d) -> None:
    fit, other = tango_paired_test(a + 1, b, c, d), mcnemar_counts(a + 1, b, c, d)
    assert fit.statistic**2 == pytest.approx(other.statistic, nan_ok=True, rel=1e-12)
    if b + c:
        assert fit.p_value == pytest.approx(other.p_chi2, rel=1e-11)
    else:
        assert (fit.p_value, fit.note) == (1.0, "no discordant pair: no statistic, p 1")


def test_one_sided_tests_share_p_and_bound_one_side() -> None:
    up, down = (tango_paired_test(30, 9, 3, 8, alternative=side) for side in ("greater", "less"))
    assert up.p_value + down.p_value == pytest.approx(1.0)
    assert (up.conf_high, down.conf_low) == (1.0, -1.0)
    assert up.conf_low == pytest.approx(tango_paired_ci(30, 9, 3, 8, conf_level=0.9)[0], abs=1e-14)


@pytest.mark.parametrize(("table", "limits"), [((0, 5, 0, 0), 1.0), ((0, 0, 5, 0), -1.0)])
def test_all_pairs_discordant_one_way_reach_the_end(table: tuple, limits: float) -> None:
    assert limits in tango_paired_ci(*table)


def test_result_is_one_row_of_the_common_columns() -> None:
    frame = tango_paired_test(30, 9, 3, 8, null_difference=-0.1).to_result().to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "estimate"] == 0.12
    assert frame.loc[0, "estimate_a"] - frame.loc[0, "estimate_b"] == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        ((1, -1, 0, 0), {}, r"Counts are \(1, -1, 0, 0\)"),
        ((0, 0, 0, 0), {}, "at least one pair"),
        ((1, 1, 1, 1), {"null_difference": 1.0}, "`null_difference` is 1.0"),
        ((1, 1, 1, 1), {"alternative": "both"}, "`alternative` is 'both'"),
        ((1, 1, 1, 1), {"conf_level": 95}, "`conf_level` is 95"),
        ((1, 1, 1, 1), {"conf_level": 0.4, "alternative": "less"}, "above 0.5"),
    ],
)
def test_bad_input_is_named(table: tuple, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tango_paired_test(*table, **options)
