"""What must hold for any data: invariances, special cases, and agreement of the two algebraic paths."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from stats.lmm import crossproducts, elimination, fit_lmm
from stats.lmm.anova import anova
from stats.lmm.contest import f_test, fixed_effects
from stats.lmm.fit import fit_design
from stats.lmm.intervals import bootstrap, refitter, wald_intervals
from stats.lmm.lrt import likelihood_ratio_test, ranova
from stats.lmm.profile import profile_intervals
from stats.lmm.random_effects import (
    fitted_values,
    random_effects_frame,
    variance_explained,
    variance_shares,
)

MODEL = "y ~ arm * x + (1|g) + (x|h)"


def simulated(seed=0, n=240):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "g": rng.integers(0, 25, n),
            "h": rng.integers(0, 9, n),
            "arm": rng.choice(list("abc"), n),
            "x": rng.normal(size=n),
            "w": rng.uniform(0.5, 2.0, n),
        }
    )
    g, h, slope = rng.normal(size=25), rng.normal(size=9), 0.4 * rng.normal(size=9)
    data["y"] = g[data["g"]] + h[data["h"]] + slope[data["h"]] * data["x"] + rng.normal(size=n)
    return data


@pytest.fixture(scope="module")
def data():
    return simulated()


@pytest.fixture(scope="module")
def fit(data):
    return fit_lmm(MODEL, data)


def same(a, b, *, rtol=1e-7):
    assert a.criterion == pytest.approx(b.criterion, abs=1e-8)
    np.testing.assert_allclose(a.beta, b.beta, rtol=rtol, atol=1e-9)
    np.testing.assert_allclose(a.theta, b.theta, rtol=1e-5, atol=1e-7)
    for df in ("satterthwaite", "kenward-roger"):
        np.testing.assert_allclose(fixed_effects(a, df=df).df, fixed_effects(b, df=df).df, rtol=1e-6)


def test_row_order_changes_nothing(data, fit):
    same(fit, fit_lmm(MODEL, data.sample(frac=1.0, random_state=3)))


def test_relabelling_groups_changes_nothing(data, fit):
    names = np.random.default_rng(1).permutation(25)
    same(fit, fit_lmm(MODEL, data.assign(g=[f"level {names[i]}" for i in data["g"]])))


def test_another_baseline_changes_the_coding_only(data, fit):
    other = fit_lmm(MODEL, data.assign(arm=data["arm"].map({"a": "z", "b": "b", "c": "c"})))
    assert other.criterion == pytest.approx(fit.criterion, abs=1e-8)
    np.testing.assert_allclose(other.theta, fit.theta, rtol=1e-5)
    ours, theirs = anova(fit), anova(other)
    np.testing.assert_allclose(ours["statistic"], theirs["statistic"], rtol=1e-6)


def test_scaling_y_scales_estimates_and_errors(data, fit):
    scaled = fit_lmm(MODEL, data.assign(y=data["y"] * 1e-4))
    ours, theirs = fixed_effects(scaled), fixed_effects(fit)
    np.testing.assert_allclose(ours.estimate, 1e-4 * theirs.estimate, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(ours.std_error, 1e-4 * theirs.std_error, rtol=1e-7)
    np.testing.assert_allclose(ours.df, theirs.df, rtol=1e-7)
    np.testing.assert_allclose(ours.p_value, theirs.p_value, rtol=1e-6)


def test_scaling_a_covariate_scales_its_slope(data, fit):
    scaled = fit_lmm(MODEL, data.assign(x=data["x"] * 1e5))
    np.testing.assert_allclose(scaled.beta[3] * 1e5, fit.beta[3], rtol=1e-7)
    np.testing.assert_allclose(fixed_effects(scaled).df, fixed_effects(fit).df, rtol=1e-5)


def test_shifting_y_moves_the_intercept_only(data, fit):
    shifted = fit_lmm(MODEL, data.assign(y=data["y"] + 1000.0))
    np.testing.assert_allclose(shifted.beta - fit.beta, [1000.0, 0, 0, 0, 0, 0], atol=1e-8)
    assert shifted.criterion == pytest.approx(fit.criterion, abs=1e-7)


def test_an_offset_is_subtracted(data):
    data = data.assign(o=np.sin(np.arange(len(data))))
    direct = fit_lmm("y ~ x + (1|g)", data.assign(y=data["y"] - data["o"]))
    offset = fit_lmm("y ~ x + (1|g)", data, offset="o")
    same(direct, offset)
    np.testing.assert_allclose(fitted_values(offset), fitted_values(direct) + data["o"], atol=1e-9)


def test_weights_of_two_are_two_rows_for_the_coefficients(data):
    """Doubled weights leave estimates and errors as they are: only the residual variance is rescaled."""
    one, two = (fit_lmm("y ~ x + (1|g)", data.assign(w=w), weights="w") for w in (1.0, 2.0))
    np.testing.assert_allclose(one.beta, two.beta, rtol=1e-6)
    np.testing.assert_allclose(one.std_errors, two.std_errors, rtol=1e-7)
    assert two.sigma2 == pytest.approx(2 * one.sigma2, rel=1e-7)


def test_paired_t_test_is_a_special_case():
    rng = np.random.default_rng(8)
    a = rng.normal(size=12)
    b = a + 0.3 + 0.5 * rng.normal(size=12)
    frame = pd.DataFrame({"y": np.r_[a, b], "arm": ["a"] * 12 + ["b"] * 12, "pair": [*range(12)] * 2})
    fit = fit_lmm("y ~ arm + (1|pair)", frame)
    expected = scipy_stats.ttest_rel(b, a)
    for df in ("satterthwaite", "kenward-roger"):
        tests = fixed_effects(fit, df=df)
        assert tests.statistic[1] == pytest.approx(expected.statistic, rel=1e-8)
        assert tests.df[1] == pytest.approx(11.0, rel=1e-7)
        assert tests.p_value[1] == pytest.approx(expected.pvalue, rel=1e-7)


def test_balanced_anova_f_is_a_special_case():
    """Randomised blocks: F of the arms against the block by arm mean square."""
    rng = np.random.default_rng(9)
    y = rng.normal(size=(10, 1)) + rng.normal(size=(10, 4)) + np.array([0.0, 0.2, 0.8, 0.1])
    frame = pd.DataFrame({"y": y.ravel(), "arm": list("abcd") * 10, "block": np.repeat(np.arange(10), 4)})
    grand = y.mean()
    arms = 10 * ((y.mean(axis=0) - grand) ** 2).sum() / 3
    rest = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + grand
    expected = arms / ((rest**2).sum() / 27)
    for df in ("satterthwaite", "kenward-roger"):
        table = anova(fit_lmm("y ~ arm + (1|block)", frame), df=df)
        assert table["statistic"][0] == pytest.approx(expected, rel=1e-7)
        assert table["df2"][0] == pytest.approx(27.0, rel=1e-6)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_t_squared_is_f(fit, df):
    tests = fixed_effects(fit, df=df)
    for i in range(len(fit.names)):
        joint = f_test(fit, np.eye(len(fit.names))[i], df=df)
        assert joint.statistic == pytest.approx(tests.statistic[i] ** 2, rel=1e-8)
        assert joint.df2 == pytest.approx(tests.df[i], rel=1e-8)
        assert joint.p_value == pytest.approx(tests.p_value[i], rel=1e-7)


def test_profile_interval_inverts_the_likelihood_ratio_test(data):
    ml = fit_lmm("y ~ x + (1|g) + (1|h)", data, reml=False)
    table = profile_intervals(ml).set_index(["part", "term"])
    chi2 = scipy_stats.chi2.ppf(0.95, 1)
    for limit in table.loc[("fixed", "x"), ["conf_low", "conf_high"]].to_numpy(dtype=float).ravel():
        held = fit_lmm("y ~ 1 + (1|g) + (1|h)", data.assign(o=limit * data["x"]), reml=False, offset="o")
        assert held.criterion - ml.criterion == pytest.approx(chi2, abs=1e-5)


def test_profile_interval_of_a_standard_deviation_contains_the_estimate(data):
    table = profile_intervals(fit_lmm(MODEL, data))
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()


@pytest.mark.parametrize("share", [0.1, 2.0], ids=["dense", "sparse"])
@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("model", ["y ~ x + (1|g) + (1|h)", "y ~ x + (x|g) + (1|h)", MODEL, "y ~ x + (1|g)"])
def test_eliminating_the_largest_factor_changes_nothing(monkeypatch, data, model, reml, share):
    plain = fit_lmm(model, data, reml=reml, weights="w")
    assert plain.deviance.products.eliminated is None
    monkeypatch.setattr(crossproducts, "ELIMINATE_FROM", 2)
    monkeypatch.setattr(elimination, "DENSE_SHARE", share)
    reduced = fit_lmm(model, data, reml=reml, weights="w")
    assert reduced.deviance.products.eliminated is not None
    assert reduced.criterion == pytest.approx(plain.criterion, abs=1e-9)
    np.testing.assert_allclose(reduced.beta, plain.beta, rtol=1e-8)
    np.testing.assert_allclose(fixed_effects(reduced).df, fixed_effects(plain).df, rtol=1e-7)
    if reml:
        ours, theirs = (fixed_effects(f, df="kenward-roger") for f in (reduced, plain))
        np.testing.assert_allclose(ours.std_error, theirs.std_error, rtol=1e-8)
        np.testing.assert_allclose(ours.df, theirs.df, rtol=1e-7)
    frames = [random_effects_frame(f) for f in (reduced, plain)]
    np.testing.assert_allclose(frames[0]["estimate"], frames[1]["estimate"], atol=1e-8)
    np.testing.assert_allclose(frames[0]["std_dev"], frames[1]["std_dev"], atol=1e-8)


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
def test_gradient_and_hessian_are_those_of_the_criterion(data, reml):
    deviance = fit_lmm(MODEL, data, reml=reml).deviance
    theta = np.array([0.7, 0.9, -0.2, 0.4])
    at, step = deviance.evaluate(theta), 1e-5
    for i in range(4):
        change = step * np.eye(4)[i]
        above, below = deviance.evaluate(theta + change), deviance.evaluate(theta - change)
        assert at.gradient[i] == pytest.approx((above.value - below.value) / (2 * step), abs=1e-6)
        np.testing.assert_allclose(at.hessian[i], (above.gradient - below.gradient) / (2 * step), atol=1e-5)


def test_the_start_does_not_matter(data, fit):
    for start in ([0.05, 0.1, 0.0, 0.1], [8.0, 5.0, 2.0, 4.0]):
        again = fit_design(fit.design, start=np.array(start))
        assert again.criterion == pytest.approx(fit.criterion, abs=1e-8)


def test_zero_variance_is_reported_as_singular():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(12, 5))
    noise -= noise.mean(axis=1, keepdims=True)
    frame = pd.DataFrame({"y": noise.ravel(), "g": np.repeat(np.arange(12), 5), "x": rng.normal(size=60)})
    fit = fit_lmm("y ~ x + (1|g)", frame)
    assert fit.singular
    assert fit.converged
    assert fit.boundary == ("variance of Intercept in 'g' is zero",)
    assert fit.theta[0] == 0.0
    assert np.isfinite(fixed_effects(fit).df).all()
    shares = variance_shares(fit)
    assert shares["share"].tolist() == [0.0, 1.0]


def test_ranova_is_the_likelihood_ratio_test_of_the_reduced_model(data):
    large, small = fit_lmm("y ~ x + (1|g) + (1|h)", data), fit_lmm("y ~ x + (1|h)", data)
    row, test = ranova(large).iloc[0], likelihood_ratio_test(small, large)
    assert row["statistic"] == pytest.approx(test.statistic, abs=1e-8)
    assert row["p_value_boundary"] == pytest.approx(test.p_value / 2)


def test_variance_shares_sum_to_one_and_r2_is_consistent(fit):
    assert variance_shares(fit)["share"].sum() == pytest.approx(1.0)
    parts = variance_explained(fit)
    total = parts.fixed + parts.random + parts.residual
    assert parts.r2_conditional == pytest.approx((parts.fixed + parts.random) / total)
    assert parts.icc_adjusted == pytest.approx(1.0 - variance_shares(fit)["share"].iloc[-1])


def test_refitting_the_same_response_gives_the_same_fit(fit):
    again = refitter(fit)(fit.design.y)
    assert again.criterion == pytest.approx(fit.criterion, abs=1e-8)
    np.testing.assert_allclose(again.beta, fit.beta, rtol=1e-8, atol=1e-10)


def test_bootstrap_is_seeded_and_near_the_wald_interval(data):
    fit = fit_lmm("y ~ x + (1|g) + (1|h)", data)
    first, second = (bootstrap(fit, n_resamples=200, rng=np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.replicates, second.replicates)
    assert first.n_failed == 0
    boot, wald = first.intervals().set_index("term").loc["x"], wald_intervals(fit).set_index("term").loc["x"]
    # the standard error of 200 replicates has a relative Monte Carlo error of 5 %; four of them
    assert boot["std_error"] == pytest.approx(wald["std_error"], rel=0.2)


def test_bootstrap_input_is_checked(fit):
    with pytest.raises(ValueError, match="`n_resamples` is 1"):
        bootstrap(fit, n_resamples=1, rng=np.random.default_rng(1))
    with pytest.raises(TypeError, match="`rng` must be a numpy Generator"):
        bootstrap(fit, rng=7)


def test_a_correlation_with_a_zero_variance_is_not_defined():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(12, 6))
    noise -= noise.mean(axis=1, keepdims=True)
    frame = pd.DataFrame({"y": noise.ravel(), "g": np.repeat(np.arange(12), 6), "x": rng.normal(size=72)})
    fit = fit_lmm("y ~ x + (x|g)", frame, reml=False)
    assert "variance of Intercept in 'g' is zero" in fit.boundary
    row = profile_intervals(fit).set_index("term").loc["cor(Intercept, x)"]
    assert np.isnan(row["estimate"])
    assert (row["conf_low"], row["conf_high"]) == (-1.0, 1.0)
    assert row["note"].startswith("not defined")
