"""Means of map measures with intervals, and the paired test of two maps."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.saliency.summary import mean_measure_ci, paired_measure_test

VALUES = np.array([0.1, 0.4, 0.35, 0.8, 0.6, 0.2, 0.9, 0.55])
OTHER = np.array([0.2, 0.1, 0.30, 0.5, 0.1, 0.3, 0.7, 0.40])
PATIENTS = ["p1", "p1", "p2", "p2", "p2", "p3", "p4", "p5"]


def rng():
    return np.random.default_rng(1)


def test_mean_and_standard_error_of_independent_images():
    found = mean_measure_ci(VALUES, measure="energy", n_resamples=20_000, rng=rng())
    assert found.estimate == pytest.approx(VALUES.mean())
    # the bootstrap's variance of a mean is the sum of squares over n^2; 4 Monte Carlo standard errors
    expected = VALUES.std(ddof=0) / np.sqrt(VALUES.size)
    assert found.std_error == pytest.approx(expected, rel=4 / np.sqrt(2 * 20_000))
    assert found.conf_low < found.estimate < found.conf_high
    assert (found.n, found.n_groups, found.n_positive) == (8, None, None)
    assert "BCa interval" in found.method


def test_patients_are_drawn_whole():
    # all images of a patient equal: five patients' values are all there is
    doubled = np.repeat([0.1, 0.9, 0.4, 0.3, 0.7], 40)
    group = np.repeat(np.arange(5), 40).tolist()
    alone = mean_measure_ci(doubled, measure="iou", interval="percentile", rng=rng())
    whole = mean_measure_ci(doubled, measure="iou", interval="percentile", group=group, rng=rng())
    assert whole.estimate == alone.estimate
    assert whole.std_error > 4 * alone.std_error
    assert whole.n_groups == 5
    assert "only 5 groups" in whole.note


def test_one_image_per_patient_is_the_same_as_no_patients():
    ids = [f"p{i}" for i in range(VALUES.size)]
    alone = mean_measure_ci(VALUES, measure="energy", rng=rng())
    grouped = mean_measure_ci(VALUES, measure="energy", group=ids, rng=rng())
    assert (grouped.conf_low, grouped.conf_high) == (alone.conf_low, alone.conf_high)


def test_maps_without_evidence_count_as_0_and_are_named():
    with_nan = np.append(VALUES, np.nan)
    found = mean_measure_ci(with_nan, measure="energy", rng=rng())
    assert found.estimate == pytest.approx(VALUES.sum() / 9)
    assert "1 of 9 maps hold no evidence and count as 0" in found.note
    paired = paired_measure_test(with_nan, np.append(OTHER, 0.5), measure="energy", rng=rng())
    assert "1 of 9 maps of a hold no evidence and count as 0" in paired.note
    assert paired.estimate_a == pytest.approx(VALUES.sum() / 9)


def test_correlations_keep_their_sign():
    found = mean_measure_ci(-VALUES, measure="rank_correlation", rng=rng())
    assert found.conf_low < found.estimate < found.conf_high < 0.0


def test_equal_values_say_that_the_interval_has_no_width():
    found = mean_measure_ci([0.5] * 6, measure="pointing", rng=rng())
    assert (found.conf_low, found.conf_high) == (0.5, 0.5)
    assert "no width" in found.note


def test_p_value_counts_every_exchange_of_the_arms():
    d = VALUES - OTHER
    found = paired_measure_test(VALUES, OTHER, measure="energy", rng=rng())
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True)))
        for signs in itertools.product((1, -1), repeat=8)
    ]
    assert found.p_value == pytest.approx(np.mean(np.array(sums) >= abs(d.sum()) - 1e-12))
    assert found.estimate == pytest.approx(d.mean())
    assert found.conf_low < found.estimate < found.conf_high
    assert found.method.startswith(
        "sign-flip test over images (exact); interval: paired unstratified bootstrap"
    )


def test_p_value_by_patient_exchanges_whole_patients():
    d = VALUES - OTHER
    units = [d[[p == name for p in PATIENTS]].sum() for name in dict.fromkeys(PATIENTS)]
    sums = [abs(np.dot(signs, units)) for signs in itertools.product((1, -1), repeat=5)]
    found = paired_measure_test(VALUES, OTHER, measure="iou", group=PATIENTS, rng=rng())
    assert found.p_value == pytest.approx(np.mean(np.array(sums) >= abs(d.sum()) - 1e-12))
    assert found.n_groups == 5
    assert "over patients" in found.method
    assert "clustered" in found.method


@given(st.lists(st.integers(0, 10), min_size=4, max_size=12), st.integers(0, 2**31))
def test_swapping_the_arms_negates_the_difference_and_keeps_p(tenths, seed):
    a = np.array(tenths) / 10
    b = np.random.default_rng(seed).integers(0, 11, a.size) / 10
    one = paired_measure_test(a, b, measure="energy", n_resamples=99, rng=rng())
    other = paired_measure_test(b, a, measure="energy", n_resamples=99, rng=rng())
    assert other.estimate == pytest.approx(-one.estimate)
    assert other.p_value == pytest.approx(one.p_value)
    assert other.conf_low == pytest.approx(-one.conf_high)


def test_identical_maps_do_not_differ():
    found = paired_measure_test(VALUES, VALUES, measure="iou", rng=rng())
    assert (found.estimate, found.p_value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([0.5], {}, r"`values` has shape \(1,\); give one value for each of 2 images or more"),
        ([0.5, np.inf], {}, "`values` has infinite values"),
        ([0.5, 0.1], {"measure": "auc"}, "`measure` is 'auc'; allowed are 'energy', 'pointing', 'iou'"),
        ([0.5, 0.1], {"group": ["p", "p"]}, "`group` has one group only"),
        ([0.5, 0.1], {"n_resamples": 5}, "`n_resamples` is 5; give at least 99"),
    ],
)
def test_bad_input_is_named(values, options, message):
    with pytest.raises(ValueError, match=message):
        mean_measure_ci(values, **{"measure": "energy", "rng": rng(), **options})


def test_unmatched_arms_are_refused():
    with pytest.raises(ValueError, match="`values_a` has 8 images, `values_b` 7; match them"):
        paired_measure_test(VALUES, OTHER[:7], measure="energy", rng=rng())
