"""Partial AUC against pROC, by hand, and by what must not change it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.resampling.paired_bootstrap import IDENTICAL
from stats.results import RESULT_COLUMNS
from stats.roc.auc import auc
from stats.roc.pairs import ZERO_VARIANCE
from stats.roc.partial_auc import BELOW_DIAGONAL, FLAT, partial_auc, partial_auc_ci, partial_auc_test

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "roc.json").read_text())
CLOSED_FORM = 1e-10  # sums of products of counts
# 4 standard errors of the difference of two 2.5 % quantiles, from 5000 (R) and 20000 samples, in units of the
# bootstrap deviation: sqrt(0.025 0.975 / B) / 0.0584 each
LIMIT = 0.17
RATIO = 0.05  # 4 standard errors of the ratio of two deviations, sqrt(1 / (2 B)) each


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_areas_and_indices_against_proc(case: dict) -> None:
    scores = np.array(case["scores"])
    for k, model in enumerate(case["models"]):
        for row in model["areas"]:
            where = {key: row[key] for key in ("low", "high", "focus")}
            found = partial_auc(case["y"], scores[:, k], **where)
            assert found == pytest.approx(row["area"], rel=CLOSED_FORM, abs=1e-14)
            index = partial_auc(case["y"], scores[:, k], correct=True, **where)
            expected = np.nan if row["index"] is None else row["index"]
            assert index == pytest.approx(expected, rel=CLOSED_FORM, nan_ok=True)


@pytest.mark.parametrize("case", GOLDEN["boots"], ids=lambda case: case["name"])
def test_interval_and_test_against_proc(case: dict) -> None:
    scores = np.array(case["scores"])
    for part in case["areas"]:
        options = {"low": 0.8, "focus": part["focus"], "n_resamples": 20000}
        one = partial_auc_ci(case["y"], scores[:, 0], rng=np.random.default_rng(1), **options)
        assert one.conf_low == pytest.approx(part["conf_low"], abs=LIMIT * one.std_error)
        assert one.conf_high == pytest.approx(part["conf_high"], abs=LIMIT * one.std_error)
        both = partial_auc_test(case["y"], *scores.T, rng=np.random.default_rng(2), **options)
        assert both.statistic == pytest.approx(part["statistic"], rel=RATIO)


def test_area_by_hand() -> None:
    """Curve (1, 0) - (1, 0.5) - (0.5, 0.5) - (0.5, 1) - (0, 1) in specificity and sensitivity."""
    y, s = [1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0]
    assert partial_auc(y, s, low=0.75) == pytest.approx(0.125)
    assert partial_auc(y, s, low=0.25, high=0.75) == pytest.approx(0.25 * 0.5 + 0.25 * 1.0)
    diagonal = 0.25 * 0.125
    expected = 0.5 * (1.0 + (0.125 - diagonal) / (0.25 - diagonal))
    assert partial_auc(y, s, low=0.75, correct=True) == pytest.approx(expected)


def test_a_perfect_curve_fills_the_range_and_has_index_one() -> None:
    y, s = [1, 1, 0, 0], [4.0, 3.0, 2.0, 1.0]
    assert partial_auc(y, s, low=0.9) == pytest.approx(0.1)
    assert partial_auc(y, s, low=0.9, correct=True) == pytest.approx(1.0)


datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    m, n = rng.integers(3, 25, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    return y, np.round(rng.normal(size=(m + n, 2)) + y[:, None], int(rng.integers(0, 4)))


@given(datasets, st.floats(0.01, 0.98), st.sampled_from(["specificity", "sensitivity"]))
@settings(max_examples=60, deadline=None)
def test_parts_add_up_to_the_auc(rng: np.random.Generator, cut: float, focus: str) -> None:
    y, s = _data(rng)
    parts = [partial_auc(y, s[:, 0], low=low, high=high, focus=focus) for low, high in ((0, cut), (cut, 1))]
    assert sum(parts) == pytest.approx(auc(y, s[:, 0]), abs=1e-12)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_swapping_classes_and_signs_swaps_the_focus(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    one = partial_auc(y, s[:, 0], low=0.7, high=0.9)
    assert partial_auc(1 - y, -s[:, 0], low=0.7, high=0.9, focus="sensitivity") == pytest.approx(one)


@given(datasets)
@settings(max_examples=20, deadline=None)
def test_swapping_arms_negates_the_test(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    runs = [
        partial_auc_test(y, s[:, i], s[:, 1 - i], low=0.5, rng=np.random.default_rng(5), n_resamples=200)
        for i in (0, 1)
    ]
    assert runs[0].estimate == pytest.approx(-runs[1].estimate, nan_ok=True)
    assert runs[0].statistic == pytest.approx(-runs[1].statistic, nan_ok=True)
    assert runs[0].conf_low == pytest.approx(-runs[1].conf_high, nan_ok=True)


def test_the_index_has_the_same_test_as_the_area() -> None:
    y, s = _data(np.random.default_rng(8))
    runs = [
        partial_auc_test(y, *s.T, low=0.5, correct=correct, rng=np.random.default_rng(5), n_resamples=300)
        for correct in (False, True)
    ]
    assert runs[0].statistic == pytest.approx(runs[1].statistic)
    assert "McClish" in runs[1].metric


def test_below_the_diagonal_the_index_is_nan_with_a_note() -> None:
    y, s = np.repeat([1, 0], 10), np.r_[np.arange(10.0), np.arange(10.0) + 3]
    result = partial_auc_ci(y, s, low=0.8, correct=True, rng=np.random.default_rng(1), n_resamples=200)
    assert np.isnan([result.estimate, result.conf_low, result.conf_high]).all()
    assert BELOW_DIAGONAL in result.note
    both = partial_auc_test(y, s, -s, low=0.8, correct=True, rng=np.random.default_rng(1), n_resamples=200)
    assert np.isnan([both.estimate, both.statistic, both.p_value, both.conf_low]).all()
    assert BELOW_DIAGONAL in both.note


def test_degenerate_comparisons_follow_the_written_rules() -> None:
    y, rng = np.repeat([1, 0], 10), np.random.default_rng(3)
    s = rng.normal(size=20)
    same = partial_auc_test(y, s, 2.0 * s, low=0.8, rng=rng, n_resamples=200)
    assert (same.statistic, same.p_value, same.std_error) == (0.0, 1.0, 0.0)
    assert same.note == IDENTICAL
    perfect = partial_auc_test(y, y * 1.0, np.zeros(20), low=0.8, rng=rng, n_resamples=200)
    assert np.isnan([perfect.statistic, perfect.p_value, perfect.conf_low]).all()
    assert perfect.note == ZERO_VARIANCE
    assert partial_auc_ci(y, y * 1.0, low=0.8, rng=rng, n_resamples=200).note == FLAT


def test_patients_are_resampled_whole() -> None:
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(40), 5)
    y = (patient % 2).astype(int)
    s = y + rng.normal(size=40)[patient] + 0.1 * rng.normal(size=200)
    alone = partial_auc_ci(y, s, low=0.5, rng=np.random.default_rng(1), n_resamples=500)
    whole = partial_auc_ci(y, s, low=0.5, group=patient, rng=np.random.default_rng(1), n_resamples=500)
    assert whole.n_groups == 40
    assert "clustered" in whole.method
    assert whole.std_error > 1.7 * alone.std_error
    row = whole.to_frame()
    assert tuple(row.columns) == RESULT_COLUMNS
    assert row["metric"].item() == "partial auc, specificity 0.5 to 1"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"low": 0.9, "high": 0.9}, ValueError, r"specificity is 0.9 to 0.9; it needs 0 <= `low` < `high`"),
        ({"low": -0.1}, ValueError, "it needs 0 <= `low`"),
        ({"low": 0.5, "focus": "fpr"}, ValueError, "allowed are 'specificity', 'sensitivity'"),
        ({"low": 0.5, "n_resamples": 10}, ValueError, "give at least 99"),
        ({"low": 0.5, "rng": 7}, TypeError, "numpy Generator"),
        ({"low": 0.5, "conf_level": 95}, ValueError, "between 0 and 1"),
        ({"low": 0.5, "group": ["a"] * 6}, ValueError, "one group only"),
    ],
)
def test_bad_input_is_named(options: dict, error: type[Exception], message: str) -> None:
    options = {"rng": np.random.default_rng(1)} | options
    y, s = [1, 1, 1, 0, 0, 0], np.arange(6.0)
    with pytest.raises(error, match=message):
        partial_auc_ci(y, s, **options)
    with pytest.raises(error, match=message):
        partial_auc_test(y, s, s, **options)


def test_the_arm_with_a_missing_score_is_named() -> None:
    y, s = [1, 1, 0, 0], np.arange(4.0)
    with pytest.raises(ValueError, match=r"`score_b` has 1 missing or infinite value \(row 2\)"):
        partial_auc_test(y, s, [1.0, np.nan, 2, 3], low=0.5, rng=np.random.default_rng(1))


@pytest.mark.parametrize(
    ("focus", "low", "told"),
    [("sensitivity", 0.8, "about 4 positive images"), ("specificity", 0.9, "about 6 negative images")],
)
def test_a_range_with_few_images_of_its_class_is_told(focus: str, low: float, told: str) -> None:
    rng = np.random.default_rng(3)
    y = np.arange(80) < 20
    score = rng.normal(size=80) + 1.5 * y
    fit = partial_auc_ci(y, score, low=low, focus=focus, rng=rng, n_resamples=200)
    assert f"{told} lie in this range" in str(fit.note)
    many = partial_auc_ci(np.tile(y, 5), np.tile(score, 5), low=low, focus=focus, rng=rng, n_resamples=200)
    assert "lie in this range" not in str(many.note)
