"""The exact permutation test of matched pairs against R, by listing, and by what must not change it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_rel

from stats.ranks import sign_flip
from stats.ranks.sign_flip import sign_flip_test
from stats.ranks.wilcoxon import signed_rank_test
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "sign_flip.json").read_text())
COUNTED = 1e-12  # whole counts over 2^n
RNG = np.random.default_rng(7)

values = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=9)


def _arms(pairs):
    table = np.array(pairs, dtype=float)
    return table[:, 0] / 8.0, table[:, 1] / 8.0


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_r(case: dict) -> None:
    fit = sign_flip_test(
        case["x"], case["y"], alternative=case["alternative"], conf_level=case["level"], rng=RNG
    )
    assert fit.exact
    assert fit.p_value == pytest.approx(case["p_mean"], rel=COUNTED)
    assert fit.p_rank == pytest.approx(case["p_rank"], rel=COUNTED)
    assert fit.mean_difference == pytest.approx(case["mean"], rel=COUNTED)
    if case.get("conf_low") is not None:
        assert (fit.conf_low, fit.conf_high) == pytest.approx(
            (case["conf_low"], case["conf_high"]), rel=COUNTED
        )


def test_ranks_agree_with_the_signed_rank_test_without_ties() -> None:
    x, y = RNG.normal(size=30) + 0.3, RNG.normal(size=30)
    for alternative in ("two-sided", "less", "greater"):
        ranked = signed_rank_test(x, y, alternative=alternative)
        assert ranked.exact
        fit = sign_flip_test(x, y, alternative=alternative, rng=RNG)
        assert fit.p_rank == pytest.approx(ranked.p_value, rel=1e-11)


def test_random_patterns_agree_with_all_patterns(monkeypatch) -> None:
    x, y = RNG.normal(size=24) + 0.4, RNG.normal(size=24)
    exact = sign_flip_test(x, y, rng=RNG)
    monkeypatch.setattr(sign_flip, "EXACT_PAIRS", 10)
    monkeypatch.setattr(sign_flip, "CHUNK", 1000)
    sampled = sign_flip_test(x, y, rng=RNG)
    assert (exact.exact, sampled.exact) == (True, False)
    assert "99999 random sign patterns" in sampled.method
    error = 2.0 * np.sqrt(exact.p_value / 2 * (1 - exact.p_value / 2) / sampled.n_resamples)
    assert abs(sampled.p_value - exact.p_value) < 4 * error + 2 / sampled.n_resamples


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_whole_differences_are_counted_as_all_others_are(monkeypatch, alternative: str) -> None:
    """Multiples of one third: counted by their sums, and by two lists of signed sums."""
    d = np.random.default_rng(17).integers(-4, 6, size=22) / 3.0
    counted = sign_flip_test(d, np.zeros(22), alternative=alternative, rng=RNG)
    monkeypatch.setattr(sign_flip, "WHOLE_SUM", 0)
    listed = sign_flip_test(d, np.zeros(22), alternative=alternative, rng=RNG)
    assert counted.exact
    assert counted.p_value == pytest.approx(listed.p_value, rel=COUNTED)


def test_many_whole_differences_stay_exact() -> None:
    """Hundreds of pairs that differ by one: the binomial tail."""
    d = np.repeat([1.0, -1.0], [130, 100])
    fit = sign_flip_test(d, np.zeros(d.size), rng=RNG)
    assert fit.exact
    assert fit.p_value == pytest.approx(binomtest(130, 230).pvalue, rel=1e-11)


def test_nearly_whole_differences_are_not_rounded() -> None:
    whole = np.array([1.0, 2.0, 3.0, -1.0])
    assert sign_flip._whole_sizes(whole) == (1, 1, 2, 3)
    assert sign_flip._whole_sizes(whole + np.array([0.0, 0.0, 1e-6, 0.0])) is None


def test_monte_carlo_p_is_never_zero() -> None:
    x = RNG.normal(size=60) + 50.0
    fit = sign_flip_test(x, np.zeros(60), n_resamples=999, rng=RNG)
    assert fit.p_value == pytest.approx(2 / 1000)


def test_interval_holds_what_the_test_does_not_reject() -> None:
    """All subsets of 10 pairs: just inside the limits p is above 5 %, just outside it is not."""
    x, y = RNG.normal(size=10) + 0.5, RNG.normal(size=10)
    fit = sign_flip_test(x, y, rng=RNG)
    for limit, inwards in ((fit.conf_low, 1e-6), (fit.conf_high, -1e-6)):
        assert sign_flip_test(x - limit - inwards, y, rng=RNG).p_value > 0.05
        assert sign_flip_test(x - limit + inwards, y, rng=RNG).p_value <= 0.05


def test_interval_from_random_subsets_is_close_to_student() -> None:
    x, y = RNG.normal(size=400) + 0.2, RNG.normal(size=400)
    fit = sign_flip_test(x, y, rng=RNG)
    student = ttest_rel(x, y).confidence_interval(0.95)
    assert (fit.conf_low, fit.conf_high) == pytest.approx(tuple(student), abs=0.01)


@given(values)
@settings(deadline=None, max_examples=60)
def test_p_is_the_share_of_sign_patterns(pairs) -> None:
    x, y = _arms(pairs)
    sums = [float(np.dot(signs, x - y)) for signs in product((-1, 1), repeat=x.size)]
    total = float((x - y).sum())
    fit = sign_flip_test(x, y, rng=RNG)
    assert fit.p_value == pytest.approx(np.mean([abs(s) >= abs(total) for s in sums]), rel=COUNTED)


@given(values)
@settings(deadline=None, max_examples=60)
def test_swapping_arms_and_scaling_change_nothing(pairs) -> None:
    x, y = _arms(pairs)
    fit, swapped, scaled = (
        sign_flip_test(a, b, rng=RNG) for a, b in ((x, y), (y, x), (1e-3 * x / 3, 1e-3 * y / 3))
    )
    assert swapped.mean_difference == -fit.mean_difference
    for other in (swapped, scaled):
        assert other.p_value == pytest.approx(fit.p_value, rel=COUNTED)
        assert other.p_rank == pytest.approx(fit.p_rank, rel=COUNTED, nan_ok=True)


def test_equal_arms_give_p_one_and_say_so() -> None:
    fit = sign_flip_test([1.0, 2.0], [1.0, 2.0], rng=RNG)
    assert fit.p_value == 1.0
    assert np.isnan(fit.p_rank)
    assert "2 of 2 pairs have no difference" in (fit.note or "")


def test_few_pairs_have_no_interval() -> None:
    fit = sign_flip_test([1.0, 2.0, 3.0], [0.0, 1.5, 1.0], rng=RNG)
    assert np.isnan(fit.conf_low)
    assert "too few pairs" in (fit.note or "")


def test_result_is_one_row_of_the_common_columns() -> None:
    frame = sign_flip_test([1.0, 2.0, 4.0], [0.0, 1.5, 1.0], rng=RNG).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "analysis"] == "permutation"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"x": [1.0], "y": [1.0, 2.0]}, ValueError, "1 and `y` 2 values"),
        ({"x": [np.nan], "y": [1.0]}, ValueError, "`x` has 1 missing or infinite value"),
        ({"x": [], "y": []}, ValueError, "`x` is empty"),
        ({"x": [1.0], "y": [2.0], "n_resamples": 10}, ValueError, "at least 99"),
        ({"x": [1.0], "y": [2.0], "alternative": "both"}, ValueError, "'two-sided'"),
        ({"x": [1.5e308, 1.5e308], "y": [0.0, 0.0]}, ValueError, "too large to add up"),
        ({"x": [1.0], "y": [2.0], "rng": 3}, TypeError, "numpy Generator"),
    ],
)
def test_bad_input_is_named(arguments, error, words) -> None:
    with pytest.raises(error, match=words):
        sign_flip_test(**{"rng": RNG, **arguments})
