"""Intervals of one AUC that keep their width at 1: Newcombe's, and the exact bound of a perfect AUC."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from stats.roc.auc import auc_ci, newcombe_interval, perfect_auc_bound

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "roc.json").read_text())
SOLVED = 1e-7  # R solves for the root of a difference, whose slope it meets to about 1e-8


@pytest.mark.parametrize("case", GOLDEN["aucs"], ids=lambda case: f"{case['m']} and {case['n']}")
def test_newcombe_against_r(case: dict) -> None:
    result = auc_ci(case["y"], case["score"], interval="newcombe", conf_level=case["level"])
    assert result.auc == pytest.approx(case["auc"], rel=1e-12)
    assert result.conf_low == pytest.approx(case["conf_low"], abs=SOLVED)
    assert result.conf_high == pytest.approx(case["conf_high"], abs=SOLVED)
    assert "newcombe" in result.method


@given(st.floats(0.0, 1.0), st.integers(2, 300), st.integers(2, 300))
@settings(max_examples=80, deadline=None)
def test_newcombe_limits_solve_the_equation(value: float, m: int, n: int) -> None:
    value = round(2 * m * n * value) / (2 * m * n)
    low, high = newcombe_interval(value, m, n)
    h, z = (m + n) / 2 - 1, 1.959963984540054
    for t in (low, high):
        assert -1e-12 <= t <= 1 + 1e-12
        if 0.0 < t < 1.0:
            spread = t * (1 - t) * (1 + h * (1 - t) / (2 - t) + h * t / (1 + t)) / (m * n)
            assert abs(value - t) == pytest.approx(z * np.sqrt(spread), rel=1e-6, abs=1e-9)
    assert low <= value <= high
    assert high - low > 0.0
    mirrored = newcombe_interval(1.0 - value, m, n)
    assert (low, high) == pytest.approx((1 - mirrored[1], 1 - mirrored[0]), abs=1e-9)


def test_a_perfect_auc_has_the_bound_of_as_many_successes() -> None:
    y, s = np.repeat([1, 0], [30, 50]), np.r_[np.arange(30.0) + 100, np.arange(50.0)]
    result = auc_ci(y, s)
    assert (result.conf_low, result.conf_high) == (1.0, 1.0)
    assert result.bound_low == pytest.approx(beta.ppf(0.05, 30, 1), rel=1e-12)
    assert result.bound_high == 1.0
    assert "the true AUC is at least 0.905 with 95 % confidence" in result.note
    reverse = auc_ci(1 - y, s)
    assert (reverse.bound_low, reverse.bound_high) == (0.0, pytest.approx(1 - result.bound_low))
    assert "at most 0.095" in reverse.note


def test_other_aucs_have_no_bound_and_newcombe_has_a_width() -> None:
    y, s = [1, 1, 1, 0, 0, 0], [0.9, 0.4, 0.8, 0.5, 0.1, 0.2]
    assert np.isnan([auc_ci(y, s).bound_low, auc_ci(y, s).bound_high]).all()
    perfect = auc_ci([1, 1, 0, 0], [4.0, 3, 2, 1], interval="newcombe")
    assert perfect.conf_low < perfect.conf_high == 1.0
    assert "no width" not in perfect.note


def test_the_bound_is_reached_by_the_worst_distribution() -> None:
    """Positives below all negatives with chance 1 - AUC: P(estimate 1) = AUC^m."""
    m, n, level = 8, 20, 0.9
    bound = perfect_auc_bound(1.0, min(m, n), conf_level=level)[0]
    rng = np.random.default_rng(5)
    perfect = (rng.random((200_000, m)) < bound).all(axis=1).mean()
    assert perfect == pytest.approx(1 - level, abs=4 * np.sqrt(0.09 / 200_000))


def test_patients_lower_the_bound() -> None:
    y, s = np.repeat([1, 0], 20), np.r_[np.arange(20.0) + 100, np.arange(20.0)]
    assert auc_ci(y, s, group=np.arange(40)).bound_low == auc_ci(y, s).bound_low
    patient = np.tile(np.arange(10), 4)  # each patient has images of both classes
    assert auc_ci(y, s, group=patient).bound_low == pytest.approx(0.05 ** (1 / 5))


def test_newcombe_with_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="interval='newcombe' assumes independent images"):
        auc_ci([1, 1, 0, 0], [1.0, 2, 3, 4], group=[1, 2, 3, 4], interval="newcombe")
