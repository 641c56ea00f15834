"""McNemar's tests and paired proportions against R and by what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.rates.mcnemar import VARIANTS, mcnemar_counts, mcnemar_test
from stats.rates.proportions import clopper_pearson_ci, newcombe_paired_ci, wilson_ci
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "mcnemar.json").read_text())
CLOSED_FORM = 1e-10


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["counts"]))
def test_against_r(case: dict) -> None:
    fit = mcnemar_counts(*case["counts"])
    found = {
        "corrected": fit.statistic_corrected,
        "p_corrected": fit.p_corrected,
        "chi2": fit.statistic,
        "p_chi2": fit.p_chi2,
        "p_exact": fit.p_exact,
        "p_mid": fit.p_mid,
        "conf_low": fit.conf_low,
        "conf_high": fit.conf_high,
        "odds_low": fit.odds_ratio_low,
        "odds_high": fit.odds_ratio_high,
    }
    for name, value in found.items():
        absolute = 0.0 if name.startswith("p_") else 1e-14  # p-values keep their digits far into the tail
        assert value == pytest.approx(float(case[name]), rel=CLOSED_FORM, abs=absolute), name


def test_an_odd_number_of_nearly_even_pairs_has_exact_p_one() -> None:
    assert mcnemar_counts(0, 1_000_000, 1_000_001, 0).p_exact == 1.0


def test_without_discordant_images_the_odds_ratio_has_no_limits() -> None:
    fit = mcnemar_counts(5, 0, 0, 2)
    assert np.isnan([fit.odds_ratio, fit.odds_ratio_low, fit.odds_ratio_high]).all()


@pytest.mark.parametrize(
    ("only_a", "only_b", "statistic", "p_value"), [(15, 1, 10.5625, 0.001154), (7, 3, 0.9, 0.3428)]
)
def test_the_paper_table_14(only_a: int, only_b: int, statistic: float, p_value: float) -> None:
    fit = mcnemar_counts(60, only_a, only_b, 5)
    assert fit.statistic_corrected == statistic
    assert fit.p_corrected == pytest.approx(p_value, abs=5e-7 if p_value < 0.01 else 5e-5)


def test_newcombe_published_example() -> None:
    """Newcombe 1998, table III, method 10, counts 36, 12, 2, 0: 0.0569 to 0.3404."""
    low, high = newcombe_paired_ci(36, 12, 2, 0)
    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


def test_counts_come_from_the_images() -> None:
    fit = mcnemar_test([1, 1, 1, 0, 0, 1], [1, 0, 0, 1, 0, 1])
    assert (fit.both_correct, fit.only_a, fit.only_b, fit.both_wrong) == (2, 2, 1, 1)
    assert fit.difference == pytest.approx(1 / 6)
    assert fit.odds_ratio == 2.0


counts = st.integers(0, 60)


@given(counts, counts, counts, counts, counts)
@settings(max_examples=60, deadline=None)
def test_concordant_pairs_do_not_matter_for_p(a: int, b: int, c: int, d: int, more: int) -> None:
    one, other = mcnemar_counts(a + 1, b, c, d), mcnemar_counts(a + 1 + more, b, c, d + more)
    assert (one.p_exact, one.p_mid) == (other.p_exact, other.p_mid)
    assert one.p_corrected == pytest.approx(other.p_corrected, nan_ok=True)


@given(counts, counts, counts, counts)
@settings(max_examples=60, deadline=None)
def test_swapping_arms_mirrors(a: int, b: int, c: int, d: int) -> None:
    one, other = mcnemar_counts(a + 1, b, c, d), mcnemar_counts(a + 1, c, b, d)
    assert one.difference == -other.difference
    assert one.conf_low == pytest.approx(-other.conf_high, abs=1e-14)
    assert one.p_mid == other.p_mid


@given(counts, counts, counts, counts)
@settings(max_examples=60, deadline=None)
def test_interval_holds_the_estimate_and_stays_within_one(a: int, b: int, c: int, d: int) -> None:
    fit = mcnemar_counts(a + 1, b, c, d)
    assert -1.0 <= fit.conf_low <= fit.difference <= fit.conf_high <= 1.0


@given(st.integers(0, 40), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_mid_p_lies_below_exact_p(b: int, c: int) -> None:
    fit = mcnemar_counts(1, b, c, 1)
    assert fit.p_mid < fit.p_exact <= 1.0


def test_no_discordant_pair_is_said() -> None:
    fit = mcnemar_counts(10, 0, 0, 2)
    assert (fit.p_exact, fit.p_mid) == (1.0, 1.0)
    assert np.isnan(fit.statistic)
    assert np.isnan(fit.p_chi2)
    assert "no discordant pair" in str(fit.note)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_rows_name_the_variant(variant: str) -> None:
    frame = mcnemar_counts(60, 7, 3, 8).to_frame(variant=variant)
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "method"].startswith(VARIANTS[variant])


def test_exact_interval_inverts_the_binomial_test() -> None:
    from scipy.stats import binom

    low, high = clopper_pearson_ci(7, 10)
    assert binom.sf(6, 10, low) == pytest.approx(0.025)
    assert binom.cdf(7, 10, high) == pytest.approx(0.025)


def test_wilson_limits_solve_the_score_equation() -> None:
    for limit in wilson_ci(7, 10):
        assert (0.7 - limit) ** 2 == pytest.approx(1.959963984540054**2 * limit * (1 - limit) / 10)
    assert wilson_ci(0, 10)[0] == 0.0
    assert wilson_ci(10, 10)[1] == 1.0
    assert np.isnan(wilson_ci(0, 0)).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mcnemar_test([1, 0], [1]), ValueError, "`correct_a` has 2 and `correct_b` 1 values"),
        (lambda: mcnemar_test([2, 0], [1, 0]), TypeError, "`correct_a` must be true or false"),
        (lambda: mcnemar_counts(0, 0, 0, 0), ValueError, "at least one image"),
        (lambda: wilson_ci(11, 10), ValueError, "`count` is 11 of `n` = 10"),
    ],
)
def test_bad_input_is_named(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
