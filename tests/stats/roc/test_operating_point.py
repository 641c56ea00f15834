"""Rates at a fixed other rate against pROC and base R, and by what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from stats.rates.proportions import wilson_ci, wilson_limits
from stats.resampling.paired_bootstrap import IDENTICAL
from stats.results import RESULT_COLUMNS
from stats.roc.operating_point import operating_point_ci, operating_point_test
from stats.roc.pairs import ZERO_VARIANCE
from stats.roc.rate_intervals import FLAT, INTERVALS, rate_intervals

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "roc.json").read_text())
CLOSED_FORM = 1e-10
LIMIT = 0.17  # 4 standard errors of a quantile of 5000 and of 20000 samples, in bootstrap deviations
CENTRE = 0.12  # the same for mean +- 1.96 deviations
RATIO = 0.05  # 4 standard errors of a ratio of deviations


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_rates_against_proc(case: dict) -> None:
    scores = np.array(case["scores"])
    for k, model in enumerate(case["models"]):
        for i, fixed in enumerate(case["grid"]):
            one = operating_point_ci(case["y"], scores[:, k], specificity=fixed)
            assert one.estimate == pytest.approx(model["sensitivity"][i], rel=CLOSED_FORM, abs=1e-12)
            assert (one.metric, one.fixed) == ("sensitivity", fixed)
            other = operating_point_ci(case["y"], scores[:, k], sensitivity=fixed)
            assert other.estimate == pytest.approx(model["specificity"][i], rel=CLOSED_FORM, abs=1e-12)


@pytest.mark.parametrize("case", GOLDEN["free"], ids=lambda case: case["name"])
def test_intervals_without_resampling_against_r(case: dict) -> None:
    labels, score = np.array(case["y"]) == 1, np.array(case["score"], dtype=float)
    for interval in ("exact", "hybrid"):
        _, _, low, high, method, note = rate_intervals(
            labels,
            score,
            metric="sensitivity",
            fixed=np.array(case["grid"]),
            interval=interval,
            rng=None,
            n_resamples=0,
            group=None,
            conf_level=case["level"],
        )
        expected = np.array([row[interval] for row in case["rows"]])
        np.testing.assert_allclose(low, expected[:, 0], rtol=CLOSED_FORM, atol=1e-12)
        np.testing.assert_allclose(high, expected[:, 1], rtol=CLOSED_FORM, atol=1e-12)
        assert method == INTERVALS[interval]
        assert note is None


@pytest.mark.parametrize("case", GOLDEN["boots"], ids=lambda case: case["name"])
def test_bootstrap_intervals_against_proc(case: dict) -> None:
    labels, scores = np.array(case["y"]) == 1, np.array(case["scores"])
    for metric, size in (("sensitivity", labels.sum()), ("specificity", (~labels).sum())):
        expected, sd = case[metric], np.array(case[metric]["sd"])
        for interval, name, tolerance in (
            ("percentile", "limits", LIMIT * sd + 0.5 / size),  # between counts the curve has steps
            ("zhou-qin", "btii", CENTRE * sd),
        ):
            _, error, low, high, _, _ = rate_intervals(
                labels,
                scores[:, 0],
                metric=metric,
                fixed=np.array(case["at"]),
                interval=interval,
                rng=np.random.default_rng(1),
                n_resamples=20000,
                group=None,
                conf_level=0.95,
            )
            np.testing.assert_allclose(error, sd, rtol=RATIO)
            assert (np.abs(np.array([low, high]) - np.clip(expected[name], 0, 1)) < tolerance).all()


@pytest.mark.parametrize("case", GOLDEN["boots"], ids=lambda case: case["name"])
def test_paired_comparison_against_proc(case: dict) -> None:
    scores = np.array(case["scores"])
    for fixed in ("specificity", "sensitivity"):
        result = operating_point_test(
            case["y"], *scores.T, **{fixed: 0.8}, rng=np.random.default_rng(1), n_resamples=20000
        )
        assert result.statistic == pytest.approx(case[f"at_{fixed}"], rel=RATIO, abs=0.01)
        assert result.p_value == pytest.approx(2 * norm.sf(abs(result.statistic)))


def test_rate_by_hand() -> None:
    """Negatives 1, 2, 3, 4: specificity 0.75 keeps three of them, 0.7 lies between two points."""
    y, s = [0, 0, 0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0, 3.5, 5.0]
    assert operating_point_ci(y, s, specificity=0.75).estimate == 1.0
    assert operating_point_ci(y, s, specificity=0.8).estimate == pytest.approx(0.5 + 0.5 * 0.0)
    assert operating_point_ci(y, s, sensitivity=0.75).estimate == pytest.approx(0.75)


def test_perfect_curves_keep_a_width_without_resampling() -> None:
    y, s = np.repeat([1, 0], [20, 40]), np.r_[np.arange(20.0) + 100, np.arange(40.0)]
    for interval in ("hybrid", "exact"):
        result = operating_point_ci(y, s, specificity=0.9, interval=interval)
        assert result.conf_low < 0.9
        assert result.conf_high == 1.0
        assert np.isnan(result.std_error)
    for interval in ("percentile", "zhou-qin"):
        drawn = operating_point_ci(y, s, specificity=0.9, interval=interval, rng=np.random.default_rng(1))
        assert drawn.note == FLAT


def test_hybrid_interval_is_not_narrower_than_wilson() -> None:
    rng = np.random.default_rng(2)
    y = np.repeat([1, 0], [30, 40])
    s = rng.normal(size=70) + y
    result = operating_point_ci(y, s, specificity=0.8)
    low, high = (ends[0] for ends in wilson_limits(np.array([result.estimate]), 30))
    assert result.conf_low < low
    assert result.conf_high > high


def test_wilson_limits_of_counts_are_wilsons() -> None:
    low, high = wilson_limits(np.array([0.0, 0.3, 1.0]), 10, conf_level=0.9)
    expected = [wilson_ci(count, 10, conf_level=0.9) for count in (0, 3, 10)]
    np.testing.assert_allclose(np.column_stack([low, high]), expected, rtol=1e-14)


datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    m, n = rng.integers(3, 25, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    return y, np.round(rng.normal(size=(m + n, 2)) + y[:, None], int(rng.integers(0, 4)))


@given(datasets, st.floats(0.02, 0.98), st.sampled_from(["hybrid", "exact"]))
@settings(max_examples=60, deadline=None)
def test_swapping_classes_and_signs_swaps_the_rates(rng, fixed: float, interval: str) -> None:
    y, s = _data(rng)
    one = operating_point_ci(y, s[:, 0], specificity=fixed, interval=interval)
    other = operating_point_ci(1 - y, -s[:, 0], sensitivity=fixed, interval=interval)
    for field in ("estimate", "conf_low", "conf_high"):
        assert getattr(one, field) == pytest.approx(getattr(other, field), abs=1e-12)


@given(datasets, st.floats(0.02, 0.98))
@settings(max_examples=60, deadline=None)
def test_sensitivity_falls_as_specificity_rises_and_lies_in_its_interval(rng, fixed: float) -> None:
    y, s = _data(rng)
    result = operating_point_ci(y, s[:, 0], specificity=fixed)
    stricter = operating_point_ci(y, s[:, 0], specificity=fixed + (1 - fixed) / 2)
    assert stricter.estimate <= result.estimate + 1e-12
    assert result.conf_low <= result.estimate + 1e-12
    assert result.estimate <= result.conf_high + 1e-12


@given(datasets)
@settings(max_examples=30, deadline=None)
def test_increasing_transforms_change_nothing(rng) -> None:
    y, s = _data(rng)
    runs = [
        operating_point_ci(y, x, specificity=0.8, interval="percentile", rng=np.random.default_rng(1))
        for x in (s[:, 0], np.exp(s[:, 0]))
    ]
    assert runs[0] == runs[1]


@given(datasets)
@settings(max_examples=20, deadline=None)
def test_swapping_arms_negates_the_test(rng) -> None:
    y, s = _data(rng)
    one, other = (
        operating_point_test(y, *x, specificity=0.7, rng=np.random.default_rng(1), n_resamples=200)
        for x in (s.T, s.T[::-1])
    )
    assert one.statistic == pytest.approx(-other.statistic, nan_ok=True)
    assert one.conf_low == pytest.approx(-other.conf_high, nan_ok=True)


def test_degenerate_comparisons_follow_the_written_rules() -> None:
    y, rng = np.repeat([1, 0], 10), np.random.default_rng(3)
    s = rng.normal(size=20)
    same = operating_point_test(y, s, np.exp(s), specificity=0.8, rng=rng, n_resamples=200)
    assert (same.statistic, same.p_value, same.note) == (0.0, 1.0, IDENTICAL)
    apart = operating_point_test(y, y * 1.0, -1.0 * y, specificity=0.8, rng=rng, n_resamples=200)
    assert np.isnan([apart.statistic, apart.p_value]).all()
    assert apart.note == ZERO_VARIANCE


def test_patients_are_resampled_whole() -> None:
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(60), 4)
    y = (patient % 2).astype(int)
    s = 1.5 * y + rng.normal(size=60)[patient] + 0.1 * rng.normal(size=240)
    options = {"specificity": 0.8, "interval": "percentile"}
    alone = operating_point_ci(y, s, rng=np.random.default_rng(1), **options)
    whole = operating_point_ci(y, s, group=patient, rng=np.random.default_rng(1), **options)
    assert whole.n_groups == 60
    assert whole.std_error > 1.5 * alone.std_error
    row = whole.to_frame()
    assert tuple(row.columns) == RESULT_COLUMNS
    assert row["metric"].item() == "sensitivity at specificity 0.8"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "give either `specificity` or `sensitivity`"),
        ({"specificity": 0.9, "sensitivity": 0.9}, ValueError, "Fix one rate"),
        ({"specificity": 1.0}, ValueError, "`specificity` is 1.0; it must lie strictly between"),
        ({"sensitivity": 90}, ValueError, "`sensitivity` is 90"),
        ({"specificity": 0.9, "interval": "wald"}, ValueError, "allowed are 'hybrid', 'percentile'"),
        ({"specificity": 0.9, "interval": "percentile"}, TypeError, "give `rng`, or take 'hybrid'"),
        ({"specificity": 0.9, "group": list("aabbcc")}, ValueError, "with `group` use 'percentile'"),
        ({"specificity": 0.9, "conf_level": 0.0}, ValueError, "between 0 and 1"),
        (
            {"specificity": 0.9, "interval": "zhou-qin", "rng": np.random.default_rng(1), "n_resamples": 3},
            ValueError,
            "give at least 99",
        ),
    ],
)
def test_bad_input_is_named(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        operating_point_ci([1, 1, 1, 0, 0, 0], np.arange(6.0), **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("m", "n", "shift", "specificity"), [(20, 60, 3.0, 0.9), (58, 45, 2.0, 0.9), (250, 250, 1.5, 0.8)]
)
def test_hybrid_and_exact_intervals_cover(m: int, n: int, shift: float, specificity: float) -> None:
    """Binormal scores; below 0.95 by more than 3 standard errors of 1000 runs would fail."""
    rng, truth = np.random.default_rng(20), norm.sf(norm.ppf(specificity) - shift)
    y = np.repeat([1, 0], [m, n])
    hits = {"hybrid": 0, "exact": 0}
    for _ in range(1000):
        s = rng.normal(size=m + n) + shift * y
        for interval in hits:
            result = operating_point_ci(y, s, specificity=specificity, interval=interval)
            hits[interval] += result.conf_low <= truth <= result.conf_high
    assert hits["hybrid"] >= 930
    assert hits["exact"] >= 970
