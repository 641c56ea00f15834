"""Simultaneous tests of AUC differences against mvtnorm and multcomp, and by what must hold for any data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from stats.multiplicity.adjust import adjust_p
from stats.multiplicity.joint_normal import JointNormal
from stats.multiplicity.max_t import max_t_test
from stats.results import RESULT_COLUMNS
from stats.roc.delong import delong

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())
CLOSED_FORM = 1e-9
R_ABSEPS = 1e-5  # what pmvnorm was asked for; where it ran out of points it states a larger error
MULTCOMP = 1e-3  # it warns that its own error is above what was asked for
QUANTILE = 3e-3  # qmvnorm searches with the same noise


def scores(seed: int, k: int, n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 2).astype(int)
    table = rng.normal(size=(n, 1)) + rng.normal(size=(n, k)) + np.linspace(0, 1.5, k) * y[:, None]
    return y, table


def named(case: dict) -> dict:
    reference = case["reference"]
    return {} if reference == "none" else {"reference": f"model {reference + 1}"}


@pytest.mark.parametrize("case", GOLDEN["max_ts"], ids=lambda c: f"{len(c['statistic'])} {c['reference']}")
def test_against_mvtnorm_and_multcomp(case: dict) -> None:
    fit = max_t_test(case["y"], case["scores"], **named(case))
    assert fit.statistic == pytest.approx(case["statistic"], rel=CLOSED_FORM)
    assert fit.std_error == pytest.approx(case["std_error"], rel=CLOSED_FORM)
    error = 4 * fit.p_error + np.maximum(np.array(case["p_error"]), R_ABSEPS)
    assert (np.abs(fit.p_adjusted - case["p_adjusted"]) <= error).all()
    assert fit.p_adjusted == pytest.approx(case["p_multcomp"], abs=MULTCOMP)
    assert fit.critical_value == pytest.approx(case["critical"], abs=QUANTILE)


@pytest.mark.parametrize("case", GOLDEN["max_ts"], ids=lambda c: f"{len(c['statistic'])} {c['reference']}")
def test_one_sided_against_mvtnorm(case: dict) -> None:
    fit = max_t_test(case["y"], case["scores"], alternative="greater", **named(case))
    assert (np.abs(fit.p_adjusted - case["p_greater"]) <= 4 * fit.p_error + 1e-4).all()


def test_two_models_are_delong_itself() -> None:
    y, table = scores(1, 2)
    fit, pair = max_t_test(y, table), delong(y, table).pairs
    assert fit.p_adjusted == pytest.approx(pair.p_value, rel=1e-12)
    assert (fit.conf_low[0], fit.conf_high[0]) == pytest.approx(
        (pair.conf_low[0], pair.conf_high[0]), rel=1e-12
    )
    assert (fit.rank, fit.p_error[0], fit.critical_error) == (1, 0.0, 0.0)


@given(st.integers(0, 10_000), st.integers(3, 5), st.booleans())
@settings(max_examples=12, deadline=None)
def test_adjusted_p_lies_between_raw_and_sidak(seed: int, k: int, all_pairs: bool) -> None:
    y, table = scores(seed, k)
    fit = max_t_test(y, table, reference=None if all_pairs else "model 2")
    assert (fit.p_adjusted >= fit.p_value).all()
    assert (fit.p_adjusted <= adjust_p(fit.p_value, "sidak") + 1e-15).all()
    assert fit.rank == k - 1
    order = np.argsort(fit.p_value)
    assert (np.diff(fit.p_adjusted[order]) >= -1e-12).all()


@given(st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_intervals_exclude_zero_where_the_adjusted_p_is_small(seed: int) -> None:
    y, table = scores(seed, 4)
    fit = max_t_test(y, table)
    clear = np.abs(fit.p_adjusted - 0.05) > 1e-6
    outside = (fit.conf_low > 0) | (fit.conf_high < 0)
    assert (outside[clear] == (fit.p_adjusted < 0.05)[clear]).all()


def test_one_sided_tests_mirror() -> None:
    y, table = scores(7, 4)
    up = max_t_test(y, table, alternative="greater")
    down = max_t_test(y, -table, alternative="less")
    assert down.p_adjusted == pytest.approx(up.p_adjusted, abs=4 * max(up.p_error.max(), down.p_error.max()))
    assert (up.conf_high == 1.0).all()
    assert (down.conf_low == -1.0).all()
    assert up.conf_low == pytest.approx(-down.conf_high, abs=1e-3)


def test_clusters_of_one_image_change_nothing_and_larger_ones_do() -> None:
    y, table = scores(3, 3)
    plain, single = max_t_test(y, table), max_t_test(y, table, group=range(50))
    assert single.std_error == pytest.approx(plain.std_error, rel=1e-12)
    assert single.p_adjusted == pytest.approx(plain.p_adjusted, rel=1e-9)
    grouped = max_t_test(y, table, group=np.arange(50) // 2)
    assert grouped.n_groups == 25
    assert grouped.std_error != pytest.approx(plain.std_error)
    assert any("25 groups" in note for note in grouped.notes)


def test_a_model_that_repeats_another_takes_no_part() -> None:
    y, table = scores(4, 3)
    doubled = np.column_stack([table, table[:, 0]])
    fit, plain = max_t_test(y, doubled), max_t_test(y, table)
    same = (fit.a == 0) & (fit.b == 3)
    assert fit.p_adjusted[same] == 1.0
    assert (fit.conf_low[same], fit.conf_high[same]) == (0.0, 0.0)
    assert fit.rank == plain.rank == 2
    assert any("identical" in note for note in fit.notes)
    first = (fit.a == 0) & (fit.b == 1)
    assert fit.p_adjusted[first][0] == pytest.approx(plain.p_adjusted[0], abs=1e-4)


def test_a_difference_without_variance_has_no_test() -> None:
    y = np.array([0, 0, 0, 1, 1, 1])
    fit = max_t_test(y, np.column_stack([np.arange(6), np.ones(6), [2, 0, 3, 1, 5, 4]]))
    assert np.isnan(fit.p_adjusted[0])
    assert np.isnan(fit.conf_low[0])
    assert not np.isnan(fit.p_adjusted[1:]).any()
    assert any("no test" in note for note in fit.notes)


def test_all_curves_alike_give_p_one_and_no_critical_value() -> None:
    fit = max_t_test([0, 0, 1, 1], np.ones((4, 3)))
    assert (fit.p_adjusted == 1.0).all()
    assert np.isnan(fit.critical_value)
    assert fit.rank == 0


def test_independent_statistics_give_sidak_and_its_error_is_honest() -> None:
    joint = JointNormal.from_root(np.eye(4))
    for t in (0.3, 1.5, 2.5, 4.0):
        p, error = joint.tail(t, two_sided=True)
        assert abs(p - -np.expm1(4 * np.log1p(-2 * ndtr(-t)))) <= 4 * error + 1e-15
    for t in (-1.0, 0.0, 1.0, 3.0):
        p, error = joint.tail(t, two_sided=False)
        assert abs(p - (1 - ndtr(t) ** 4)) <= 4 * error
    expected = ndtri((1 + 0.95 ** (1 / 4)) / 2)
    critical, error = joint.critical(0.95, "two-sided")
    assert abs(critical - expected) <= 4 * error + 1e-9


def test_equicorrelated_normals_against_a_single_integral() -> None:
    """P(max Z < t) for correlation 1/2 is an integral over the shared normal (Dunnett 1955)."""
    root = np.vstack([np.sqrt(0.5) * np.ones((1, 5)), np.sqrt(0.5) * np.eye(5)])
    joint = JointNormal.from_root(root)
    for t in (0.5, 1.5, 2.5, 3.5):
        below = quad(
            lambda u, t=t: np.exp(-u * u / 2) / np.sqrt(2 * np.pi) * ndtr(np.sqrt(2) * t - u) ** 5, -9, 9
        )
        p, error = joint.tail(t, two_sided=False)
        assert abs(p - (1 - below[0])) <= 4 * error + 1e-9


def test_the_same_call_gives_the_same_numbers_and_other_seeds_close_ones() -> None:
    y, table = scores(11, 5)
    one, again = max_t_test(y, table), max_t_test(y, table)
    assert (one.p_adjusted == again.p_adjusted).all()
    other = max_t_test(y, table, rng=np.random.default_rng(1))
    assert (np.abs(other.p_adjusted - one.p_adjusted) <= 6 * (one.p_error + other.p_error) + 1e-12).all()


def test_rows_carry_names_family_and_aucs() -> None:
    y, table = scores(2, 3)
    frame = max_t_test(y, table, names=["a", "b", "c"], reference="b").to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame["arm_a"].tolist() == ["a", "c"]
    assert set(frame["arm_b"]) == {"b"}
    assert set(frame["family"]) == {"against b"}
    np.testing.assert_allclose(frame["estimate_a"] - frame["estimate_b"], frame["estimate"], atol=1e-12)


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (np.ones(4), {}, "1 model came"),
        (np.ones((4, 2)), {"names": ["a", "a"]}, "has a model twice"),
        (np.ones((4, 2)), {"reference": "c"}, "`reference` is 'c'; the models are 'model 1', 'model 2'"),
        (np.ones((4, 40)), {}, "40 models make 780 comparisons"),
        (np.ones((4, 2)), {"alternative": "up"}, "`alternative` is 'up'"),
        (np.ones((4, 2)), {"conf_level": 2}, "`conf_level` is 2"),
        (np.array([[1, np.nan]] * 4), {}, "missing or infinite"),
    ],
)
def test_bad_input_is_named(table: np.ndarray, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        max_t_test([0, 0, 1, 1], table, **options)
