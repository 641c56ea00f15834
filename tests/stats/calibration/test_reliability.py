"""Reliability bins, calibration error, Murphy's decomposition and smooth curves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from stats.calibration import probabilities
from stats.calibration.curves import smooth_calibration_curve
from stats.calibration.murphy import murphy_decomposition
from stats.calibration.reliability import expected_calibration_error, reliability_bins
from stats.rates.proportions import wilson_ci
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "calibration.json").read_text())
CASES = pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
CLOSED = 1e-10
LOWESS = 1e-9  # sums of weights in another order
EXACT = 1e-13  # sums of the same terms in another order
SHAPES = (("quantile", 10), ("width", 5))

tied = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=4, max_size=60)


def _sample(seed: int, n: int = 200, slope: float = 0.6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return (rng.random(n) < expit(slope * x)).astype(int), expit(x)


def _tied(rows):
    table = np.array(rows, dtype=float)
    return np.r_[table[:, 1], 0, 1], np.r_[table[:, 0] / 20.0, 0.4, 0.6]


@CASES
@pytest.mark.parametrize(("bins", "n_bins"), SHAPES)
def test_bins_against_r(case: dict, bins: str, n_bins: int) -> None:
    fit, expected = reliability_bins(case["y"], case["p"], bins=bins, n_bins=n_bins), case[bins]
    assert fit.count.tolist() == expected["count"]
    for values, name in (
        (fit.mean_prob, "mean_prob"),
        (fit.observed, "observed"),
        (fit.conf_low, "low"),
        (fit.conf_high, "high"),
    ):
        assert values == pytest.approx(np.array(expected[name]), rel=CLOSED, abs=1e-13)


@CASES
@pytest.mark.parametrize(("bins", "n_bins"), SHAPES)
def test_calibration_error_and_decomposition_against_r(case: dict, bins: str, n_bins: int) -> None:
    y, p, expected = case["y"], case["p"], case[bins]
    fit = expected_calibration_error(
        y, p, bins=bins, n_bins=n_bins, n_resamples=99, rng=np.random.default_rng(1)
    )
    assert fit.ece == pytest.approx(expected["ece"], rel=CLOSED)
    parts = murphy_decomposition(y, p, bins=bins, n_bins=n_bins)
    for name in ("reliability", "resolution", "uncertainty", "within_variance", "within_covariance"):
        assert getattr(parts, name) == pytest.approx(expected[name], rel=CLOSED)
    if min(expected["count"]) > 1:
        assert fit.ece_debiased == pytest.approx(expected["ece_debiased"], rel=CLOSED)
        assert parts.reliability_debiased == pytest.approx(expected["reliability_debiased"], rel=1e-9)


@CASES
def test_smooth_curve_against_r_lowess(case: dict) -> None:
    expected = case["smooth"]
    fit = smooth_calibration_curve(
        case["y"], case["p"], at=expected["x"], n_resamples=99, rng=np.random.default_rng(1)
    )
    assert fit.observed == pytest.approx(np.array(expected["y"]), abs=LOWESS)
    gap = np.abs(np.array(expected["y"]) - np.array(expected["x"]))
    assert (fit.mean_error, fit.max_error) == pytest.approx((gap.mean(), gap.max()), abs=LOWESS)


@given(tied, st.sampled_from(["distinct", "quantile", "width"]), st.integers(1, 12))
@settings(deadline=None, max_examples=80)
def test_decomposition_adds_up_to_the_brier_score(rows, bins, n_bins) -> None:
    y, p = _tied(rows)
    parts = murphy_decomposition(y, p, bins=bins, n_bins=n_bins)
    whole = parts.reliability - parts.resolution + parts.uncertainty
    assert whole + parts.within_variance - parts.within_covariance == pytest.approx(parts.brier, abs=EXACT)
    assert parts.brier == pytest.approx(np.mean((p - y) ** 2), abs=EXACT)
    if bins == "distinct":
        assert (parts.within_variance, parts.within_covariance) == pytest.approx((0.0, 0.0), abs=EXACT)
    if not np.isnan(parts.reliability_debiased):
        debiased = parts.reliability_debiased - parts.resolution_debiased + parts.uncertainty_debiased
        assert debiased == pytest.approx(whole, abs=EXACT)


@given(tied)
@settings(deadline=None, max_examples=40)
def test_row_order_and_doubling_all_rows_leave_the_bins(rows) -> None:
    y, p = _tied(rows)
    fit = reliability_bins(y, p, bins="width")
    turned, doubled = (
        reliability_bins(b, q, bins="width") for b, q in ((y[::-1], p[::-1]), (np.tile(y, 2), np.tile(p, 2)))
    )
    for other in (turned, doubled):
        assert other.observed == pytest.approx(fit.observed, rel=1e-12)
        assert other.mean_prob == pytest.approx(fit.mean_prob, rel=1e-12)
    assert doubled.count.tolist() == (2 * fit.count).tolist()


@given(tied)
@settings(deadline=None, max_examples=25)
def test_mirrored_classes_have_the_same_calibration_error(rows) -> None:
    y, p = _tied(rows)
    one, mirrored = (
        expected_calibration_error(b, q, n_bins=1, n_resamples=99, rng=np.random.default_rng(1))
        for b, q in ((y, p), (1 - y, 1 - p))
    )
    assert one.ece == pytest.approx(abs(p.mean() - y.mean()), abs=1e-12)
    assert (mirrored.ece, mirrored.ece_debiased) == pytest.approx((one.ece, one.ece_debiased), abs=1e-12)


def test_wilson_limits_are_those_of_the_counts() -> None:
    fit = reliability_bins(*_sample(1))
    for count, rate, low, high in zip(fit.count, fit.observed, fit.conf_low, fit.conf_high, strict=True):
        assert (low, high) == pytest.approx(wilson_ci(round(rate * count), int(count)), rel=1e-12)


def test_bias_is_kumars_where_a_bin_holds_one_probability() -> None:
    """Then s^2 is rate (1 - rate) / (n - 1), whose mean over bins debiases the squared error."""
    rng = np.random.default_rng(3)
    p = np.repeat([0.1, 0.3, 0.6, 0.8], 25)
    y = (rng.random(100) < p).astype(int)
    y[:25] = [1] * 4 + [0] * 21
    parts = murphy_decomposition(y, p)
    rate = y.reshape(4, 25).mean(axis=1)
    s = np.sqrt(rate * (1 - rate) / 24)
    assert parts.reliability_debiased == pytest.approx(parts.reliability - np.mean(s**2), rel=1e-12)
    draws = rng.normal(p[::25] - rate, s, size=(200_000, 4))
    simulated = np.abs(draws).mean(axis=1)
    fit = expected_calibration_error(y, p, bins="width", n_resamples=99, rng=rng)
    bias, error = simulated.mean() - fit.ece, simulated.std(ddof=1) / np.sqrt(200_000)
    assert abs((fit.ece - fit.ece_debiased) - bias) < 4 * error


def test_a_calibrated_model_is_not_rejected_and_its_interval_reaches_zero() -> None:
    y, p = _sample(2, n=400, slope=1.0)
    fit = expected_calibration_error(y, p, rng=np.random.default_rng(1))
    assert fit.p_value > 0.05
    assert fit.conf_low == 0.0
    assert fit.ece_debiased < fit.ece
    assert fit.ece_debiased <= fit.conf_high


def test_an_overconfident_model_is_rejected() -> None:
    rng = np.random.default_rng(4)
    x = 3.0 * rng.normal(size=800)
    y = (rng.random(800) < expit(x / 4)).astype(int)
    for group in (None, np.arange(800) // 2):
        fit = expected_calibration_error(y, expit(x), group=group, n_resamples=999, rng=rng)
        assert fit.p_value == pytest.approx(1 / 1000)
        assert 0.0 < fit.conf_low < fit.ece_debiased < fit.conf_high
    assert "bootstrap of groups; test by centred bootstrap" in fit.method


def test_blocks_of_the_bootstrap_change_nothing(monkeypatch) -> None:
    y, p = _sample(5)
    whole = expected_calibration_error(y, p, n_resamples=500, rng=np.random.default_rng(1))
    monkeypatch.setattr(probabilities, "BLOCK_CELLS", 1000)
    parts = expected_calibration_error(y, p, n_resamples=500, rng=np.random.default_rng(1))
    assert (parts.conf_low, parts.conf_high) == pytest.approx((whole.conf_low, whole.conf_high), rel=1e-12)


def test_groups_widen_the_intervals_of_rates() -> None:
    y, p = _sample(6, n=100)
    y, p, group = np.repeat(y, 4), np.repeat(p, 4), np.repeat(np.arange(100), 4)
    alone, grouped = reliability_bins(y, p), reliability_bins(y, p, group=group)
    once = reliability_bins(y[::4], p[::4])
    assert ((grouped.conf_high - grouped.conf_low) > (alone.conf_high - alone.conf_low)).all()
    inside = (once.observed > 0) & (once.observed < 1)
    ratio = (grouped.conf_high - grouped.conf_low)[inside] / (once.conf_high - once.conf_low)[inside]
    assert ratio == pytest.approx(1.0, abs=0.06)  # four copies carry the information of one image
    single = reliability_bins(y, p, group=np.arange(400))
    assert single.conf_high - single.conf_low == pytest.approx(alone.conf_high - alone.conf_low, rel=0.03)


def test_equal_probabilities_share_a_bin_and_fewer_bins_are_said() -> None:
    fit = reliability_bins([0, 1, 0, 1, 1, 0], [0.2, 0.2, 0.2, 0.2, 0.9, 0.9])
    assert fit.count.tolist() == [4, 2]
    assert "2 of 10 bins hold images" in (fit.note or "")
    assert fit.to_frame()["count"].tolist() == [4, 2]
    one = reliability_bins([0, 1], [0.5, 0.5])
    assert (one.low.tolist(), one.high.tolist()) == ([0.5], [0.5])
    assert reliability_bins([0, 1], [0.3, 0.29], bins="width").low.tolist() == [0.2, 0.3]


def test_a_bin_of_one_image_has_no_bias_estimate() -> None:
    fit = expected_calibration_error(
        [0, 1, 1, 0], [0.1, 0.4, 0.8, 0.9], n_resamples=99, rng=np.random.default_rng(1)
    )
    assert np.isnan([fit.ece_debiased, fit.conf_low, fit.conf_high]).all()
    assert "hold a single image" in (fit.note or "")
    assert np.isfinite(fit.p_value)
    assert "single image" in (murphy_decomposition([0, 1], [0.1, 0.4]).note or "")


def test_band_holds_the_curve_and_groups_are_drawn_whole() -> None:
    y, p = _sample(7)
    fit = smooth_calibration_curve(y, p, n_resamples=200, rng=np.random.default_rng(1))
    inner = slice(10, -10)
    assert (fit.conf_low[inner] < fit.observed[inner]).all()
    assert (fit.observed[inner] < fit.conf_high[inner]).all()
    copies = smooth_calibration_curve(
        np.repeat(y, 2),
        np.repeat(p, 2),
        at=fit.prob,
        group=np.repeat(np.arange(y.size), 2),
        n_resamples=200,
        rng=np.random.default_rng(1),
    )
    assert copies.observed == pytest.approx(fit.observed, abs=0.02)
    width = (copies.conf_high - copies.conf_low)[inner] / (fit.conf_high - fit.conf_low)[inner]
    assert width.mean() == pytest.approx(1.0, abs=0.1)
    assert tuple(fit.to_frame().columns) == ("prob", "observed", "conf_low", "conf_high")


def test_few_distinct_probabilities_have_no_smooth_curve() -> None:
    fit = smooth_calibration_curve([0, 1, 0, 1], [0.1, 0.1, 0.9, 0.9], rng=np.random.default_rng(1))
    assert np.isnan(fit.observed).all()
    assert "2 distinct probabilities" in (fit.note or "")


def test_calibration_error_is_one_row_of_the_common_columns() -> None:
    frame = expected_calibration_error(*_sample(8), n_resamples=99, rng=np.random.default_rng(1)).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "metric"] == "ece"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda y, p, rng: reliability_bins(y, p, bins="x"), ValueError, "'quantile', 'width'"),
        (lambda y, p, rng: reliability_bins(y, p, n_bins=0), ValueError, "`n_bins` is 0"),
        (lambda y, p, rng: reliability_bins(y, 2 * p), ValueError, r"outside \[0, 1\]"),
        (
            lambda y, p, rng: expected_calibration_error(y, p, n_resamples=9, rng=rng),
            ValueError,
            "at least 99",
        ),
        (lambda y, p, rng: expected_calibration_error(y, p, rng=1), TypeError, "numpy Generator"),
        (
            lambda y, p, rng: expected_calibration_error(y, p, bins="distinct", rng=rng),
            ValueError,
            "'quantile', 'width'",
        ),
        (lambda y, p, rng: murphy_decomposition(y, p, bins="x"), ValueError, "'distinct'"),
        (lambda y, p, rng: smooth_calibration_curve(y, p, frac=0, rng=rng), ValueError, "`frac` is 0"),
        (lambda y, p, rng: smooth_calibration_curve(y, p, at=[0.0], rng=rng), ValueError, "not extrapolate"),
    ],
)
def test_bad_input_is_named(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call(*_sample(9), np.random.default_rng(1))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "slope"), [(100, 1.0), (100, 0.5), (500, 1.0), (500, 0.7)])
def test_coverage_of_the_calibration_error(n: int, slope: float) -> None:
    """The truth is the error in the same bins on many other images; at a calibrated model it is 0."""
    rng = np.random.default_rng(10)
    other = 1.5 * rng.normal(size=100_000) - 0.5
    gap = expit(other) - expit(slope * other)
    hits, runs = 0, 400
    for _ in range(runs):
        x = 1.5 * rng.normal(size=n) - 0.5
        y = rng.random(n) < expit(slope * x)
        edges = reliability_bins(y, expit(x)).low[1:]
        truth = np.abs(np.bincount(np.searchsorted(edges, expit(other), side="right"), gap)).sum() / gap.size
        fit = expected_calibration_error(y, expit(x), n_resamples=400, rng=rng)
        hits += fit.conf_low <= truth <= fit.conf_high
    assert hits / runs > 0.90
