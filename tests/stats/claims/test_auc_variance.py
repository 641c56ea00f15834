"""The bounds of an AUC's standard error hold for every order of small samples, and are reached."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.claims.auc_variance import (
    auc_spread,
    hanley_mcneil,
    largest_std_error,
    smallest_std_error,
    spread_check,
)
from stats.claims.printed import Range, parse_printed
from stats.claims.wald import WaldFigures, wald_check
from stats.power.variance import auc_variance
from stats.roc.auc import auc_ci


def delong(positive, negative) -> tuple[float, float]:
    wins = np.sign(np.subtract.outer(positive, negative)) / 2.0 + 0.5
    rows, columns = wins.mean(axis=1), wins.mean(axis=0)
    variance = rows.var(ddof=1) / rows.size + columns.var(ddof=1) / columns.size
    return float(wins.mean()), float(np.sqrt(variance))


def test_the_variance_here_is_that_of_the_library():
    rng = np.random.default_rng(1)
    positive, negative = rng.integers(2, 9, 12), rng.integers(0, 7, 9)
    labels = np.r_[np.ones(12, int), np.zeros(9, int)]
    found = auc_ci(labels, np.r_[positive, negative].astype(float))
    assert delong(positive, negative) == (pytest.approx(found.auc), pytest.approx(found.std_error))


@pytest.mark.parametrize(("m", "n"), [(2, 2), (2, 3), (3, 2)])
def test_no_order_with_or_without_ties_leaves_the_bounds(m, n):
    tried = 0
    for levels in product(range(m + n), repeat=m + n):
        auc, found = delong(np.array(levels[:m]), np.array(levels[m:]))
        sizes = {"n_positive": m, "n_negative": n}
        assert found <= largest_std_error(auc, **sizes) + 1e-12
        tied = bool(set(levels[:m]) & set(levels[m:]))
        assert found >= smallest_std_error(auc, **sizes, ties=tied) - 1e-12
        tried += 1
    assert tried == (m + n) ** (m + n)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=40),
    st.lists(st.integers(0, 12), min_size=2, max_size=40),
)
def test_no_scores_leave_the_bounds(positive, negative):
    auc, found = delong(np.array(positive), np.array(negative))
    sizes = {"n_positive": len(positive), "n_negative": len(negative)}
    tied = bool(set(positive) & set(negative))
    assert (
        smallest_std_error(auc, **sizes, ties=tied) - 1e-9 <= found <= largest_std_error(auc, **sizes) + 1e-9
    )


def test_the_upper_bound_is_reached():
    negative = np.linspace(1, 2, 40)  # all between the positive ones
    positive = np.r_[np.zeros(3), np.full(17, 9.0)]
    auc, found = delong(positive, negative)
    assert found == pytest.approx(largest_std_error(auc, n_positive=20, n_negative=40), rel=1e-12)


def test_the_lower_bound_is_reached_with_ties():
    m = n = 40
    positive = np.r_[np.zeros(20), np.full(20, 1.0)]  # a block of 20 x 20 ties, all else in order
    negative = np.r_[np.full(20, -1.0), np.zeros(20)]
    auc, found = delong(positive, negative)
    assert found == pytest.approx(smallest_std_error(auc, n_positive=m, n_negative=n), rel=1e-9)


def test_the_lower_bound_is_nearly_reached_without_ties():
    m = n = 400
    positive, negative = np.arange(m) + 100.5, np.arange(n)
    auc, found = delong(positive, negative)
    bound = smallest_std_error(auc, n_positive=m, n_negative=n, ties=False)
    assert bound <= found < 1.01 * bound


@pytest.mark.parametrize("auc", [0.5, 0.73, 0.9641])
def test_hanley_mcneil_is_that_of_planning(auc):
    planned = auc_variance(auc, 21, 57, variance="hanley-mcneil")
    assert hanley_mcneil(auc, n_positive=21, n_negative=57) ** 2 == pytest.approx(planned, rel=1e-12)


@given(st.floats(0.0, 1.0), st.integers(2, 300), st.integers(2, 300))
def test_hanley_mcneil_obeys_the_upper_bound(auc, m, n):
    sizes = {"n_positive": m, "n_negative": n}
    assert hanley_mcneil(auc, **sizes) <= largest_std_error(auc, **sizes) + 1e-12


def test_impossible_standard_errors_are_named():
    def verdict(printed, method="delong", **more):
        auc = parse_printed("0.94")
        sizes = {"n_positive": 50, "n_negative": 100}
        return spread_check(parse_printed(printed), auc, method=method, **sizes, **more).verdict

    assert verdict("0.021") == "consistent"
    assert verdict("0.052") == "contradiction"
    assert verdict("0.010") == "contradiction"
    assert verdict("0.010", method="bootstrap") == "consistent"
    assert verdict("0.024", method="hanley-mcneil") == "consistent"
    assert verdict("0.030", method="hanley-mcneil") == "contradiction"


def test_bootstrap_standard_errors_have_room_for_their_noise():
    sizes = {"n_positive": 50, "n_negative": 100}
    most = largest_std_error(0.945, **sizes)
    auc = parse_printed("0.94")
    near, far = (parse_printed(f"{share * most:.5f}") for share in (1.05, 1.2))
    assert spread_check(near, auc, method="bootstrap", **sizes).verdict == "consistent"
    found = spread_check(far, auc, method="bootstrap", **sizes)
    assert found.verdict == "contradiction"
    assert found.sentence.endswith("by any method for independent images.")


def test_the_range_of_a_printed_auc_widens_the_bounds():
    sizes = {"n_positive": 50, "n_negative": 100, "method": "delong", "ties": None}
    narrow, wide = auc_spread(Range(0.94, 0.94), **sizes), auc_spread(Range(0.9, 0.95), **sizes)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("digits", [2, 3, 5])
def test_standard_errors_and_intervals_of_proc_are_possible(digits):
    path = Path(__file__).parents[2] / "golden" / "delong.json"
    for case in json.loads(path.read_text())["cases"]:
        positive = sum(case["y"])
        sizes = {"n_positive": positive, "n_negative": len(case["y"]) - positive}
        for model in case["models"]:
            auc, std_error, low, high = (
                parse_printed(f"{model[name]:.{digits}f}")
                for name in ("auc", "std_error", "conf_low", "conf_high")
            )
            found = spread_check(std_error, auc, method="delong", **sizes)
            assert found.verdict == "consistent", (case["name"], found.sentence)
            spread = auc_spread(auc.range(), method="delong", ties=None, **sizes)
            joint = wald_check(
                WaldFigures(
                    estimate=auc, std_error=std_error, low=low, high=high, limits=(0.0, 1.0),
                    known_spread=("class sizes", spread),
                )
            )  # fmt: skip
            assert joint.verdict == "consistent", (case["name"], joint.sentence)
