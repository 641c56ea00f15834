"""Permutation tests of two models against all exchanges made in R, McNemar, and what must not change."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from stats.resampling import permutation
from stats.resampling.permutation import accuracy_permutation_test, auc_permutation_test, signed_sum_p
from stats.results import RESULT_COLUMNS
from stats.roc.auc import auc
from stats.roc.delong import delong_test

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "permutation.json").read_text())
COUNTED = 1e-12  # whole counts over 2^n
ALTERNATIVES = ("two-sided", "greater", "less")
RNG = np.random.default_rng(3)

datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, n = rng.integers(2, 25, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    s = np.round(rng.normal(size=(m + n, 2)) + y[:, None], int(rng.integers(0, 4)))
    return y, s[:, 0], s[:, 1]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_all_exchanges_made_in_r(case: dict) -> None:
    scores = np.array(case["scores"])
    for alternative in ALTERNATIVES:
        fit = auc_permutation_test(
            case["y"],
            scores[:, 0],
            scores[:, 1],
            group=case["group"] if case["clustered"] else None,
            exchange=case["exchange"],
            alternative=alternative,
            rng=RNG,
        )
        assert fit.exact
        assert fit.p_value == pytest.approx(case["p"][alternative], rel=COUNTED)
        assert fit.estimate == pytest.approx(case["estimate"], abs=COUNTED)
        assert fit.null_std_error == pytest.approx(case["null_std_error"], rel=COUNTED)


def test_random_exchanges_agree_with_all_exchanges(monkeypatch) -> None:
    y, a, b = _data(np.random.default_rng(5))
    group = np.arange(y.size) // 2
    for groups, alternative in product((None, group), ALTERNATIVES):
        exact = auc_permutation_test(y, a, b, group=groups, alternative=alternative, rng=RNG)
        with monkeypatch.context() as patch:
            patch.setattr(permutation, "EXACT_CELLS", 0)
            patch.setattr(permutation, "CHUNK", 10_000)
            drawn = auc_permutation_test(
                y, a, b, group=groups, alternative=alternative, n_resamples=20_000, rng=RNG
            )
        assert exact.exact
        assert not drawn.exact
        error = np.sqrt(exact.p_value * (1.0 - exact.p_value) / 20_000)
        assert drawn.p_value == pytest.approx(exact.p_value, abs=4.0 * error + 1e-4)
        assert "20000 random exchanges" in drawn.method


def test_monte_carlo_p_is_never_zero(monkeypatch) -> None:
    monkeypatch.setattr(permutation, "EXACT_CELLS", 0)
    y = np.repeat([1, 0], 40)
    fit = auc_permutation_test(
        y, y + 0.01 * RNG.normal(size=80), RNG.normal(size=80), n_resamples=99, rng=RNG
    )
    assert fit.p_value == 1 / 100


def test_signed_sums_by_listing() -> None:
    sizes = np.array([2, 4, 4, 6, 10])
    sums = np.array([np.dot(signs, sizes) for signs in product((-1, 1), repeat=5)])
    for total in sorted(set(sums.tolist())):
        assert signed_sum_p(sizes, total, "greater") == (sums >= total).mean()
        assert signed_sum_p(sizes, total, "less") == (sums <= total).mean()
        assert signed_sum_p(sizes, total, "two-sided") == (np.abs(sums) >= abs(total)).mean()


def test_tails_keep_their_relative_accuracy() -> None:
    assert signed_sum_p(np.ones(600, dtype=np.int64), 600, "greater") == pytest.approx(2.0**-600, rel=1e-12)
    assert signed_sum_p(np.ones(1200, dtype=np.int64), 1200, "greater") > 0.0


def test_many_images_agree_with_the_normal_p_and_with_delong() -> None:
    rng = np.random.default_rng(9)
    y = np.repeat([1, 0], [120, 180])
    common = rng.normal(size=300)
    a, b = common + rng.normal(size=300) + 1.1 * y, common + rng.normal(size=300) + 0.7 * y
    fit = auc_permutation_test(y, a, b, rng=rng)
    assert fit.exact
    assert fit.p_value == pytest.approx(fit.p_asymptotic, rel=0.1)
    assert fit.null_std_error == pytest.approx(delong_test(y, a, b).std_error, rel=0.05)
    assert fit.estimate == pytest.approx(auc(y, a) - auc(y, b), abs=1e-14)


@given(datasets, st.sampled_from(ALTERNATIVES))
@settings(max_examples=40, deadline=None)
def test_swapping_models_keeps_p_and_mirrors_sides(rng: np.random.Generator, alternative: str) -> None:
    y, a, b = _data(rng)
    mirrored = {"two-sided": "two-sided", "greater": "less", "less": "greater"}[alternative]
    one = auc_permutation_test(y, a, b, alternative=alternative, rng=RNG)
    other = auc_permutation_test(y, b, a, alternative=mirrored, rng=RNG)
    assert one.p_value == pytest.approx(other.p_value, rel=COUNTED)
    assert one.statistic == pytest.approx(-other.statistic, rel=COUNTED)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_increasing_transforms_change_nothing_with_ranks(rng: np.random.Generator) -> None:
    y, a, b = _data(rng)
    one, other = (auc_permutation_test(y, x, b, rng=RNG) for x in (a, 5.0 * a + 100.0))
    assert (one.p_value, one.null_std_error) == (other.p_value, other.null_std_error)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_swapping_classes_and_signs_changes_nothing(rng: np.random.Generator) -> None:
    y, a, b = _data(rng)
    one, other = auc_permutation_test(y, a, b, rng=RNG), auc_permutation_test(1 - y, -a, -b, rng=RNG)
    assert one.p_value == pytest.approx(other.p_value, rel=COUNTED)
    assert one.estimate == pytest.approx(other.estimate, abs=COUNTED)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_groups_of_one_image_exchange_images(rng: np.random.Generator) -> None:
    y, a, b = _data(rng)
    one, other = (auc_permutation_test(y, a, b, group=g, rng=RNG) for g in (None, rng.permutation(y.size)))
    assert one.p_value == other.p_value


@given(datasets, st.sampled_from(ALTERNATIVES))
@settings(max_examples=40, deadline=None)
def test_accuracies_of_single_images_give_mcnemars_exact_test(rng, alternative: str) -> None:
    y, a, b = rng.integers(0, 2, (3, 40))
    fit = accuracy_permutation_test(y, a, b, alternative=alternative, rng=RNG)
    only_a, only_b = int(((a == y) & (b != y)).sum()), int(((a != y) & (b == y)).sum())
    if only_a + only_b:
        expected = binomtest(only_a, only_a + only_b, alternative=alternative).pvalue
        assert fit.p_value == pytest.approx(expected, rel=1e-11)
    assert fit.estimate == pytest.approx((a == y).mean() - (b == y).mean())


def test_accuracies_of_patients_by_listing() -> None:
    y, a, b = np.random.default_rng(4).integers(0, 2, (3, 30))
    group = np.arange(30) // 3
    gain = np.bincount(group, weights=(a == y).astype(float) - (b == y))
    sums = np.array([np.dot(signs, gain) for signs in product((-1, 1), repeat=10)])
    fit = accuracy_permutation_test(y, a, b, group=group, rng=RNG)
    assert fit.p_value == (np.abs(sums) >= abs(gain.sum())).mean()
    assert fit.n_groups == 10
    assert "within groups" in fit.method


def test_models_that_rank_alike_have_p_one() -> None:
    y, a, _ = _data(np.random.default_rng(5))
    fit = auc_permutation_test(y, a, np.exp(a), alternative="less", rng=RNG)
    assert (fit.p_value, fit.p_asymptotic, fit.statistic, fit.n_units) == (1.0, 1.0, 0.0, 0)
    assert "no exchange of the two models" in str(fit.note)
    assert "no exchange of the two models" in str(accuracy_permutation_test(y, y, y, rng=RNG).note)


def test_the_row_has_the_result_columns() -> None:
    y, a, b = _data(np.random.default_rng(5))
    frame = auc_permutation_test(y, a, b, rng=RNG).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "method"] == (
        "paired permutation, ranks of AUC exchanged within images, all exchanges counted"
    )
    assert np.isnan(frame.loc[0, "conf_low"])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"exchange": "logits"}, ValueError, "`exchange` is 'logits'; allowed are 'ranks', 'scores'"),
        ({"alternative": "more"}, ValueError, "`alternative` is 'more'"),
        ({"n_resamples": 10}, ValueError, "`n_resamples` is 10; give at least 99"),
        ({"rng": 1}, TypeError, "`rng` must be a numpy Generator"),
        ({"score_b": [1.0, np.inf, 0.0]}, ValueError, "`score_b` has 1 missing or infinite value (row 2)"),
        ({"y_true": [1, 1, 1]}, ValueError, "3 positive and 0 negative images"),
        ({"group": [1, 1, 1]}, ValueError, "`group` has one group only"),
    ],
)
def test_bad_input_is_named(change: dict, error: type[Exception], text: str) -> None:
    good = {"y_true": [1, 1, 0], "score_a": [0.1, 0.9, 0.2], "score_b": [0.4, 0.9, 0.2], "rng": RNG}
    with pytest.raises(error, match=re.escape(text)):
        auc_permutation_test(**{**good, **change})


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"call_a": [1, 0.5, 0]}, ValueError, "`call_a` has values other than 0 and 1 (row 2)"),
        ({"call_b": [1, 0]}, ValueError, "have 3, 3 and 2 values"),
        ({"n_resamples": 10}, ValueError, "`n_resamples` is 10"),
        ({"rng": 1}, TypeError, "`rng` must be a numpy Generator"),
    ],
)
def test_bad_calls_are_named(change: dict, error: type[Exception], text: str) -> None:
    good = {"y_true": [1, 1, 0], "call_a": [0, 1, 0], "call_b": [1, 1, 0], "rng": RNG}
    with pytest.raises(error, match=re.escape(text)):
        accuracy_permutation_test(**{**good, **change})
