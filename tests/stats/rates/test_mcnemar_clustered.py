"""Clustered McNemar tests against the formulas in R, and their limits: one image per patient, copies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.rates.mcnemar import mcnemar_test
from stats.rates.mcnemar_clustered import VARIANTS, clustered_mcnemar_test
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())
CLOSED_FORM = 1e-11
RNG = np.random.default_rng(5)

images = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=3, max_size=40).filter(
    lambda rows: len({row[2] for row in rows}) > 1
)


def arms(rows) -> tuple[np.ndarray, np.ndarray, list[int]]:
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), [r[2] for r in rows]


@pytest.mark.parametrize("case", GOLDEN["clusters"], ids=lambda case: f"n = {len(case['a'])}")
def test_against_the_formulas_in_r(case: dict) -> None:
    fit = clustered_mcnemar_test(case["a"], case["b"], case["group"], rng=RNG)
    assert fit.statistic_obuchowski == pytest.approx(case["obuchowski"], rel=CLOSED_FORM)
    assert fit.statistic_durkalski == pytest.approx(case["durkalski"], rel=CLOSED_FORM)
    assert fit.difference == pytest.approx(case["difference"], abs=1e-15)
    assert fit.std_error == pytest.approx(case["std_error"], rel=CLOSED_FORM)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_one_image_per_patient_is_mcnemar(pairs) -> None:
    a, b = np.array(pairs).T
    n = len(pairs)
    fit, plain = clustered_mcnemar_test(a, b, range(n), rng=RNG), mcnemar_test(a, b)
    assert fit.statistic_durkalski == pytest.approx(plain.statistic, rel=1e-12, nan_ok=True)
    assert fit.statistic_obuchowski == pytest.approx(plain.statistic * (n - 1) / n, rel=1e-12, nan_ok=True)
    assert fit.p_permutation == pytest.approx(plain.p_exact, rel=1e-10)
    if fit.std_error:
        assert fit.design_effect == pytest.approx(1.0)
    else:
        assert np.isnan(fit.design_effect)


@given(images)
@settings(max_examples=60, deadline=None)
def test_swapping_classifiers_mirrors(rows) -> None:
    a, b, group = arms(rows)
    one, other = (clustered_mcnemar_test(x, y, group, rng=RNG) for x, y in ((a, b), (b, a)))
    assert other.difference == -one.difference
    assert other.conf_low == pytest.approx(-one.conf_high, abs=1e-14)
    for name in ("statistic_obuchowski", "statistic_durkalski", "p_permutation"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-12, nan_ok=True)


@given(images, st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_copies_of_every_image_within_its_patient_change_nothing(rows, copies: int) -> None:
    a, b, group = arms(rows)
    one = clustered_mcnemar_test(a, b, group, rng=RNG)
    other = clustered_mcnemar_test(np.tile(a, copies), np.tile(b, copies), group * copies, rng=RNG)
    assert other.n == copies * one.n
    for name in ("std_error", "statistic_obuchowski", "statistic_durkalski", "p_permutation"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-14, nan_ok=True), (
            name
        )


def test_images_that_go_together_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    a, b = (np.repeat(rng.random(60) < share, 4) for share in (0.7, 0.6))
    group = np.repeat(np.arange(60), 4)
    fit = clustered_mcnemar_test(a, b, group, rng=RNG)
    assert fit.design_effect == pytest.approx(4.0, rel=0.05)
    plain = mcnemar_test(a, b)
    assert fit.p_obuchowski > plain.p_chi2


@pytest.mark.slow
def test_size_of_the_tests_with_clusters_is_near_its_level() -> None:
    """600 tables of 50 patients without a difference: McNemar's chi-square rejects far too often."""
    rng = np.random.default_rng(8)
    rejected = np.zeros(3)
    group = np.repeat(np.arange(50), 4)
    for _ in range(600):
        a, b = (np.repeat(rng.random(50) < 0.6, 4) ^ (rng.random(200) < 0.1) for _ in range(2))
        fit = clustered_mcnemar_test(a, b, group, rng=rng, n_resamples=99)
        p = (fit.p_obuchowski, fit.p_durkalski, mcnemar_test(a, b).p_chi2)
        rejected += np.array(p) <= 0.05
    share = rejected / 600
    assert share[:2] == pytest.approx([0.05, 0.05], abs=4 * np.sqrt(0.05 * 0.95 / 600))
    assert share[2] > 0.15


def test_no_discordant_image_has_no_chi_square() -> None:
    fit = clustered_mcnemar_test([1, 0, 1, 1], [1, 0, 1, 1], [1, 1, 2, 2], rng=RNG)
    assert np.isnan(fit.statistic_obuchowski)
    assert np.isnan(fit.p_durkalski)
    assert (fit.p_permutation, fit.std_error) == (1.0, 0.0)
    assert "no discordant pair" in (fit.note or "")


def test_discordant_images_that_cancel_within_patients_are_said() -> None:
    fit = clustered_mcnemar_test([1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 2, 2], rng=RNG)
    assert np.isnan(fit.p_obuchowski)
    assert fit.p_permutation == 1.0
    assert "no patient favours one of the two" in (fit.note or "")
    assert "its interval has no width" in (fit.note or "")


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_one_row_of_the_common_columns(variant: str) -> None:
    case = GOLDEN["clusters"][0]
    fit = clustered_mcnemar_test(case["a"], case["b"], case["group"], rng=RNG)
    frame = fit.to_frame(variant=variant)
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "n_groups"] == 40
    assert frame.loc[0, "p_value"] == getattr(fit, f"p_{variant}")
    assert frame.loc[0, "method"].startswith("clustered McNemar")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1, 0], [1], [1, 2]), ValueError, "`correct_a` has 2, `correct_b` 1 and `group` 2 values"),
        (([], [], []), ValueError, "at least one"),
        (([1, 0], [1, 1], ["p", "p"]), ValueError, "`group` has 1 patient"),
        (([1, 0], [1, 1], ["p", None]), ValueError, "`group` is missing in 1 rows"),
        (([1, 2], [1, 1], [1, 2]), TypeError, "`correct_a` must be true or false"),
    ],
)
def test_bad_input_is_named(arguments, error, words) -> None:
    with pytest.raises(error, match=words):
        clustered_mcnemar_test(*arguments, rng=RNG)


def test_unknown_variant_and_generator_are_named() -> None:
    fit = clustered_mcnemar_test([1, 0, 0], [0, 1, 0], [1, 2, 3], rng=RNG)
    with pytest.raises(ValueError, match="`variant` is 'exact'"):
        fit.to_result(variant="exact")
    with pytest.raises(TypeError, match="numpy Generator"):
        clustered_mcnemar_test([1, 0, 0], [0, 1, 0], [1, 2, 3], rng=7)  # type: ignore[arg-type]
