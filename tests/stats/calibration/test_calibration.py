"""Logistic calibration, Brier scores, Spiegelhalter's test: against R and by what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from stats.calibration.brier_tests import brier_difference_test, brier_score, spiegelhalter_test
from stats.calibration.calibration import calibration
from stats.calibration.curves import logistic_calibration_curve
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "calibration.json").read_text())
CASES = pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
CLOSED = 1e-10  # closed forms and glm at epsilon 1e-15
LRM = 1e-5  # rms::lrm stops early


def _sample(seed: int, n: int = 120, slope: float = 0.7):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = (rng.random(n) < expit(slope * x + 0.2)).astype(int)
    y[:2] = 0, 1
    return y, expit(x), x


samples = st.integers(0, 10_000).map(_sample)


@CASES
def test_slope_and_intercept_against_glm(case: dict) -> None:
    fit, expected = calibration(case["y"], case["p"]), case["logistic"]
    assert fit.slope.estimate == pytest.approx(expected["slope"], rel=CLOSED)
    assert fit.intercept.estimate == pytest.approx(expected["intercept"], rel=CLOSED)
    assert fit.in_the_large.estimate == pytest.approx(expected["large"], rel=CLOSED)
    assert fit.covariance == pytest.approx(np.array(expected["covariance"]), rel=CLOSED)
    assert fit.in_the_large.std_error == pytest.approx(expected["large_error"], rel=CLOSED)
    assert fit.joint_statistic == pytest.approx(expected["joint_statistic"], rel=1e-9)
    assert fit.joint_p == pytest.approx(expected["joint_p"], rel=1e-9)


@CASES
def test_clustered_errors_against_sandwich(case: dict) -> None:
    fit = calibration(case["y"], case["p"], group=case["group"])
    expected = case["logistic"]["clustered"]
    assert fit.covariance == pytest.approx(np.array(expected["covariance"]), rel=CLOSED)
    assert fit.in_the_large.std_error == pytest.approx(expected["large_error"], rel=CLOSED)
    assert fit.slope.conf_low == pytest.approx(expected["slope_low"], rel=CLOSED)
    assert (fit.joint_statistic, fit.joint_p) == pytest.approx(
        (expected["statistic"], expected["p"]), rel=1e-9
    )


@CASES
def test_against_val_prob(case: dict) -> None:
    expected = case["val_prob"]
    fit, z = calibration(case["y"], case["p"]), spiegelhalter_test(case["y"], case["p"])
    assert brier_score(case["y"], case["p"]).brier == pytest.approx(expected["Brier"], rel=CLOSED)
    assert fit.intercept.estimate == pytest.approx(expected["Intercept"], rel=LRM, abs=LRM)
    assert fit.slope.estimate == pytest.approx(expected["Slope"], rel=LRM)
    assert fit.joint_statistic == pytest.approx(expected["U:Chi-sq"], rel=LRM)
    assert (z.statistic, z.p_value) == pytest.approx((expected["S:z"], expected["S:p"]), rel=CLOSED)
    clustered = spiegelhalter_test(case["y"], case["p"], group=case["group"])
    assert clustered.statistic == pytest.approx(case["spiegelhalter"]["z_clustered"], rel=CLOSED)


@CASES
def test_brier_against_t_test(case: dict) -> None:
    y, p, q, expected = case["y"], case["p"], case["q"], case["brier"]
    one = brier_score(y, p)
    assert (one.brier, one.std_error, one.conf_low, one.conf_high) == pytest.approx(
        (expected["brier"], expected["std_error"], expected["conf_low"], expected["conf_high"]), rel=CLOSED
    )
    assert (one.scaled, one.scaled_std_error) == pytest.approx(
        (expected["scaled"], expected["scaled_error"]), rel=1e-9
    )
    assert brier_score(y, p, group=case["group"]).std_error == pytest.approx(
        expected["clustered_error"], rel=CLOSED
    )
    pair = brier_difference_test(y, p, q)
    assert (pair.estimate, pair.statistic, pair.p_value, pair.conf_low, pair.conf_high) == pytest.approx(
        tuple(expected[name] for name in ("difference", "statistic", "p", "low", "high")), rel=1e-9
    )
    less = brier_difference_test(y, p, q, alternative="less")
    assert (less.p_value, less.conf_low, less.conf_high) == pytest.approx(
        (expected["p_less"], -1.0, expected["high_less"]), rel=1e-9
    )
    clustered = brier_difference_test(y, p, q, group=case["group"])
    assert clustered.std_error == pytest.approx(expected["clustered_difference_error"], rel=CLOSED)


def test_statsmodels_gives_the_same_fit() -> None:
    y, p, x = _sample(1)
    fit = calibration(y, p)
    other = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14)
    assert (fit.intercept.estimate, fit.slope.estimate) == pytest.approx(tuple(other.params), rel=1e-9)
    assert (fit.intercept.std_error, fit.slope.std_error) == pytest.approx(tuple(other.bse), rel=1e-7)


@given(samples, st.floats(-2.0, 2.0), st.floats(0.2, 4.0))
@settings(deadline=None, max_examples=30)
def test_recalibrating_the_log_odds_moves_the_coefficients_exactly(sample, shift, factor) -> None:
    """x' = shift + factor x has slope b / factor, intercept a - shift b / factor."""
    y, _, x = sample
    fit = calibration(y, expit(x), logit=x)
    moved = calibration(y, expit(shift + factor * x), logit=shift + factor * x)
    slope = fit.slope.estimate / factor
    assert moved.slope.estimate == pytest.approx(slope, rel=1e-8)
    assert moved.intercept.estimate == pytest.approx(
        fit.intercept.estimate - shift * slope, rel=1e-7, abs=1e-8
    )


@given(samples)
@settings(deadline=None, max_examples=30)
def test_the_recalibrated_model_is_calibrated(sample) -> None:
    y, p, x = sample
    fit = calibration(y, p)
    again = calibration(y, expit(fit.intercept.estimate + fit.slope.estimate * x))
    if fit.slope.estimate > 0:
        assert (again.intercept.estimate, again.slope.estimate) == pytest.approx((0.0, 1.0), abs=1e-6)
        assert again.joint_statistic == pytest.approx(0.0, abs=1e-8)
        assert again.in_the_large.estimate == pytest.approx(0.0, abs=1e-8)


@given(samples)
@settings(deadline=None, max_examples=30)
def test_swapping_the_classes_negates_intercepts_and_keeps_slope(sample) -> None:
    y, p, x = sample
    fit, mirrored = calibration(y, p, logit=x), calibration(1 - y, 1.0 - p, logit=-x)
    assert mirrored.slope.estimate == pytest.approx(fit.slope.estimate, rel=1e-8)
    assert mirrored.intercept.estimate == pytest.approx(-fit.intercept.estimate, rel=1e-7, abs=1e-9)
    assert mirrored.in_the_large.estimate == pytest.approx(-fit.in_the_large.estimate, rel=1e-7, abs=1e-9)
    assert spiegelhalter_test(1 - y, 1.0 - p).statistic == pytest.approx(
        spiegelhalter_test(y, p).statistic, rel=1e-8, abs=1e-9
    )


@given(samples, samples)
@settings(deadline=None, max_examples=30)
def test_swapping_models_negates_the_brier_difference(sample, other) -> None:
    y, p, _ = sample
    one, two = brier_difference_test(y, p, other[1]), brier_difference_test(y, other[1], p)
    assert (two.estimate, two.statistic) == pytest.approx((-one.estimate, -one.statistic), rel=1e-9)
    assert two.p_value == pytest.approx(one.p_value, rel=1e-9)
    assert (two.conf_low, two.conf_high) == pytest.approx((-one.conf_high, -one.conf_low), rel=1e-9)


def test_one_image_per_group_is_no_grouping_for_the_brier_score() -> None:
    y, p, x = _sample(3)
    alone, grouped = brier_score(y, p), brier_score(y, p, group=range(y.size))
    assert grouped.std_error == pytest.approx(alone.std_error, rel=1e-12)
    assert grouped.df == alone.df
    assert brier_difference_test(y, p, expit(0.5 * x), group=range(y.size)).p_value == pytest.approx(
        brier_difference_test(y, p, expit(0.5 * x)).p_value, rel=1e-10
    )


def test_extreme_log_odds_are_fitted_and_not_clipped() -> None:
    rng = np.random.default_rng(5)
    x = 300.0 * rng.normal(size=200)
    y = (rng.random(200) < expit(0.004 * x)).astype(int)
    fit = calibration(y, expit(x), logit=x)
    other = sm.GLM(y, sm.add_constant(x / 300.0), family=sm.families.Binomial()).fit(tol=1e-13)
    assert fit.slope.estimate == pytest.approx(other.params[1] / 300.0, rel=1e-8)
    assert np.isfinite(fit.in_the_large.estimate)


def test_certain_and_right_images_leave_the_fit_and_are_counted() -> None:
    y, p, _ = _sample(2)
    fit = calibration(np.r_[y, 0, 1], np.r_[p, 0.0, 1.0])
    assert fit.slope.estimate == pytest.approx(calibration(y, p).slope.estimate, rel=1e-12)
    assert fit.n_certain == 2
    assert "2 images have a probability of exactly 0 or 1 and are right" in (fit.note or "")
    almost = calibration(np.r_[y, 0, 1], np.r_[p, 1e-15, 1.0 - 2.0**-53])
    assert almost.slope.estimate == pytest.approx(fit.slope.estimate, rel=1e-6)


def test_certain_and_wrong_images_leave_no_coefficients() -> None:
    y, p, _ = _sample(2)
    fit = calibration(np.r_[y, 1], np.r_[p, 0.0])
    assert np.isnan([fit.slope.estimate, fit.intercept.estimate, fit.in_the_large.estimate]).all()
    assert np.isnan(fit.joint_p)
    assert "1 images have a probability of exactly 0 or 1 and are wrong" in (fit.note or "")
    z = spiegelhalter_test(np.r_[y, 1], np.r_[p, 0.0])
    assert np.isnan(z.statistic)
    assert np.isnan(z.p_value)
    assert "are wrong, which calibration excludes" in (z.note or "")


def test_logits_keep_what_probabilities_round_away() -> None:
    y, p, x = _sample(2)
    x = np.r_[x, 40.0]
    fit = calibration(np.r_[y, 0], np.r_[p, 1.0], logit=x)
    assert fit.n_certain == 0
    assert fit.slope.estimate < calibration(y, p).slope.estimate


@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], "do not overlap"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], "do not overlap"),
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9], "do not overlap"),
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3], "all probabilities are equal"),
        ([0, 1, 0, 1], [0.0, 1.0, 0.0, 1.0], "one class only"),
        ([0, 0, 1, 1, 0], [0.1, 0.9, 0.8, 0.2, 0.0], "contradicts those of 0 or 1"),
    ],
)
def test_no_slope_is_said_in_words(y, p, words) -> None:
    fit = calibration(y, p)
    assert np.isnan([fit.slope.estimate, fit.slope.conf_low, fit.slope.p_value]).all()
    assert words in (fit.note or "")


def test_separation_leaves_calibration_in_the_large() -> None:
    fit = calibration([0, 0, 1, 1], [0.1, 0.3, 0.8, 0.9])
    assert np.isfinite(fit.in_the_large.estimate)
    assert fit.in_the_large.conf_low < fit.in_the_large.conf_high


def test_a_reversed_model_is_noted() -> None:
    y, p, _ = _sample(4)
    assert "slope below 0" in (calibration(1 - y, p).note or "")


def test_identical_models_and_constant_differences_follow_the_written_rules() -> None:
    y, p, _ = _sample(4)
    same = brier_difference_test(y, p, p)
    assert (same.estimate, same.statistic, same.p_value) == (0.0, 0.0, 1.0)
    assert "statistic 0, p 1 by definition" in (same.note or "")
    constant = brier_difference_test([0, 1, 0, 1], [0.0, 1.0, 0.0, 1.0], [0.5] * 4)
    assert np.isnan([constant.statistic, constant.p_value, constant.conf_low]).all()
    assert "variance 0: no test" in (constant.note or "")
    assert "no width" in (brier_score([0, 1, 0, 1], [0.5] * 4).note or "")
    assert "variance under the hypothesis is 0" in (spiegelhalter_test([0, 1], [0.5, 0.5]).note or "")


def test_few_groups_are_noted_and_two_have_no_joint_test() -> None:
    y, p, _ = _sample(6)
    fit = calibration(y, p, group=np.arange(y.size) % 2)
    assert "only 2 groups" in (fit.note or "")
    assert np.isnan(fit.joint_p)


def test_logistic_curve_goes_through_the_recalibrated_probabilities() -> None:
    y, p, x = _sample(7)
    fit = calibration(y, p)
    curve = logistic_calibration_curve(fit, at=p)
    assert curve.observed == pytest.approx(expit(fit.intercept.estimate + fit.slope.estimate * x), rel=1e-10)
    assert (curve.conf_low < curve.observed).all()
    assert (curve.observed < curve.conf_high).all()
    at_mean = logistic_calibration_curve(fit, at=[0.5])
    half = logit(at_mean.conf_high[0]) - fit.intercept.estimate
    assert half == pytest.approx(fit.intercept.conf_high - fit.intercept.estimate, rel=1e-9)
    assert np.isnan(logistic_calibration_curve(calibration([0, 1], [0.1, 0.9])).observed).all()
    with pytest.raises(ValueError, match=r"outside \(0, 1\)"):
        logistic_calibration_curve(fit, at=[0.0, 0.5])


def test_results_are_rows_of_the_common_columns() -> None:
    y, p, _ = _sample(8)
    frame = calibration(y, p).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame["metric"].tolist() == [
        "calibration_in_the_large",
        "calibration_intercept",
        "calibration_slope",
    ]
    assert tuple(brier_score(y, p).to_frame().columns) == RESULT_COLUMNS
    assert "test against 1" in frame.loc[2, "method"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: calibration([0, 1, 0], [0.1, 1.2, -0.3]),
            r"2 values outside \[0, 1\] \(row 2: 1.2, 3: -0.3",
        ),
        (lambda: brier_score([0, 1], [0.1, np.nan]), "1 missing or infinite value"),
        (lambda: brier_score([1, 1], [0.1, 0.2]), "at least 1 of each class"),
        (lambda: brier_difference_test([0, 1], [0.1, 0.2], [0.1, 3.0]), "`prob_b` has 1 value outside"),
        (lambda: brier_difference_test([0, 1], [0.1, 0.2], [0.1, 0.2], alternative="x"), "'less'"),
        (lambda: calibration([0, 1], [0.1, 0.2], logit=[1.0, 2.0]), "`logit` contradicts `prob` in 2"),
        (lambda: calibration([0, 1], [0.1, 0.2], conf_level=2), "`conf_level` is 2"),
        (lambda: calibration([0, 1], [0.1, 0.2], group=["a"]), "one group for each of the 2"),
        (lambda: calibration([0, 1], [0.1, 0.2], group=["a", None]), "missing in 1 rows"),
        (lambda: spiegelhalter_test([0, 1], [0.1, 0.2], group=[1, 1]), "one group only"),
        (lambda: calibration([0, 1], [0.1]), "shape"),
    ],
)
def test_bad_input_is_named(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call()
