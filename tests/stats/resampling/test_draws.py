"""Count weights and the AUCs made of them: by the kernel, by listing, by what must hold of every sample."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from stats.resampling import draws
from stats.resampling.draws import auc_replicates, count_weights, sampling_plan, weight_blocks, weighted_auc
from stats.roc.auc import auc

datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    m, n = rng.integers(2, 40, 2)
    y = rng.permutation(np.repeat([True, False], [m, n]))
    return y, np.round(rng.normal(size=(m + n, k)) + y[:, None], int(rng.integers(0, 4)))


def _by_kernel(y: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC = w+' Psi w- / (sum w+ sum w-), written out."""
    positive, negative = scores[y][:, None, :], scores[~y][None, :, :]
    psi = (positive > negative) + 0.5 * (positive == negative)
    wins = np.einsum("bi,ijk,bj->bk", weights[:, y], psi, weights[:, ~y])
    return wins / (weights[:, y].sum(axis=1) * weights[:, ~y].sum(axis=1))[:, None]


@given(datasets)
@settings(max_examples=60, deadline=None)
def test_running_sums_equal_the_kernel_product_bit_for_bit(rng: np.random.Generator) -> None:
    y, scores = _data(rng)
    weights = count_weights(y, n_resamples=99, rng=rng)
    np.testing.assert_array_equal(weighted_auc(y, scores, weights), _by_kernel(y, scores, weights))


@given(datasets)
@settings(max_examples=30, deadline=None)
def test_double_and_single_precision_agree_bit_for_bit(rng: np.random.Generator) -> None:
    y, scores = _data(rng)
    weights = count_weights(y, n_resamples=99, rng=rng)
    single = weighted_auc(y, scores, weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "_EXACT_SINGLE", 0)
        np.testing.assert_array_equal(weighted_auc(y, scores, weights), single)


@given(datasets)
@settings(max_examples=30, deadline=None)
def test_a_sample_written_out_has_the_weighted_auc(rng: np.random.Generator) -> None:
    y, scores = _data(rng, k=1)
    weights = count_weights(y, n_resamples=99, rng=rng)[:1]
    taken = np.repeat(np.arange(y.size), weights[0].astype(int))
    assert weighted_auc(y, scores, weights)[0, 0] == auc(y[taken], scores[taken, 0])


@given(datasets)
@settings(max_examples=30, deadline=None)
def test_negated_scores_give_one_minus_auc(rng: np.random.Generator) -> None:
    y, scores = _data(rng)
    weights = count_weights(y, n_resamples=99, rng=rng)
    np.testing.assert_allclose(
        weighted_auc(y, -scores, weights), 1.0 - weighted_auc(y, scores, weights), atol=1e-15
    )


def test_products_beyond_single_precision_stay_exact() -> None:
    """3000 x 3000 pairs are more than float32 counts: one pair makes the difference."""
    y = np.repeat([True, False], 3000)
    scores = np.r_[np.arange(3000) + 3000.0, np.arange(3000)][:, None]
    scores[0] = 2998.5
    weights = np.ones((2, 6000))
    assert (weighted_auc(y, scores, weights) == 1.0 - 1.0 / 9e6).all()


def test_stratified_samples_keep_the_class_sizes() -> None:
    y = np.arange(50) < 13
    weights = count_weights(y, n_resamples=300, rng=np.random.default_rng(1))
    assert weights.shape == (300, 50)
    assert (weights[:, y].sum(axis=1) == 13).all()
    assert (weights[:, ~y].sum(axis=1) == 37).all()


def test_unstratified_samples_keep_the_size_only() -> None:
    y = np.arange(50) < 13
    weights = count_weights(y, n_resamples=300, rng=np.random.default_rng(1), stratified=False)
    assert (weights.sum(axis=1) == 50).all()
    assert weights[:, y].sum(axis=1).std() > 1.0


def test_patients_are_drawn_whole_and_within_their_label_pattern() -> None:
    rng = np.random.default_rng(3)
    group = rng.integers(0, 40, 120)
    y = rng.random(120) < 0.4
    weights = count_weights(y, n_resamples=200, rng=rng, group=group)
    patterns: dict[tuple[bool, bool], list[np.ndarray]] = {}
    for patient in np.unique(group):
        images = np.flatnonzero(group == patient)
        assert (weights[:, images] == weights[:, images[:1]]).all()
        patterns.setdefault((y[images].any(), y[images].all()), []).append(weights[:, images[0]])
    assert len(patterns) == 3
    for members in patterns.values():
        assert (np.sum(members, axis=0) == len(members)).all()


def test_patients_are_drawn_alike_when_not_stratified() -> None:
    y, group = np.arange(60) % 3 == 0, np.arange(60) // 2
    weights = count_weights(y, n_resamples=200, rng=np.random.default_rng(3), group=group, stratified=False)
    assert (weights[:, ::2] == weights[:, 1::2]).all()
    assert (weights[:, ::2].sum(axis=1) == 30).all()


def test_every_image_is_drawn_equally_often() -> None:
    y = np.arange(40) < 15
    weights = count_weights(y, n_resamples=20_000, rng=np.random.default_rng(8))
    for members in (y, ~y):
        assert chisquare(weights[:, members].sum(axis=0)).pvalue > 1e-4
    assert weights[:, 0].var() == pytest.approx(14 / 15, rel=0.05)


def test_the_generator_fixes_the_samples_for_any_models(monkeypatch) -> None:
    y = np.arange(30) < 10
    monkeypatch.setattr(draws, "BLOCK_ROWS", 64)
    scores = np.random.default_rng(1).normal(size=(30, 5))
    plan = sampling_plan(y)
    one = auc_replicates(y, scores, plan, n_resamples=150, rng=np.random.default_rng(2))
    other = auc_replicates(y, scores[:, [3]], plan, n_resamples=150, rng=np.random.default_rng(2))
    weights = count_weights(y, n_resamples=150, rng=np.random.default_rng(2))
    np.testing.assert_array_equal(one[:, [3]], other)
    np.testing.assert_array_equal(one, weighted_auc(y, scores, weights))


def test_weights_of_units_are_those_of_their_images() -> None:
    y, group = np.arange(24) % 2 == 0, np.arange(24) // 3
    plan = sampling_plan(y, group=group)
    images = next(weight_blocks(plan, n_resamples=99, rng=np.random.default_rng(2)))
    units = next(weight_blocks(plan, n_resamples=99, rng=np.random.default_rng(2), by_unit=True))
    np.testing.assert_array_equal(units[:, plan.codes], images)
    values = np.random.default_rng(1).normal(size=(24, 2))
    np.testing.assert_allclose(units @ plan.unit_sums(values), images @ values, rtol=1e-12)


def test_a_sample_without_a_class_has_no_auc() -> None:
    y = np.array([True, False, False])
    weights = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    values = weighted_auc(y, np.array([[2.0], [1.0], [3.0]]), weights)[:, 0]
    assert values[0] == 0.5
    assert np.isnan(values[1:]).all()


def test_a_lone_unit_of_a_pattern_and_few_groups_are_noted() -> None:
    y = np.array([1, 0, 0, 0, 1, 0, 1, 0], dtype=bool)
    plan = sampling_plan(y, group=[1, 2, 2, 3, 4, 4, 5, 5])
    assert "only one unit has positive images only" in str(plan.note)
    assert "only 5 groups" in str(plan.note)
    assert plan.kind == "clustered stratified"
    assert sampling_plan(y).note is None


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"y_true": [1, 1, 1]}, ValueError, "3 positive and 0 negative"),
        ({"n_resamples": 50}, ValueError, "`n_resamples` is 50; give at least 99"),
        ({"rng": 3}, TypeError, "`rng` must be a numpy Generator"),
        ({"group": [1, 2]}, ValueError, "`group` has shape (2,)"),
        ({"group": [1, None, 2]}, ValueError, "`group` is missing in 1 rows (row 2)"),
        ({"group": [1, 1, 1]}, ValueError, "one group only"),
    ],
)
def test_bad_input_is_named(change: dict, error: type[Exception], text: str) -> None:
    good = {"y_true": [1, 0, 1], "n_resamples": 99, "rng": np.random.default_rng(1)}
    with pytest.raises(error, match=re.escape(text)):
        count_weights(**{**good, **change})
