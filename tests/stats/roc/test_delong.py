"""DeLong's tests against pROC and Obuchowski's formula, by hand, and by what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stats.results import RESULT_COLUMNS
from stats.roc.auc import auc, auc_ci
from stats.roc.delong import CLUSTERED, PAIRED, delong, delong_test
from stats.roc.delong_unpaired import UNPAIRED, delong_unpaired

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "delong.json").read_text())
CLOSED_FORM = 1e-10  # ranks, sums and one normal tail; the JSON holds 15 digits


def _close(value: float, expected: float) -> None:
    assert value == pytest.approx(expected, rel=CLOSED_FORM, abs=1e-13)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_proc(case: dict) -> None:
    fit = delong(case["y"], case["scores"])
    assert fit.method == PAIRED
    for k, model in enumerate(case["models"]):
        _close(fit.auc[k], model["auc"])
        _close(fit.std_error[k], model["std_error"])
        _close(fit.conf_low[k], model["conf_low"])
        _close(fit.conf_high[k], model["conf_high"])
    for i, pair in enumerate(case["pairs"]):
        assert (fit.pairs.a[i], fit.pairs.b[i]) == (pair["a"], pair["b"])
        _close(fit.pairs.statistic[i], pair["statistic"])
        _close(fit.pairs.p_value[i], pair["p_value"])
        _close(fit.pairs.p_adjusted[i], pair["p_adjusted"])
        _close(fit.pairs.conf_low[i], pair["conf_low"])
        _close(fit.pairs.conf_high[i], pair["conf_high"])
        _close(fit.covariance[pair["a"], pair["b"]], pair["covariance"])


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_one_sided_and_unpaired_against_proc(case: dict) -> None:
    scores = np.array(case["scores"])
    y = np.array(case["y"])
    for pair in case["pairs"]:
        a, b = scores[:, pair["a"]], scores[:, pair["b"]]
        _close(delong_test(y, a, b, alternative="greater").p_value, pair["p_greater"])
        _close(delong_test(y, a, b, alternative="less").p_value, pair["p_less"])
        fit = delong_unpaired([(y, a), (y, b)], names=["a", "b"])
        assert fit.method == UNPAIRED
        _close(fit.pairs.statistic[0], pair["unpaired_statistic"])
        _close(fit.pairs.df[0], pair["unpaired_df"])
        _close(fit.pairs.p_value[0], pair["unpaired_p"])


@pytest.mark.parametrize("case", GOLDEN["clusters"], ids=lambda case: case["name"])
def test_clustered_covariance_against_the_formula(case: dict) -> None:
    fit = delong(case["y"], case["scores"], group=case["group"])
    assert fit.method == CLUSTERED
    assert fit.n_groups == len(set(case["group"]))
    np.testing.assert_allclose(fit.auc, case["auc"], rtol=CLOSED_FORM)
    np.testing.assert_allclose(fit.covariance, case["covariance"], rtol=CLOSED_FORM)


def test_placements_by_hand() -> None:
    """Positives 3, 1 against negatives 1, 2: pairs won 2 + 0.5 of 4."""
    fit = delong([1, 1, 0, 0], [[3.0], [1.0], [1.0], [2.0]])
    assert fit.auc[0] == 2.5 / 4
    v10, v01 = np.array([1.0, 0.25]), np.array([0.75, 0.5])
    assert fit.covariance[0, 0] == pytest.approx(np.var(v10, ddof=1) / 2 + np.var(v01, ddof=1) / 2)


def test_global_test_of_two_models_is_z_squared() -> None:
    case = GOLDEN["cases"][1]
    fit = delong(case["y"], np.array(case["scores"])[:, :2])
    assert fit.overall.df == 1
    assert fit.overall.statistic == pytest.approx(fit.pairs.statistic[0] ** 2, rel=1e-12)
    assert fit.overall.p_value == pytest.approx(fit.pairs.p_value[0], rel=1e-12)


def test_global_test_does_not_depend_on_the_order_of_models() -> None:
    case = GOLDEN["cases"][1]
    scores = np.array(case["scores"])
    one, other = delong(case["y"], scores), delong(case["y"], scores[:, [2, 0, 1]])
    assert one.overall.df == other.overall.df == 2
    assert one.overall.statistic == pytest.approx(other.overall.statistic, rel=1e-12)


def test_a_repeated_model_lowers_the_rank_of_the_global_test() -> None:
    case = GOLDEN["cases"][1]
    scores = np.array(case["scores"])
    fit = delong(case["y"], np.column_stack([scores[:, :2], scores[:, 1]]), names=["a", "b", "c"])
    assert fit.overall.df == 1
    assert fit.overall.statistic == pytest.approx(fit.pairs.statistic[0] ** 2, rel=1e-10)
    assert fit.pairs.statistic[2] == 0.0
    assert fit.pairs.p_value[2] == 1.0
    assert any("b - c: the two curves are identical" in note for note in fit.notes)


def test_zero_variance_with_a_difference_is_nan_with_a_note() -> None:
    y = [1, 1, 0, 0]
    fit = delong(y, [[2.0, 1.0], [2.0, 1.0], [1.0, 1.0], [1.0, 1.0]], names=["perfect", "constant"])
    assert np.isnan(fit.pairs.statistic[0])
    assert np.isnan(fit.pairs.p_value[0])
    assert np.isnan(fit.pairs.conf_low[0])
    assert np.isnan(fit.overall.p_value)
    assert any("variance of 0 though it is not 0" in note for note in fit.notes)
    assert any("AUC of perfect is 1: its estimated variance is 0" in note for note in fit.notes)


def test_reversed_direction_is_noted_and_not_flipped() -> None:
    fit = delong([1, 1, 1, 0, 0, 0], [[1.0], [2.0], [4.0], [3.0], [5.0], [6.0]], names=["model"])
    assert fit.auc[0] == pytest.approx(1 / 9)
    assert "below 0.5" in fit.notes[0]
    assert "nothing was flipped" in fit.notes[0]


def test_one_image_apart_keeps_the_variance_exact() -> None:
    """Nearly equal curves: the variance comes from the differences, not from cancelled sums."""
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], 4000)
    a = rng.normal(size=8000) + y
    b = a.copy()
    b[-1] += 100.0
    fit = delong(y, np.column_stack([a, b]))
    gain = 4000 - np.searchsorted(np.sort(a[:4000]), a[-1])
    losses = (a[:4000] > a[-1]).astype(float)
    v10 = np.r_[np.zeros(3999), gain / 4000]
    expected = np.var(v10, ddof=1) / 4000 + np.var(losses / 4000, ddof=1) / 4000
    assert gain > 0
    assert fit.pairs.std_error[0] ** 2 == pytest.approx(expected, rel=1e-9)


datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator, k: int = 2) -> tuple[np.ndarray, np.ndarray]:
    m, n = rng.integers(3, 25, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    scores = np.round(rng.normal(size=(m + n, k)) + y[:, None], int(rng.integers(0, 4)))
    return y, scores


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_swapping_arms_negates_the_statistic(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    one, other = delong_test(y, s[:, 0], s[:, 1]), delong_test(y, s[:, 1], s[:, 0])
    assert one.statistic == pytest.approx(-other.statistic, nan_ok=True, rel=1e-9)
    assert one.p_value == pytest.approx(other.p_value, nan_ok=True, rel=1e-9)
    assert one.conf_low == pytest.approx(-other.conf_high, nan_ok=True, rel=1e-9)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_increasing_transforms_change_nothing(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    one, other = delong(y, s), delong(y, np.column_stack([np.exp(s[:, 0]), 3.0 * s[:, 1] - 7.0]))
    np.testing.assert_array_equal(one.covariance, other.covariance)
    np.testing.assert_array_equal(one.auc, other.auc)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_negated_scores_give_one_minus_auc(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    np.testing.assert_allclose(delong(y, -s).auc, 1.0 - delong(y, s).auc, atol=1e-15)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_row_order_changes_nothing(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    order = rng.permutation(y.size)
    one, other = delong(y, s), delong(y[order], s[order])
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-10, atol=1e-17)  # zero is rounding


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_doubling_all_rows_scales_each_class_part_of_the_variance(rng: np.random.Generator) -> None:
    y, s = _data(rng, k=1)
    m, n = int(y.sum()), int((1 - y).sum())
    won = (s[y == 1] > s[y == 0].T) + 0.5 * (s[y == 1] == s[y == 0].T)
    s10, s01 = np.var(won.mean(axis=1), ddof=1) / m, np.var(won.mean(axis=0), ddof=1) / n
    doubled = delong(np.r_[y, y], np.vstack([s, s])).covariance[0, 0]
    expected = s10 * (m - 1) / (2 * m - 1) + s01 * (n - 1) / (2 * n - 1)
    assert doubled == pytest.approx(expected, rel=1e-9, abs=1e-18)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_groups_of_one_image_give_delong(rng: np.random.Generator) -> None:
    y, s = _data(rng, k=3)
    one, other = delong(y, s), delong(y, s, group=np.arange(y.size))
    np.testing.assert_allclose(other.covariance, one.covariance, rtol=1e-9, atol=1e-18)


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_testing_at_a_limit_returns_the_level(rng: np.random.Generator) -> None:
    """z of (estimate - limit) is the normal quantile: interval and test agree."""
    y, s = _data(rng)
    result = delong_test(y, s[:, 0], s[:, 1], conf_level=0.9)
    assume(result.std_error > 0)
    assert (result.estimate - result.conf_low) / result.std_error == pytest.approx(1.6448536269514722)


def test_one_auc_with_both_intervals() -> None:
    y, s = [1, 1, 1, 0, 0, 0], [0.9, 0.4, 0.8, 0.5, 0.1, 0.2]
    wald, logit = auc_ci(y, s), auc_ci(y, s, interval="logit")
    assert wald.auc == auc(y, s) == 8 / 9
    assert wald.conf_high == 1.0
    assert 0 < logit.conf_low < logit.auc < logit.conf_high < 1
    assert tuple(wald.to_frame().columns) == RESULT_COLUMNS


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: delong([1, 1, 0], [[1.0], [2.0], [3.0]]), ValueError, "2 positive and 1 negative images"),
        (lambda: delong([1, 2, 0, 0], [1.0, 2, 3, 4]), ValueError, r"values other than 0 and 1 \(2\)"),
        (
            lambda: delong([1, 1, 0, 0], [1.0, 2, 3]),
            ValueError,
            r"Scores have shape \(3, 1\); expected \(4, 1\)",
        ),
        (
            lambda: delong([1, 1, 0, 0], [[1.0, 1], [np.nan, 2], [3, 3], [4, 4]], names=["A", "B"]),
            ValueError,
            r"`A` has 1 missing or infinite value \(row 2\)",
        ),
        (lambda: delong([1, 1, 0, 0], [["x"], ["y"], ["z"], ["w"]]), TypeError, "are not numbers"),
        (lambda: delong([1, 1, 0, 0], [1.0, 2, 3, 4], conf_level=1.0), ValueError, "between 0 and 1"),
        (lambda: delong([1, 1, 0, 0], [1.0, 2, 3, 4], adjust="tukey"), ValueError, "allowed are 'holm'"),
        (
            lambda: delong([1, 1, 0, 0], [1.0, 2, 3, 4], group=["p", "p", "q", "r"]),
            ValueError,
            "1 groups hold positive and 2 hold negative",
        ),
        (
            lambda: delong([1, 1, 0, 0], [1.0, 2, 3, 4], group=["p", None, "q", "r"]),
            ValueError,
            r"`group` is missing in 1 rows \(row 2\)",
        ),
        (
            lambda: auc_ci([1, 1, 0, 0], [1.0, 2, 3, 4], interval="exact"),
            ValueError,
            "allowed are 'wald', 'logit'",
        ),
    ],
)
def test_bad_input_is_named(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
