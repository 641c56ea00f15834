"""Wilcoxon's tests against R, by hand, and by what must not change them."""

from __future__ import annotations

import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.ranks.wilcoxon import WilcoxonResult, rank_sum_test, signed_rank_test
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "wilcoxon.json").read_text())
CLOSED_FORM = 1e-10  # exact sums and normal tails; the JSON holds 15 digits
ROOT_SEARCH = 1e-9  # R's limits come from a root search with tolerance 1e-13


def _fit(case: dict) -> WilcoxonResult:
    options = dict(case["options"] or {})
    test = signed_rank_test if options.pop("paired", False) else rank_sum_test
    names = {"correct": "correction", "conf.level": "conf_level"}
    return test(case["x"], case["y"], **{names.get(key, key): value for key, value in options.items()})


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_r(case: dict) -> None:
    fit = _fit(case)
    assert fit.statistic == case["statistic"]
    assert fit.p_value == pytest.approx(case["p_value"], rel=CLOSED_FORM)
    assert fit.exact == ("exact" in case["method"])
    assert fit.correction == ("continuity" in case["method"])
    assert fit.conf_low == pytest.approx(float(case["conf_low"]), rel=ROOT_SEARCH, abs=ROOT_SEARCH)
    assert fit.conf_high == pytest.approx(float(case["conf_high"]), rel=ROOT_SEARCH, abs=ROOT_SEARCH)
    assert fit.conf_level_achieved == pytest.approx(case["conf_level_achieved"], abs=0.006)  # R rounds it


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_hodges_lehmann_against_r(case: dict) -> None:
    """R's root search may stop anywhere between the two middle differences; ours is their mean."""
    fit = _fit(case)
    x, y = np.array(case["x"]), np.array(case["y"])
    if fit.test == "rank-sum":
        values = np.sort(np.subtract.outer(x, y), axis=None)
    else:
        d = (x - y)[x != y]
        values = np.sort((d[:, None] + d)[np.triu_indices(d.size)] / 2.0)
    low, high = values[(values.size - 1) // 2], values[values.size // 2]
    assert low - ROOT_SEARCH <= case["estimate"] <= high + ROOT_SEARCH
    assert fit.hodges_lehmann == pytest.approx((low + high) / 2.0, abs=1e-14)


def test_exact_p_counts_arrangements() -> None:
    x, y = np.array([1.0, 4.0, 6.0]), np.array([2.0, 3.0, 5.0, 7.0])
    pooled = np.r_[x, y]
    w = [sum(a > b for a, b in product(first, set(pooled) - set(first))) for first in combinations(pooled, 3)]
    observed = rank_sum_test(x, y)
    tail = min(np.mean(np.array(w) <= observed.statistic), np.mean(np.array(w) >= observed.statistic))
    assert observed.statistic == 5
    assert observed.p_value == pytest.approx(min(1.0, 2 * tail), abs=1e-15)


def test_signed_rank_exact_p_counts_signs() -> None:
    d = np.array([0.4, -1.1, 2.3, 0.9, 3.0])
    signs = np.array(list(product((0, 1), repeat=5)))
    v = signs @ np.array([1, 3, 4, 2, 5])
    fit = signed_rank_test(d, np.zeros(5))
    assert fit.statistic == 12
    assert fit.p_value == pytest.approx(2 * np.mean(v >= 12), abs=1e-15)


def test_statistic_counts_pairs_of_the_first_sample() -> None:
    assert rank_sum_test([3.0, 5.0], [1.0, 4.0, 5.0]).statistic == 1 + 2.5


samples = st.lists(st.integers(-20, 20), min_size=2, max_size=25).map(lambda v: np.array(v, dtype=float))


@given(samples, samples, st.sampled_from([0.25, 3.0, 1000.0]))
@settings(max_examples=60, deadline=None)
def test_scaling_and_shifting_both_samples_changes_no_p(x: np.ndarray, y: np.ndarray, factor: float) -> None:
    before, after = rank_sum_test(x, y), rank_sum_test(x * factor + 7.0, y * factor + 7.0)
    assert after.statistic == before.statistic
    assert after.p_value == pytest.approx(before.p_value, nan_ok=True)
    assert after.hodges_lehmann == pytest.approx(before.hodges_lehmann * factor)


@given(samples, samples)
@settings(max_examples=60, deadline=None)
def test_swapping_samples_mirrors_everything(x: np.ndarray, y: np.ndarray) -> None:
    one, other = rank_sum_test(x, y), rank_sum_test(y, x)
    assert one.statistic + other.statistic == x.size * y.size
    assert one.p_value == pytest.approx(other.p_value, nan_ok=True)
    assert one.hodges_lehmann == pytest.approx(-other.hodges_lehmann)
    assert one.conf_low == pytest.approx(-other.conf_high, nan_ok=True)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=25))
@settings(max_examples=60, deadline=None)
def test_signed_rank_does_not_depend_on_pair_order(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    one, other = signed_rank_test(x, y), signed_rank_test(x[::-1], y[::-1])
    assert one.p_value == pytest.approx(other.p_value, nan_ok=True)
    assert one.statistic == other.statistic


def test_all_values_tied_gives_no_test_and_says_so() -> None:
    fit = rank_sum_test([1.0, 1.0], [1.0, 1.0, 1.0])
    assert np.isnan(fit.p_value)
    assert "all values are tied" in str(fit.note)


def test_pairs_without_any_difference_give_no_test_and_say_so() -> None:
    fit = signed_rank_test([1.0, 2.0], [1.0, 2.0])
    assert np.isnan(fit.p_value)
    assert "none of the 2 pairs has a difference" in str(fit.note)


def test_row_has_the_result_columns() -> None:
    frame = rank_sum_test([1.0, 3.0], [2.0, 4.0]).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "method"] == "Wilcoxon rank-sum, exact"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rank_sum_test([], [1.0]), "`x` is empty"),
        (lambda: rank_sum_test([1.0, np.nan], [1.0]), r"`x` has 1 missing or infinite value \(row 2\)"),
        (lambda: rank_sum_test([1.0, 1.0], [1.0, 2.0], exact=True), "do not exist with ties"),
        (lambda: signed_rank_test([1.0], [1.0, 2.0]), "`x` has 1 and `y` 2 values"),
        (
            lambda: rank_sum_test([1.0], [2.0], alternative="up"),
            "`alternative` is 'up'; allowed are 'two-sided'",
        ),
        (lambda: rank_sum_test([1.0], [2.0], conf_level=95), "must lie between 0 and 1"),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_rounding_restores_ties_that_noise_has_split() -> None:
    """The trap of R's default `digits.rank = Inf`: equal AUCs that differ in the last bit are no ties."""
    x, y = [0.1 + 0.2, 0.5], [0.3, 0.4]
    assert rank_sum_test(x, y).statistic == 3.0
    assert rank_sum_test(x, y, decimals=12).statistic == 2.5
    assert "1 of 2 pairs have no difference" in str(signed_rank_test(x, y, decimals=12).note)


@given(samples, samples, st.sampled_from(["two-sided", "less", "greater"]))
@settings(max_examples=40, deadline=None)
def test_bisection_finds_what_the_listed_differences_give(
    x: np.ndarray, y: np.ndarray, alternative: str
) -> None:
    """Large samples take another route to the same estimate and limits."""
    x, y = x / 7.0, y / 7.0
    listed = rank_sum_test(x, y, alternative=alternative, exact=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stats.ranks.shift_intervals.MOST_CANDIDATES", 0)
        found = rank_sum_test(x, y, alternative=alternative, exact=False)
    for name in ("hodges_lehmann", "conf_low", "conf_high"):
        assert getattr(found, name) == pytest.approx(getattr(listed, name), abs=1e-9, nan_ok=True), name


def test_large_samples_need_little_memory() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.5, size=20_000), rng.normal(size=15_000)
    fit = rank_sum_test(x, y)
    assert fit.conf_low < fit.hodges_lehmann < fit.conf_high
    assert fit.hodges_lehmann == pytest.approx(0.5, abs=0.05)
