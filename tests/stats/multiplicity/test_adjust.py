"""Adjusted p-values by hand and by their order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.multiplicity.adjust import ADJUSTMENTS, adjust_p

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())["p_adjust"]
P = [0.01, 0.04, 0.03, 0.005]


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(adjust_p(P, "holm"), [0.03, 0.06, 0.06, 0.02], rtol=1e-14)


def test_benjamini_hochberg_by_hand() -> None:
    np.testing.assert_allclose(adjust_p(P, "bh"), [0.02, 0.04, 0.04, 0.02], rtol=1e-14)


def test_none_returns_the_values() -> None:
    np.testing.assert_array_equal(adjust_p(P, "none"), P)


def test_missing_p_values_stay_missing_and_do_not_count() -> None:
    np.testing.assert_allclose(adjust_p([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])


@pytest.mark.parametrize("method", [name for name in ADJUSTMENTS if name != "none"])
def test_against_r_p_adjust(method: str) -> None:
    raw, expected = (np.array(values, dtype=float) for values in (GOLDEN["raw"], GOLDEN["adjusted"][method]))
    np.testing.assert_allclose(adjust_p(raw, method), expected, rtol=1e-13)


def test_sidak_keeps_its_digits_for_tiny_p() -> None:
    np.testing.assert_allclose(adjust_p([1e-20, 1.0], "sidak"), [2e-20, 1.0], rtol=1e-14)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_methods_are_ordered_and_none_lowers_p(values: list[float]) -> None:
    p = np.array(values)
    found = {method: adjust_p(p, method) for method in ADJUSTMENTS}
    slack = 1e-12
    for smaller, larger in (
        ("none", "bh"),
        ("bh", "by"),
        ("bh", "hochberg"),
        ("hochberg", "holm"),
        ("holm", "bonferroni"),
        ("none", "sidak"),
        ("sidak", "bonferroni"),
    ):
        assert (found[smaller] <= found[larger] * (1 + slack)).all(), (smaller, larger)
    order = np.argsort(p, kind="stable")
    assert all((np.diff(values[order]) >= -slack).all() for values in found.values())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_holm_lies_between_raw_and_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    p = np.array(values)
    holm = adjust_p(p, "holm")
    assert (holm >= p).all()
    assert (holm <= np.minimum(1.0, p * p.size) + 1e-15).all()
    assert (np.diff(holm[np.argsort(p, kind="stable")]) >= 0).all()
    assert (adjust_p(p, "bh") <= holm + 1e-15).all()


@pytest.mark.parametrize(
    ("values", "method", "message"),
    [([0.5], "tukey", "`adjust` is 'tukey'; allowed are 'holm'"), ([1.5], "holm", "outside \\[0, 1\\]")],
)
def test_bad_input_is_named(values: list[float], method: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adjust_p(values, method)
