"""Power and sample size against pROC and formulas in R, by simulation, and by its properties."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from stats.power.auc import auc_power, auc_sample_size, cluster_design_effect, detectable_auc
from stats.power.design import AucDesign
from stats.power.variance import VARIANCES, BinormalPair, auc_variance, pilot_components
from stats.roc.delong import delong_test

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "comparisons_more.json").read_text())
CLOSED_FORM = 1e-10
R_ROOT = 1e-4  # R's uniroot with its default tolerance, which pROC uses for the AUC

PLAN = AucDesign(reference=0.9, correlation=0.5, ratio=2.7)
designs = st.builds(
    AucDesign,
    reference=st.floats(0.55, 0.9),
    correlation=st.floats(0.0, 0.8),
    ratio=st.floats(0.3, 4.0),
    variance=st.sampled_from(list(VARIANCES)),
    null_variance=st.sampled_from(["reference", "alternative"]),
    alternative=st.sampled_from(["two-sided", "one-sided"]),
)


@pytest.mark.parametrize(("correlation", "positives"), [(0.5, 459), (0.7, 277)])
def test_worked_example_of_obuchowski(correlation: float, positives: int) -> None:
    """0.90 against 0.93, 2.7 negatives per positive, power 80 %."""
    fit = auc_sample_size(replace(PLAN, correlation=correlation), 0.93)
    assert (fit.n_positive, fit.n_negative) == (positives, math.ceil(2.7 * positives))
    assert fit.n_positive_exact <= positives < fit.n_positive_exact + 1


@pytest.mark.parametrize("case", GOLDEN["power_one"], ids=lambda case: f"{case['solve']} {case['auc']:.2f}")
def test_one_curve_against_proc(case: dict) -> None:
    design = AucDesign(
        reference=0.5,
        design="one",
        alpha=case["alpha"],
        alternative=case["sides"],
        ratio=case.get("ratio", 1),
    )
    if case["solve"] == "n":
        fit = auc_sample_size(design, case["auc"], power=case["wanted"])
        assert fit.n_positive_exact == pytest.approx(case["ncases"], rel=CLOSED_FORM)
    elif case["solve"] == "power":
        fit = auc_power(design, case["auc"], n_positive=case["m"], n_negative=case["n"])
        assert fit.power == pytest.approx(case["power"], rel=CLOSED_FORM)
    else:
        fit = detectable_auc(design, n_positive=case["m"], n_negative=case["n"], power=case["wanted"])
        assert fit.auc == pytest.approx(case["auc"], abs=R_ROOT)
        assert fit.power == pytest.approx(case["wanted"], rel=CLOSED_FORM)


def binormal_design(pair: BinormalPair, **options) -> tuple[AucDesign, float]:
    reference, new = pair.aucs
    return AucDesign(reference=reference, components=pair, **options), new


@pytest.mark.parametrize("case", GOLDEN["power_parameters"], ids=lambda case: f"a = {case['A1']}")
def test_binormal_parameters_against_proc(case: dict) -> None:
    """pROC takes the first model as the reference."""
    pair = BinormalPair(
        a_reference=case["A1"], b_reference=case["B1"], a_new=case["A2"], b_new=case["B2"],
        r_positive=case["ra"], r_negative=case["rn"], published=True,
    )  # fmt: skip
    design, new = binormal_design(pair, ratio=1.7)
    assert auc_sample_size(design, new).n_positive_exact == pytest.approx(case["ncases"], rel=CLOSED_FORM)
    assert auc_power(design, new, n_positive=60, n_negative=90).power == pytest.approx(
        case["power"], rel=CLOSED_FORM
    )


@pytest.mark.parametrize("case", GOLDEN["power_curves"], ids=lambda case: f"n = {len(case['y'])}")
def test_two_curves_delong_against_proc(case: dict) -> None:
    table = np.array(case["scores"])
    pilot = pilot_components(case["y"], table[:, 0], table[:, 1])
    m, n = pilot.n_positive, pilot.n_negative
    design = AucDesign(reference=pilot.auc[0], components=pilot, ratio=n / m, null_variance="reference")
    found = auc_sample_size(design, pilot.auc[1], power=0.9).n_positive_exact
    assert found == pytest.approx(case["delong"]["ncases"], rel=CLOSED_FORM)
    power = auc_power(design, pilot.auc[1], n_positive=m, n_negative=n).power
    assert power == pytest.approx(case["delong"]["power"], rel=CLOSED_FORM)


@pytest.mark.parametrize("case", GOLDEN["power_curves"], ids=lambda case: f"n = {len(case['y'])}")
def test_two_curves_obuchowski_against_proc(case: dict) -> None:
    """pROC's difference is of the empirical AUCs, its variances are of the smoothed binormal curves."""
    table, y = np.array(case["scores"]), np.array(case["y"])
    (a1, b1), (a2, b2) = case["binormal"]
    pair = BinormalPair(
        a_reference=a1,
        b_reference=b1,
        a_new=a2,
        b_new=b2,
        r_positive=case["ra"],
        r_negative=case["rn"],
        published=True,
    )
    aucs = pilot_components(y, table[:, 0], table[:, 1]).auc
    m, n = int(y.sum()), int((1 - y).sum())
    design = AucDesign(reference=aucs[0], components=pair, ratio=n / m)
    found = auc_sample_size(design, aucs[1], power=0.9).n_positive_exact
    assert found == pytest.approx(case["obuchowski"]["ncases"], rel=CLOSED_FORM)
    power = auc_power(design, aucs[1], n_positive=m, n_negative=n).power
    assert power == pytest.approx(case["obuchowski"]["power"], rel=CLOSED_FORM)


@pytest.mark.parametrize("ratio", [0.5, 2.7])
def test_a_binormal_model_against_itself_has_no_variance(ratio: float) -> None:
    pair = BinormalPair(
        a_reference=1.2, b_reference=0.8, a_new=1.2, b_new=0.8, r_positive=1.0, r_negative=1.0
    )
    matrix = pair.covariance(40, 40 * ratio)
    assert matrix[0, 0] == pytest.approx(matrix[0, 1], rel=1e-12)
    wider = replace(pair, published=True).covariance(40, 40 * ratio)
    assert wider[0, 0] > matrix[0, 0]
    assert wider[0, 1] == matrix[0, 1]


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_the_binormal_variance_is_that_of_the_fitted_parameters(correlation: float) -> None:
    """The delta method on means and deviations of normal scores, within 4 Monte Carlo errors."""
    rng, m, n, sets = np.random.default_rng(7), 80, 150, 4_000
    shift = np.array([1.3, 1.8])
    mix = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]]).T
    positive = rng.standard_normal((sets, m, 2)) @ mix + shift
    negative = rng.standard_normal((sets, n, 2)) @ mix
    spread = np.hypot(positive.std(axis=1, ddof=1), negative.std(axis=1, ddof=1))
    auc = ndtr((positive.mean(axis=1) - negative.mean(axis=1)) / spread)
    pair = BinormalPair(
        a_reference=1.3, b_reference=1.0, a_new=1.8, b_new=1.0, r_positive=correlation, r_negative=correlation
    )
    matrix = pair.covariance(m, n)
    wanted = matrix[0, 0] + matrix[1, 1] - 2.0 * matrix[0, 1]
    found = float(np.var(auc[:, 1] - auc[:, 0], ddof=1))
    # the delta method itself is off by a few percent at these sizes
    assert found == pytest.approx(wanted, rel=0.04 + 4.0 * (2.0 / sets) ** 0.5)


@pytest.mark.parametrize("case", GOLDEN["hanley"], ids=lambda case: str(case["auc"]))
def test_hanley_mcneil_against_the_formula_in_r(case: dict) -> None:
    m, n = case["m"], case["n"]
    assert auc_variance(case["auc"], m, n, variance="hanley-mcneil") == pytest.approx(
        case["variance"], rel=1e-12
    )
    design = AucDesign(reference=case["reference"], correlation=case["r"], variance="hanley-mcneil")
    fit = auc_power(design, case["auc"], n_positive=m, n_negative=n)
    assert fit.power == pytest.approx(case["power"], rel=CLOSED_FORM)


@pytest.mark.parametrize("case", GOLDEN["normal"], ids=lambda case: str(case["auc"]))
def test_normal_scores_against_the_bivariate_normal_in_r(case: dict) -> None:
    found = auc_variance(case["auc"], case["m"], case["n"], variance="binormal")
    assert found == pytest.approx(case["variance"], rel=CLOSED_FORM)


@pytest.mark.parametrize("variance", ["hanley-mcneil", "binormal"])
def test_at_one_half_the_variance_is_that_of_the_rank_sum(variance: str) -> None:
    assert auc_variance(0.5, 12, 30, variance=variance) == pytest.approx(43 / (12 * 12 * 30), rel=1e-12)


@given(designs, st.floats(0.02, 0.09), st.floats(0.5, 0.99))
@settings(max_examples=60, deadline=None)
def test_the_number_of_images_is_the_smallest_with_the_power(design, gain, power) -> None:
    auc = design.reference + gain
    fit = auc_sample_size(design, auc, power=power)
    assert fit.power >= power - 1e-9
    if fit.n_positive > 3 and fit.n_positive_exact > 2 * max(1, 1 / design.ratio):
        m = fit.n_positive - 1
        null, alternative = design.variances(auc, m, design.ratio * m)
        z = -ndtri(design.alpha / (2 if design.alternative == "two-sided" else 1))
        assert (gain - z * math.sqrt(null)) / math.sqrt(alternative) < ndtri(power) + 1e-6


@given(designs, st.integers(60, 3000), st.integers(60, 3000))
@settings(max_examples=60, deadline=None)
def test_the_detectable_auc_has_the_wanted_power(design, m, n) -> None:
    for above in (True, False):
        fit = detectable_auc(design, n_positive=m, n_negative=n, above=above)
        if np.isnan(fit.auc):
            assert "not even an AUC of" in (fit.note or "")
        else:
            assert (fit.auc > design.reference) is above
            assert fit.power == pytest.approx(0.8, abs=1e-6)


@given(designs, st.floats(0.02, 0.09), st.floats(1.1, 4.0))
@settings(max_examples=40, deadline=None)
def test_power_rises_with_images_and_falls_with_the_design_effect(design, gain, effect) -> None:
    auc = design.reference + gain
    one = auc_power(design, auc, n_positive=200, n_negative=300).power
    assert auc_power(design, auc, n_positive=400, n_negative=600).power > one
    assert auc_power(replace(design, design_effect=effect), auc, n_positive=200, n_negative=300).power < one


def test_unpaired_is_paired_without_correlation() -> None:
    paired = auc_sample_size(replace(PLAN, correlation=0.0), 0.93)
    unpaired = auc_sample_size(replace(PLAN, correlation=None, design="unpaired"), 0.93)
    assert unpaired.n_positive_exact == pytest.approx(paired.n_positive_exact, rel=1e-12)


def test_a_design_effect_multiplies_the_images() -> None:
    one, two = auc_sample_size(PLAN, 0.93), auc_sample_size(replace(PLAN, design_effect=2.0), 0.93)
    assert two.n_positive_exact == pytest.approx(2 * one.n_positive_exact, rel=1e-9)
    assert cluster_design_effect(3, 0.25) == 1.5


def test_margin_zero_gain_needs_the_distance_of_the_margin() -> None:
    """Equal AUCs, margin 0.05: n = (z_alpha + z_beta)^2 V / 0.05^2 (Liu et al. 2006)."""
    design = AucDesign(reference=0.9, correlation=0.5, margin=0.05, alpha=0.025, alternative="one-sided")
    fit = auc_sample_size(design, 0.9)
    expected = (-ndtri(0.025) + ndtri(0.8)) ** 2 * 2 * 0.5 * auc_variance(0.9, 1, 1) / 0.05**2
    assert fit.n_positive_exact == pytest.approx(expected, rel=1e-9)
    assert "under H0: alternative" in fit.method
    found = detectable_auc(design, n_positive=fit.n_positive, n_negative=fit.n_negative)
    assert found.auc == pytest.approx(0.9, abs=1e-3)


def test_the_published_test_sets_cannot_show_a_gain() -> None:
    """Beside 0.889 (21 + 57 breast images) and 0.959 (58 + 45 knees) not even an AUC of 1 is told apart."""
    for reference, m, n in ((0.8889, 21, 57), (0.9594, 58, 45)):
        design = AucDesign(reference=reference, correlation=0.5)
        gain = detectable_auc(design, n_positive=m, n_negative=n)
        assert np.isnan(gain.auc)
        assert "not even an AUC of 1" in (gain.note or "")
        assert detectable_auc(design, n_positive=m, n_negative=n, above=False).auc < reference - 0.06


def test_pilot_at_its_own_size_has_delongs_standard_error() -> None:
    case = GOLDEN["power_curves"][0]
    table, y = np.array(case["scores"]), np.array(case["y"])
    groups = np.arange(y.size) // 2
    for group in (None, groups):
        pilot = pilot_components(y, table[:, 0], table[:, 1], group=group)
        design = AucDesign(reference=pilot.auc[0], components=pilot)
        fit = auc_power(design, pilot.auc[1], n_positive=pilot.n_positive, n_negative=pilot.n_negative)
        expected = delong_test(y, table[:, 1], table[:, 0], group=group)
        assert fit.std_error == pytest.approx(expected.std_error, rel=1e-12)
        assert fit.std_error_null == fit.std_error
        assert fit.correlation == pilot.correlation
        twice = auc_power(
            design, pilot.auc[1], n_positive=2 * pilot.n_positive, n_negative=2 * pilot.n_negative
        )
        assert twice.std_error == pytest.approx(expected.std_error / math.sqrt(2), rel=1e-12)
    assert pilot.design_effect != 1.0
    assert pilot_components(y, table[:, 0], table[:, 1]).design_effect == 1.0


def test_pilot_of_one_model_against_another_null() -> None:
    case = GOLDEN["power_curves"][0]
    pilot = pilot_components(case["y"], np.array(case["scores"])[:, 0])
    design = AucDesign(reference=0.75, design="one", components=pilot)
    assert auc_sample_size(design, float(pilot.auc[0])).n_positive > 2
    assert math.isnan(pilot.correlation)


def test_few_images_are_pointed_out() -> None:
    fit = auc_power(PLAN, 0.99, n_positive=5, n_negative=50)
    assert "fewer than 10 images of a class" in (fit.note or "")
    easy = auc_sample_size(AucDesign(reference=0.5, design="one"), 0.999)
    assert easy.n_positive <= 10
    assert easy.power >= 0.8


@pytest.mark.slow
def test_normal_scores_and_the_variance_of_the_alternative_give_the_power_of_delong() -> None:
    """Simulated, 60 + 90 images: within 0.06 of DeLong's power, which Obuchowski's formula understates."""
    rng, m, n, draws = np.random.default_rng(3), 60, 90, 2000
    d = np.sqrt(2) * ndtri([0.8, 0.9])
    y = np.r_[np.ones(m), np.zeros(n)].astype(int)
    estimates, rejected = [], 0
    for _ in range(draws):
        z = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=m + n)
        z[:m] += d
        fit = delong_test(y, z[:, 1], z[:, 0])
        rejected += fit.p_value < 0.05 and fit.estimate > 0
        estimates.append((fit.estimate_a, fit.estimate_b))
    r = float(np.corrcoef(np.array(estimates).T)[0, 1])
    design = AucDesign(reference=0.8, correlation=r, variance="binormal", null_variance="alternative")
    planned = auc_power(design, 0.9, n_positive=m, n_negative=n).power
    assert rejected / draws == pytest.approx(planned, abs=0.06)
    obuchowski = replace(design, variance="obuchowski", null_variance="reference")
    assert auc_power(obuchowski, 0.9, n_positive=m, n_negative=n).power < planned - 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": 1.0}, "`reference` is 1.0; a planned AUC lies from 0.5 to below 1"),
        ({"reference": 0.4}, "`reference` is 0.4"),
        ({"correlation": None}, "A paired design needs `correlation`"),
        ({"correlation": 1.0}, "`correlation` is 1.0"),
        ({"design": "one"}, "`correlation` belongs to a paired design"),
        ({"design": "two"}, "`design` is 'two'"),
        ({"variance": "z"}, "`variance` is 'z'"),
        ({"alternative": "less"}, "`alternative` is 'less'; allowed are 'two-sided', 'one-sided'"),
        ({"null_variance": "none"}, "`null_variance` is 'none'"),
        ({"alpha": 0.6}, "`alpha` is 0.6"),
        ({"ratio": 0.0}, "`ratio` is 0.0"),
        ({"design_effect": float("inf")}, "`design_effect` is inf"),
        ({"margin": -0.1}, "`margin` is -0.1"),
        ({"margin": 0.1}, "is one-sided with the variance of the alternative"),
    ],
)
def test_bad_designs_are_named(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AucDesign(**{"reference": 0.9, "correlation": 0.5, **options})


def test_bad_questions_are_named() -> None:
    with pytest.raises(ValueError, match=r"`auc` equals the reference 0\.9"):
        auc_sample_size(PLAN, 0.9)
    with pytest.raises(ValueError, match=r"`auc` is 1\.0"):
        auc_sample_size(PLAN, 1.0)
    with pytest.raises(ValueError, match=r"`power` is 0\.4"):
        auc_sample_size(PLAN, 0.93, power=0.4)
    with pytest.raises(ValueError, match="more than 1e12 images"):
        auc_sample_size(PLAN, 0.9 + 1e-7)
    with pytest.raises(ValueError, match="1 positive and 50 negative images"):
        auc_power(PLAN, 0.93, n_positive=1, n_negative=50)
    margin = AucDesign(reference=0.9, correlation=0.5, margin=0.05, alternative="one-sided")
    with pytest.raises(ValueError, match="non-inferiority is not true there"):
        auc_sample_size(margin, 0.8)
    with pytest.raises(ValueError, match="no loss to detect"):
        detectable_auc(margin, n_positive=50, n_negative=50, above=False)
    with pytest.raises(ValueError, match="`variance` is 'x'"):
        auc_variance(0.9, 10, 10, variance="x")
    with pytest.raises(ValueError, match="`images_per_patient` is 0"):
        cluster_design_effect(0, 0.1)
    with pytest.raises(ValueError, match="`icc` is 2"):
        cluster_design_effect(2, 2)
    with pytest.raises(ValueError, match="no sampling variance"):
        pilot_components([0, 0, 1, 1], [1, 2, 3, 4])


def test_a_null_variance_that_is_not_positive_is_refused() -> None:
    """The reference varies less than the two models covary, which the published null variance cannot hold."""
    pair = BinormalPair(
        a_reference=3.5,
        b_reference=0.5,
        a_new=0.5,
        b_new=1.0,
        r_positive=0.95,
        r_negative=0.95,
        published=True,
    )
    design, new = binormal_design(pair)
    matrix = pair.covariance(50, 50)
    assert matrix[0, 0] < matrix[0, 1]
    with pytest.raises(ValueError, match='give null_variance="alternative"'):
        auc_power(design, new, n_positive=50, n_negative=50)
    assert (
        auc_power(replace(design, null_variance="alternative"), new, n_positive=50, n_negative=50).power > 0
    )
