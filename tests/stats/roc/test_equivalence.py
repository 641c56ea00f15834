"""Non-inferiority and equivalence against R, and the agreement of tests, intervals and verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.rates.paired_proportions import tango_statistic
from stats.results import RESULT_COLUMNS
from stats.roc.delong import delong_test
from stats.roc.equivalence import GOALS, accuracy_margin_test, auc_margin_test

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())
CLOSED_FORM = 1e-10

seeds = st.integers(0, 10_000)
margins = st.floats(0.01, 0.6)
alphas = st.sampled_from([0.01, 0.025, 0.05, 0.1])


def scores(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3 == 0
    common = rng.normal(size=n)
    return (
        y.astype(int),
        common + rng.normal(size=n) + rng.uniform(0, 2) * y,
        common + rng.normal(size=n) + rng.uniform(0, 2) * y,
    )


@pytest.mark.parametrize("case", GOLDEN["auc_margins"], ids=lambda case: f"n = {len(case['y'])}")
def test_auc_against_proc(case: dict) -> None:
    table = np.array(case["scores"])
    fit = auc_margin_test(
        case["y"], table[:, 0], table[:, 1], margin=case["margin"], alpha=case["alpha"], goal="equivalence"
    )
    for name in ("std_error", "conf_low", "conf_high", "p_lower", "p_upper"):
        assert getattr(fit, name) == pytest.approx(case[name], rel=CLOSED_FORM), name
    assert fit.estimate == pytest.approx(case["difference"], abs=1e-14)
    assert fit.conf_level == pytest.approx(1 - 2 * case["alpha"])


@pytest.mark.parametrize("case", GOLDEN["tangos"], ids=lambda case: str(case["counts"]))
def test_accuracy_against_tango_in_r(case: dict) -> None:
    both, only_a, only_b, neither = case["counts"]
    new = np.repeat([1, 1, 0, 0], [both, only_a, only_b, neither])
    reference = np.repeat([1, 0, 1, 0], [both, only_a, only_b, neither])
    fit = accuracy_margin_test(new, reference, margin=case["margin"], goal="equivalence")
    assert fit.statistic_lower == pytest.approx(case["z_lower"], rel=CLOSED_FORM)
    assert fit.statistic_upper == pytest.approx(case["z_upper"], rel=CLOSED_FORM)
    assert (fit.conf_low, fit.conf_high) == pytest.approx((case["conf_low"], case["conf_high"]), abs=1e-9)


@given(seeds, margins, alphas)
@settings(max_examples=60, deadline=None)
def test_auc_verdicts_agree_with_the_interval(seed: int, margin: float, alpha: float) -> None:
    y, new, reference = scores(seed)
    fit = auc_margin_test(y, new, reference, margin=margin, alpha=alpha, goal="equivalence")
    assert fit.non_inferior == (fit.conf_low > -margin)
    assert fit.equivalent == (-margin < fit.conf_low and fit.conf_high < margin)
    assert fit.superior == (fit.conf_low > 0)
    assert fit.inferior == (fit.conf_high < 0)
    assert fit.equivalent == (fit.p_value <= alpha)


@given(seeds, margins, alphas)
@settings(max_examples=60, deadline=None)
def test_accuracy_verdicts_agree_with_the_interval(seed: int, margin: float, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    new, reference = rng.random(50) < 0.8, rng.random(50) < 0.75
    fit = accuracy_margin_test(new, reference, margin=margin, alpha=alpha, goal="equivalence")
    assert fit.non_inferior == (fit.conf_low > -margin)
    assert fit.equivalent == (-margin < fit.conf_low and fit.conf_high < margin)


@given(seeds, margins)
@settings(max_examples=40, deadline=None)
def test_swapping_the_models_swaps_the_two_tests(seed: int, margin: float) -> None:
    y, new, reference = scores(seed)
    one = auc_margin_test(y, new, reference, margin=margin, goal="equivalence")
    other = auc_margin_test(y, reference, new, margin=margin, goal="equivalence")
    assert other.p_lower == pytest.approx(one.p_upper, rel=1e-12)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-12)


def test_a_wider_margin_is_easier_and_a_tiny_one_is_the_test_of_superiority() -> None:
    y, new, reference = scores(3)
    p = [auc_margin_test(y, new, reference, margin=m).p_value for m in (1e-12, 0.05, 0.1, 0.3)]
    assert p == sorted(p, reverse=True)
    assert p[0] == pytest.approx(delong_test(y, new, reference, alternative="greater").p_value, rel=1e-8)


def test_clusters_change_the_standard_error_only() -> None:
    y, new, reference = scores(5)
    groups = np.arange(60) // 3
    fit = auc_margin_test(y, new, reference, margin=0.1, group=groups)
    plain = auc_margin_test(y, new, reference, margin=0.1)
    assert fit.estimate == plain.estimate
    assert fit.std_error != plain.std_error
    assert (fit.n_groups, fit.method) == (20, "Obuchowski clustered paired")
    assert "only 20 groups" in (fit.note or "")


def test_no_variance_gives_no_verdict() -> None:
    y = [0, 0, 0, 1, 1, 1]
    for fit in (
        auc_margin_test(y, range(6), range(6), margin=0.1),
        auc_margin_test(y, range(6), [1, 1, 1, 2, 2, 2], margin=0.1, goal="equivalence"),
    ):
        assert (fit.non_inferior, fit.equivalent, fit.superior, fit.inferior) == (None,) * 4
        assert np.isnan(fit.p_value)
        assert np.isnan(fit.conf_low)
        assert "the estimated variance of the difference is 0" in (fit.note or "")
        assert "no verdict" in fit.conclusion


def test_equal_accuracies_without_discordant_images_can_be_shown_equivalent() -> None:
    """The score test has a variance at the margin: z = sqrt(n margin / (1 - margin))."""
    few, many = (
        accuracy_margin_test(np.ones(n), np.ones(n), margin=0.05, goal="equivalence") for n in (20, 200)
    )
    assert many.statistic_lower == pytest.approx(np.sqrt(200 * 0.05 / 0.95))
    assert (few.equivalent, many.equivalent) == (False, True)
    assert "right on the same images" in (few.note or "")


@pytest.mark.parametrize(
    ("only_new", "only_reference", "margin", "words"),
    [
        (10, 9, 0.2, "non-inferior: a loss in accuracy of 0.2 or more is excluded; this does not say"),
        (40, 5, 0.05, "non-inferior and superior"),
        (2, 12, 0.2, "non-inferior but lower"),
        (10, 9, 0.01, "this does not say that the new one is worse"),
        (2, 14, 0.1, "but it is lower"),
        (0, 60, 0.1, "worse: the new accuracy is lower by the margin 0.1 or more"),
    ],
)
def test_the_conclusion_says_what_follows(only_new, only_reference, margin, words) -> None:
    rest = 150 - only_new - only_reference
    new = np.repeat([1, 0, 1], [only_new, only_reference, rest])
    reference = np.repeat([0, 1, 1], [only_new, only_reference, rest])
    fit = accuracy_margin_test(new, reference, margin=margin)
    assert words in fit.conclusion
    assert words in fit.to_frame().loc[0, "note"]


def test_equivalence_is_worded_both_ways() -> None:
    y, new, reference = scores(1, 300)
    shown = auc_margin_test(y, new, new + 0.01 * reference, margin=0.2, goal="equivalence")
    assert shown.conclusion.startswith("equivalent: differences in AUC of 0.2 or more are excluded")
    not_shown = auc_margin_test(y, new, reference, margin=0.001, goal="equivalence")
    assert not_shown.conclusion.startswith("equivalence not shown")


@pytest.mark.parametrize("goal", GOALS)
def test_result_is_one_row_whose_statistic_belongs_to_p(goal: str) -> None:
    y, new, reference = scores(8)
    fit = auc_margin_test(y, new, reference, margin=0.1, goal=goal)
    frame = fit.to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    row = frame.loc[0]
    assert row["analysis"] == goal
    assert (row["statistic"] == fit.statistic_lower) == (row["p_value"] == fit.p_lower)
    assert "margin 0.1, one-sided alpha 0.025" in row["method"]


def test_the_score_test_is_the_one_of_tango() -> None:
    fit = accuracy_margin_test([1, 1, 0, 1, 1, 0], [1, 0, 1, 1, 1, 0], margin=0.3)
    assert fit.statistic_lower == tango_statistic(1, 1, 6, -0.3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"margin": 0.0}, "`margin` is 0.0; it must lie between 0 and 1"),
        ({"margin": 1.0}, "`margin` is 1.0"),
        ({"margin": float("nan")}, "`margin` is nan"),
        ({"margin": 0.1, "alpha": 0.5}, "`alpha` is 0.5"),
        ({"margin": 0.1, "goal": "same"}, "`goal` is 'same'; allowed are 'non-inferiority', 'equivalence'"),
    ],
)
def test_bad_input_is_named(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        auc_margin_test([0, 0, 1, 1], [1, 2, 3, 4], [1, 3, 2, 4], **options)
    with pytest.raises(ValueError, match=words):
        accuracy_margin_test([1, 0], [1, 1], **options)


def test_a_margin_near_auc_one_carries_a_warning() -> None:
    """The simulated size of the test is 5 to 11 % there, not 2.5 %."""
    rng = np.random.default_rng(3)
    y = np.repeat([1, 0], [40, 60])
    signal = rng.normal(size=100)
    for shift, warned in ((4.0, True), (1.0, False)):
        new, reference = (signal + 0.3 * rng.normal(size=100) + shift * y for _ in range(2))
        fit = auc_margin_test(y, new, reference, margin=0.05)
        assert ("non-inferiority too often" in (fit.note or "")) is warned
