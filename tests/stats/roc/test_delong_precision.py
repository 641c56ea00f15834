"""Digits of DeLong where numbers cancel: nearly equal curves, repeated models, variances of exactly zero."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from stats.roc.auc import auc_ci
from stats.roc.delong import delong


def one_swap(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and two models that differ by one neighbouring pair of opposite classes in another order."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 3 == 0).astype(int)
    a = rng.normal(size=n) + y
    order = np.argsort(a)
    at = next(i for i in range(n // 2, n) if y[order[i]] != y[order[i + 1]])
    c = a.copy()
    c[order[at]], c[order[at + 1]] = a[order[at + 1]], a[order[at]]
    return y, np.column_stack([a, c])


@pytest.mark.parametrize("n", [1_000, 100_000])
def test_one_swapped_pair_keeps_every_digit(n: int) -> None:
    """One pair of mn: the difference is 1/(mn), its z depends on m and n alone."""
    y, scores = one_swap(n)
    m, k = int(y.sum()), int(n - y.sum())
    fit = delong(y, scores)
    assert abs(fit.pairs.difference[0]) == pytest.approx(1 / (m * k), rel=1e-12)
    # placements differ in one positive (by 1/k) and one negative image (by 1/m)
    parts = [Fraction(1, k**2) * Fraction(m - 1, m) / (m - 1) / m]
    parts.append(Fraction(1, m**2) * Fraction(k - 1, k) / (k - 1) / k)
    assert fit.pairs.std_error[0] ** 2 == pytest.approx(float(sum(parts)), rel=1e-9)


def test_the_global_test_sees_a_small_direction_beside_a_large_one() -> None:
    y, scores = one_swap(60_000)
    other = np.random.default_rng(1).normal(size=y.size) + 0.2 * y
    fit = delong(y, np.column_stack([scores[:, 0], other, scores[:, 1]]))
    assert fit.overall.df == 2
    assert fit.overall.note is None
    assert fit.overall.statistic == pytest.approx(fit.pairs.statistic[0] ** 2, rel=0.01)


def test_repeated_models_lower_the_df_only() -> None:
    rng = np.random.default_rng(3)
    y = (np.arange(90) % 2).astype(int)
    a, b = rng.normal(size=90) + y, rng.normal(size=90)
    once, twice = delong(y, np.column_stack([a, b])), delong(y, np.column_stack([a, b, a, 3 * b]))
    assert twice.overall.df == once.overall.df == 1
    assert twice.overall.statistic == pytest.approx(once.overall.statistic, rel=1e-10)


CLUSTERS = {
    "difference without variance": (
        [1, 1, 0, 1, 0, 0] * 2,
        np.column_stack([[0, 0, 2, 1, 2, 1] * 2, [0, 0, 2, 0, 0, 2] * 2]),
        [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3],
    ),
    "one model without variance": (
        [1, 1, 0, 0, 1, 0] * 2,
        np.array([[2, 0, 2, 2, 2, 4] * 2]).T,
        [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3],
    ),
}


def test_clustered_variances_that_are_zero_come_out_zero() -> None:
    y, scores, group = CLUSTERS["difference without variance"]
    fit = delong(y, scores.astype(float), group=group)
    assert fit.pairs.std_error[0] == 0.0
    assert np.isnan(fit.pairs.p_value[0])
    assert any("estimated variance of 0" in note for note in fit.notes)
    y, scores, group = CLUSTERS["one model without variance"]
    fit = delong(y, scores.astype(float), group=group)
    assert fit.covariance[0, 0] == 0.0
    assert auc_ci(y, scores[:, 0].astype(float), group=group).std_error == 0.0


def test_clustered_variances_are_never_negative() -> None:
    rng = np.random.default_rng(9)
    for _ in range(300):
        y = np.tile(rng.permutation([1, 1, 0, 0, 0, 1]), 2)
        scores = np.tile(rng.integers(0, 3, size=(6, 2)), (2, 1)).astype(float)
        fit = delong(y, scores, group=np.repeat(np.arange(4), 3))
        assert (np.diagonal(fit.covariance) >= 0.0).all()
        assert not (0.0 < fit.pairs.std_error[0] < 1e-7)
