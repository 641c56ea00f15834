"""The corrected resampled t test against its formula, and where it does not apply."""

import numpy as np
import pytest
from scipy import stats

from stats.recipes.resampled_t import resampled_t_test

A = np.array([0.81, 0.79, 0.86, 0.83, 0.80])
B = np.array([0.78, 0.80, 0.81, 0.79, 0.77])


def test_against_the_formula():
    fit = resampled_t_test(A, B, n_train=520, n_test=156)
    d = A - B
    t = d.mean() / np.sqrt(d.var(ddof=1) * (1 / 5 + 156 / 520))
    assert fit.statistic == pytest.approx(t, rel=1e-12)
    assert fit.p_value == pytest.approx(2 * stats.t.sf(abs(t), 4), rel=1e-12)
    assert "5 folds" in str(fit.note)


def test_without_shared_training_images_it_is_the_paired_t_test():
    fit = resampled_t_test(A, B, n_train=1e15, n_test=1e-9)
    plain = stats.ttest_rel(A, B)
    assert fit.p_value == pytest.approx(plain.pvalue, rel=1e-9)
    low, high = plain.confidence_interval()
    assert (fit.conf_low, fit.conf_high) == pytest.approx((low, high), rel=1e-9)
    corrected = resampled_t_test(A, B, n_train=520, n_test=156)
    assert corrected.p_value > fit.p_value
    assert corrected.naive_std_error == pytest.approx(fit.std_error)


def test_swapping_arms_negates_the_statistic():
    one, other = resampled_t_test(A, B, n_train=4, n_test=1), resampled_t_test(B, A, n_train=4, n_test=1)
    assert (one.statistic, one.p_value) == (-other.statistic, other.p_value)


def test_p_is_1_minus_the_level_at_the_confidence_bound():
    fit = resampled_t_test(A, B, n_train=4, n_test=1, conf_level=0.9)
    moved = resampled_t_test(A - fit.conf_low, B, n_train=4, n_test=1)
    assert moved.p_value == pytest.approx(0.1, rel=1e-9)


def test_constant_differences():
    same = resampled_t_test(A, A, n_train=4, n_test=1)
    assert (same.statistic, same.p_value) == (0.0, 1.0)
    shifted = resampled_t_test([0.5, 0.75], [0.25, 0.5], n_train=4, n_test=1)
    assert np.isnan(shifted.p_value)
    assert "no test" in str(shifted.note)


@pytest.mark.parametrize(
    ("a", "b", "sizes", "message"),
    [
        ([0.5], [0.6], (4, 1), "1 fold"),
        ([0.5, 0.6], [0.5], (4, 1), "one value per fold"),
        ([0.5, np.nan], [0.5, 0.6], (4, 1), "not finite"),
        ([0.5, 0.6], [0.5, 0.7], (0, 1), "must be above 0"),
    ],
)
def test_bad_input_is_refused(a, b, sizes, message):
    with pytest.raises(ValueError, match=message):
        resampled_t_test(a, b, n_train=sizes[0], n_test=sizes[1])
