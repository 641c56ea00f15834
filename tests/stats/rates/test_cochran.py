"""Cochran's Q against R and statsmodels, its exact p by brute force, and by what must not change it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import cochrans_q

from stats.multiplicity.adjust import adjust_p
from stats.rates import cochran
from stats.rates.cochran import cochran_test
from stats.rates.mcnemar import mcnemar_test
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())
CLOSED_FORM = 1e-11
RNG = np.random.default_rng(12)

tables = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.booleans(), min_size=k, max_size=k), min_size=1, max_size=8)
)


def answers(seed: int, n: int, shares: tuple[float, ...]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.6 * rng.random((n, 1)) + 0.4 * rng.random((n, len(shares))) < np.array(shares)


@pytest.mark.parametrize("case", GOLDEN["cochrans"], ids=lambda case: f"n = {len(case['correct'])}")
def test_against_rstatix_and_exact_p_in_r(case: dict) -> None:
    fit = cochran_test(case["correct"], rng=RNG)
    assert fit.statistic == pytest.approx(case["statistic"], rel=CLOSED_FORM)
    assert fit.df == case["df"]
    assert fit.p_chi2 == pytest.approx(case["p_value"], rel=CLOSED_FORM)
    if case["p_exact"] is not None:
        assert fit.exact
        assert fit.p_permutation == pytest.approx(case["p_exact"], rel=CLOSED_FORM)


@pytest.mark.parametrize("seed", range(5))
def test_against_statsmodels(seed: int) -> None:
    table = answers(seed, 60, (0.7, 0.5, 0.6, 0.8))
    other = cochrans_q(table.astype(int))
    fit = cochran_test(table, rng=RNG)
    assert fit.statistic == pytest.approx(other.statistic, rel=CLOSED_FORM)
    assert fit.p_chi2 == pytest.approx(other.pvalue, rel=CLOSED_FORM)


def brute(table: np.ndarray) -> float:
    """Share of all placements of the right answers within images with as extreme a sum of squared totals."""
    least = (table.sum(axis=0) ** 2).sum()
    ways = list(product((0, 1), repeat=table.shape[1]))
    patterns = [[way for way in ways if sum(way) == row.sum()] for row in table.astype(int)]
    reached = [(np.sum(placed, axis=0) ** 2).sum() >= least for placed in product(*patterns)]
    return float(np.mean(reached))


@pytest.mark.parametrize("seed", range(6))
def test_exact_p_counts_all_placements(seed: int) -> None:
    table = answers(seed, 7, (0.6, 0.4, 0.5))
    assert cochran_test(table, rng=RNG).p_permutation == pytest.approx(brute(table), rel=1e-12)


def test_random_tables_agree_with_all_tables(monkeypatch) -> None:
    table = answers(2, 30, (0.7, 0.5, 0.55, 0.6))
    exact = cochran_test(table, rng=RNG)
    monkeypatch.setattr(cochran, "MOST_STEPS", 10)
    for patterns in (5000, 5):  # the second: more ways than are listed
        monkeypatch.setattr(cochran, "MOST_PATTERNS", patterns)
        sampled = cochran_test(table, rng=RNG, n_resamples=40_000)
        assert (exact.exact, sampled.exact) == (True, False)
        assert "40000 random tables" in sampled.method
        error = np.sqrt(exact.p_permutation * (1 - exact.p_permutation) / 40_000)
        assert abs(sampled.p_permutation - exact.p_permutation) < 4 * error + 1e-4


def test_monte_carlo_p_is_never_zero(monkeypatch) -> None:
    monkeypatch.setattr(cochran, "MOST_STEPS", 10)
    table = np.tile([True, False, False], (80, 1))
    assert cochran_test(table, rng=RNG, n_resamples=99).p_permutation == 0.01


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_two_classifiers_are_mcnemar(pairs) -> None:
    table = np.array(pairs)
    fit, pair = cochran_test(table, rng=RNG), mcnemar_test(table[:, 0], table[:, 1])
    assert fit.statistic == pytest.approx(pair.statistic, rel=1e-12, nan_ok=True)
    assert fit.p_chi2 == pytest.approx(pair.p_chi2, rel=1e-10, nan_ok=True)
    assert fit.p_permutation == pytest.approx(pair.p_exact, rel=1e-10)


@given(tables, st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_images_on_which_all_agree_do_not_matter(rows, right: int, wrong: int) -> None:
    table = np.array(rows)
    k = table.shape[1]
    more = np.concatenate([table, np.ones((right, k), dtype=bool), np.zeros((wrong, k), dtype=bool)])
    one, other = cochran_test(table, rng=RNG), cochran_test(more, rng=RNG)
    assert other.statistic == pytest.approx(one.statistic, rel=1e-12, nan_ok=True)
    assert other.p_permutation == pytest.approx(one.p_permutation, rel=1e-12)
    assert other.n_informative == one.n_informative


@given(tables, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_order_of_classifiers_and_images_does_not_matter(rows, random) -> None:
    table = np.array(rows)
    columns, lines = list(range(table.shape[1])), list(range(len(table)))
    random.shuffle(columns)
    random.shuffle(lines)
    one, other = cochran_test(table, rng=RNG), cochran_test(table[lines][:, columns], rng=RNG)
    assert other.statistic == pytest.approx(one.statistic, rel=1e-12, nan_ok=True)
    assert other.p_permutation == pytest.approx(one.p_permutation, rel=1e-10)


def test_pairs_are_mcnemar_with_holm_over_all_pairs() -> None:
    table = answers(9, 90, (0.7, 0.5, 0.9))
    fit = cochran_test(table, variant="exact", rng=RNG)
    p = [mcnemar_test(table[:, a], table[:, b]).p_exact for a, b in ((0, 1), (0, 2), (1, 2))]
    assert fit.pair_p == pytest.approx(p)
    assert fit.pair_p_adjusted == pytest.approx(adjust_p(p, "holm"))
    frame = cochran_test(table, names=["x", "y", "z"], variant="exact", rng=RNG).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame["method"].str.contains("permutation within images").sum() == 1
    pairs = frame[frame["family"] == "all pairs"]
    assert list(zip(pairs["arm_a"], pairs["arm_b"], strict=True)) == [("x", "y"), ("x", "z"), ("y", "z")]
    assert pairs["p_adjusted"].to_numpy() == pytest.approx(fit.pair_p_adjusted)


def test_agreement_on_all_images_has_no_statistic() -> None:
    fit = cochran_test(np.ones((5, 3)), rng=RNG)
    assert np.isnan(fit.statistic)
    assert np.isnan(fit.p_chi2)
    assert (fit.p_permutation, fit.exact) == (1.0, True)
    assert "right on the same images" in (fit.note or "")


def test_few_informative_images_are_pointed_out() -> None:
    fit = cochran_test(answers(1, 8, (0.6, 0.5, 0.4)), rng=RNG)
    assert "prefer the permutation p" in (fit.note or "")


@pytest.mark.parametrize(
    ("table", "options", "error", "words"),
    [
        (np.ones(3), {}, ValueError, r"`correct` has shape \(3,\)"),
        (np.ones((3, 1)), {}, ValueError, "one column per classifier, at least 2"),
        (np.ones((0, 2)), {}, ValueError, r"shape \(0, 2\)"),
        (np.full((3, 2), 2), {}, TypeError, "true or false per image"),
        (np.ones((3, 2)), {"names": ["a"]}, ValueError, "2 columns came with 1 names"),
        (np.ones((3, 2)), {"variant": "z"}, ValueError, "`variant` is 'z'"),
        (np.ones((3, 2)), {"n_resamples": 10}, ValueError, "at least 99"),
        (np.ones((3, 2)), {"rng": 3}, TypeError, "numpy Generator"),
    ],
)
def test_bad_input_is_named(table, options, error, words) -> None:
    with pytest.raises(error, match=words):
        cochran_test(table, **{"rng": RNG, **options})


@pytest.mark.parametrize(("k", "u", "count"), [(12, 6, 40), (5, 2, 3), (9, 4, 200), (3, 1, 500), (13, 1, 1)])
def test_random_totals_have_the_moments_of_a_random_placement(k: int, u: int, count: int) -> None:
    """Each image gives a classifier its right answer with chance u / k: mean and covariance follow."""
    m = 20_000
    totals = cochran._random_totals(cochran._patterns(k, u), count, m, np.random.default_rng(1))
    assert totals.shape == (m, k)
    assert (totals.sum(axis=1) == count * u).all()
    share = u / k
    variance = count * share * (1.0 - share)
    assert np.abs(totals.mean(axis=0) - count * share).max() < 5.0 * (variance / m) ** 0.5
    together = count * (u * (u - 1) / (k * (k - 1)) - share**2)
    found = np.cov(totals[:, 0], totals[:, 1])[0, 1]
    assert abs(found - together) < 5.0 * variance * (2.0 / m) ** 0.5
