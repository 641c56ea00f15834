"""Contrasts of AUCs against pROC's covariance, and by what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stats.results import RESULT_COLUMNS
from stats.roc.contrasts import NO_VARIANCE, auc_contrast_test
from stats.roc.delong import delong
from stats.roc.pairs import ZERO_VARIANCE

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "roc.json").read_text())
CLOSED_FORM = 1e-10


@pytest.mark.parametrize("case", GOLDEN["contrasts"], ids=lambda case: case["name"])
def test_against_procs_covariance(case: dict) -> None:
    null = case["null"] if np.any(case["null"]) else None
    fit = auc_contrast_test(case["y"], case["scores"], case["contrasts"], null=null)
    for field in ("estimate", "std_error", "statistic", "p_value", "p_adjusted"):
        np.testing.assert_allclose(getattr(fit, field), case[field], rtol=1e-9, atol=1e-14, err_msg=field)
    np.testing.assert_allclose(fit.covariance, np.atleast_2d(case["covariance"]), rtol=1e-9, atol=1e-15)
    assert fit.overall.df == case["df"]
    assert fit.overall.statistic == pytest.approx(case["chi2"], rel=CLOSED_FORM)
    assert fit.overall.p_value == pytest.approx(case["chi2_p"], rel=CLOSED_FORM)


datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    m, n = rng.integers(6, 30, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    return y, np.round(rng.normal(size=(m + n, k)) + y[:, None], int(rng.integers(1, 4)))


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_pairs_and_joint_test_are_those_of_delong(rng: np.random.Generator) -> None:
    y, s = _data(rng, k=3)
    group = rng.integers(0, 15, y.size) if rng.random() < 0.5 else None
    assume(group is None or min(np.unique(group[y == c]).size for c in (0, 1)) > 1)
    one = delong(y, s, group=group)
    other = auc_contrast_test(y, s, [[1, -1, 0], [1, 0, -1], [0, 1, -1]], group=group)
    for field in ("statistic", "p_value", "p_adjusted", "conf_low", "conf_high", "std_error"):
        np.testing.assert_allclose(
            getattr(other, field), getattr(one.pairs, field), rtol=1e-9, atol=1e-12, err_msg=field
        )
    assert other.overall.df == one.overall.df
    assert other.overall.statistic == pytest.approx(one.overall.statistic, rel=1e-8, abs=1e-10, nan_ok=True)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_the_joint_test_depends_on_the_span_only(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    rows = np.array([[1, -1, 0, 0], [0.5, 0.5, -0.5, -0.5]])
    mixed = np.array([[1.0, 2.0], [3.0, -1.0], [0.1, 0.0]]) @ rows
    one, other = auc_contrast_test(y, s, rows), auc_contrast_test(y, s, mixed)
    assert one.overall.df == other.overall.df
    assert one.overall.statistic == pytest.approx(other.overall.statistic, rel=1e-8, nan_ok=True)


@given(datasets, st.floats(0.01, 100.0))
@settings(max_examples=40, deadline=None)
def test_scaling_a_row_scales_estimate_and_error_only(rng: np.random.Generator, factor: float) -> None:
    y, s = _data(rng)
    row = np.array([3.0, -1, -1, -1])
    one, other = auc_contrast_test(y, s, row), auc_contrast_test(y, s, -factor * row)
    np.testing.assert_allclose(other.estimate, -factor * one.estimate, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(other.statistic, -one.statistic, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(other.p_value, one.p_value, rtol=1e-8)


def test_the_root_holds_the_correlation() -> None:
    """What a simultaneous test is made from."""
    case = GOLDEN["contrasts"][0]
    fit = auc_contrast_test(case["y"], case["scores"], case["contrasts"])
    expected = fit.covariance / np.outer(fit.std_error, fit.std_error)
    np.testing.assert_allclose(fit.root.T @ fit.root, expected, atol=1e-12)
    assert fit.root.shape[1] == 6


def test_one_auc_against_a_value() -> None:
    y, s = [1, 1, 1, 0, 0, 0], [0.9, 0.4, 0.8, 0.5, 0.1, 0.2]
    fit = auc_contrast_test(y, s, [1.0], null=0.5)
    assert fit.estimate[0] == pytest.approx(8 / 9)
    assert fit.statistic[0] == pytest.approx((8 / 9 - 0.5) / fit.std_error[0])
    assert fit.overall.statistic == pytest.approx(fit.statistic[0] ** 2)


def test_degenerate_contrasts_follow_the_rules_of_delong() -> None:
    y = [1, 1, 1, 0, 0, 0]
    perfect, constant, some = np.arange(6.0)[::-1], np.zeros(6), np.array([5.0, 2, 4, 3, 1, 0])
    s = np.column_stack([perfect, 2 * perfect, constant, some])
    fit = auc_contrast_test(y, s, [[1, -1, 0, 0], [1, 0, -1, 0], [1, 0, 0, -1]])
    assert (fit.statistic[0], fit.p_value[0]) == (0.0, 1.0)
    assert fit.row_notes[0] == NO_VARIANCE
    assert np.isnan([fit.statistic[1], fit.p_value[1], fit.conf_low[1]]).all()
    assert fit.row_notes[1] == ZERO_VARIANCE
    assert np.isfinite(fit.statistic[2])
    assert fit.row_notes[2] is None
    assert np.isnan(fit.overall.p_value)
    assert ZERO_VARIANCE in fit.overall.note
    alone = auc_contrast_test(y, s, [1, -1, 0, 0])
    assert (alone.overall.statistic, alone.overall.df, alone.overall.p_value) == (0.0, 0, 1.0)


def test_a_hidden_difference_without_variance_stops_the_joint_test() -> None:
    """Rows are tested against values that contradict each other."""
    case = GOLDEN["contrasts"][0]
    rows = [[1, -1, 0, 0], [2, -2, 0, 0]]
    fit = auc_contrast_test(case["y"], case["scores"], rows, null=[0.0, 0.1])
    assert np.isnan(fit.overall.statistic)
    assert fit.overall.df == 1


def test_rows_have_the_columns_and_say_what_they_are() -> None:
    case = GOLDEN["contrasts"][0]
    fit = auc_contrast_test(
        case["y"], case["scores"], [[1, -1, 0, 0], [0.5, 0.5, -1, 0]], names=list("ABCD"), adjust="bh"
    )
    frame = fit.to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame["comparison"].tolist() == ["A - B", "0.5 A + 0.5 B - C", "all contrasts"]
    assert frame["df"].iloc[2] == 2
    assert frame["family"].tolist()[:2] == ["contrasts", "contrasts"]
    assert frame["method"].iloc[2].startswith("Wald chi-square")


def test_few_groups_are_noted() -> None:
    case = GOLDEN["contrasts"][0]
    group = np.arange(len(case["y"])) // 5
    fit = auc_contrast_test(case["y"], case["scores"], [1, -1, 0, 0], group=group)
    assert "Obuchowski clustered" in fit.method
    assert f"only {fit.n_groups} groups" in fit.notes[-1]


@pytest.mark.parametrize(
    ("contrasts", "options", "message"),
    [
        ([[1, -1, 0]], {}, r"shape \(1, 3\); expected \(r, 2\) for 2 models"),
        ([[1, np.nan]], {}, "missing or infinite weights"),
        ([[1, -1], [0, 0]], {}, "Row 2 of `contrasts` holds zeros only"),
        ([[1, 0]], {}, "row 1 of `contrasts` sum to 1, not to 0; give its value under the null"),
        ([[1, 0]], {"null": [0.5, 0.6]}, "`null` must be one finite number or 1"),
        ([[1, -1]], {"labels": ["a", "b"]}, "`labels` has 2 names for 1 contrasts"),
        ([[1, -1]], {"adjust": "tukey"}, "allowed are 'holm'"),
        ([[1, -1]], {"conf_level": 2}, "between 0 and 1"),
        ([[1, -1]], {"names": ["a"]}, "2 score columns came with 1 names"),
    ],
)
def test_bad_input_is_named(contrasts, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        auc_contrast_test([1, 1, 0, 0], np.arange(8.0).reshape(4, 2), contrasts, **options)
