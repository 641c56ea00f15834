"""Power of McNemar's tests against sums in R and Connor's formula, and by its own properties."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from stats.power.mcnemar import _rejected_up_to, mcnemar_power, mcnemar_sample_size
from stats.rates.mcnemar import VARIANTS, mcnemar_counts

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())
CLOSED_FORM = 1e-10
P_VALUE = {"exact": "p_exact", "mid_p": "p_mid", "chi2": "p_chi2", "chi2_corrected": "p_corrected"}


@pytest.mark.parametrize("case", GOLDEN["mcnemars"], ids=lambda case: f"{case['variant']} {case['n']}")
def test_against_sums_in_r(case: dict) -> None:
    chances = case["only_a"], case["only_b"]
    fit = mcnemar_power(*chances, n=case["n"], variant=case["variant"])
    assert fit.power == pytest.approx(case["power"], rel=CLOSED_FORM)
    assert mcnemar_sample_size(*chances).n_connor == pytest.approx(case["connor"], rel=CLOSED_FORM)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.0625, 0.125])
def test_the_region_is_where_the_test_rejects(variant: str, alpha: float) -> None:
    """0.0625 and 0.125 are p-values that the exact test takes."""
    limit = _rejected_up_to(np.arange(41), alpha, variant)
    for d in range(1, 41):
        rejected = [
            x
            for x in range((d + 1) // 2)
            if getattr(mcnemar_counts(0, x, d - x, 0), P_VALUE[variant]) <= alpha * (1 + 1e-9)
        ]
        assert limit[d] == max(rejected, default=-1), d


@given(st.floats(0.05, 0.3), st.floats(0.0, 0.04), st.sampled_from(list(VARIANTS)))
@settings(max_examples=25, deadline=None)
def test_the_number_of_images_keeps_the_power(only_a: float, only_b: float, variant: str) -> None:
    fit = mcnemar_sample_size(only_a, only_b, variant=variant)
    later = [mcnemar_power(only_a, only_b, n=fit.n + i, variant=variant).power for i in range(0, 60, 7)]
    assert min(later) >= 0.8
    assert mcnemar_power(only_a, only_b, n=fit.n - 1, variant=variant).power < 0.8
    assert fit.n == pytest.approx(fit.n_connor, rel=0.6, abs=12)


@given(st.floats(0.0, 0.4), st.floats(0.0, 0.4), st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_swapping_arms_changes_nothing_but_the_sign_and_exact_keeps_its_level(a, b, n) -> None:
    if abs(a - b) < 1e-6:
        return
    one, other = mcnemar_power(a, b, n=n, variant="exact"), mcnemar_power(b, a, n=n, variant="exact")
    assert (one.power, one.difference) == (other.power, -other.difference)
    assert one.size <= 0.05 + 1e-12
    assert one.power <= mcnemar_power(a, b, n=n, variant="mid_p").power + 1e-12


def test_a_design_effect_counts_fewer_images() -> None:
    fit = mcnemar_power(0.2, 0.1, n=300, design_effect=2.0)
    assert fit.power == mcnemar_power(0.2, 0.1, n=150).power
    assert "150 independent images" in (fit.note or "")
    needed = mcnemar_sample_size(0.2, 0.1, design_effect=2.0)
    assert needed.n == 2 * mcnemar_sample_size(0.2, 0.1).n
    assert needed.power >= 0.8


def test_all_images_discordant_are_a_binomial_test() -> None:
    fit = mcnemar_power(0.8, 0.2, n=20, variant="exact")
    assert fit.power == pytest.approx(binom.sf(14, 20, 0.8), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((0.1, 0.1), {"n": 10}, "must be 0 or more, differ by at least 1e-09"),
        ((0.9, 0.2), {"n": 10}, "add up to at most 1"),
        ((-0.1, 0.2), {"n": 10}, "-0.1 and 0.2"),
        ((0.1, 0.2), {"n": 0}, "`n` is 0"),
        ((0.1, 0.2), {"n": 10, "alpha": 0.7}, "`alpha` is 0.7"),
        ((0.1, 0.2), {"n": 10, "variant": "z"}, "`variant` is 'z'"),
        ((0.1, 0.2), {"n": 10, "design_effect": 0.5}, "`design_effect` is 0.5"),
    ],
)
def test_bad_input_is_named(arguments, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        mcnemar_power(*arguments, **options)


def test_impossible_sizes_are_named() -> None:
    with pytest.raises(ValueError, match="`power` is 1"):
        mcnemar_sample_size(0.1, 0.2, power=1)
    with pytest.raises(ValueError, match="needs about"):
        mcnemar_sample_size(0.1, 0.10001)
