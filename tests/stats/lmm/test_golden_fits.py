"""Fits, Satterthwaite and Kenward-Roger against lme4, lmerTest and pbkrtest (tests/golden/lmm_fits.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.published_grid import load_published_grid
from stats.lmm import fit_lmm
from stats.lmm.anova import anova
from stats.lmm.contest import f_test, fixed_effects
from stats.lmm.kenward_roger import kenward_roger
from stats.lmm.lrt import ranova
from stats.lmm.random_effects import (
    fitted_values,
    random_effect_std_devs,
    random_effect_values,
    scaled_residuals,
)

FOLDER = Path(__file__).parents[2] / "golden"
FILES = ("lmm_fits.json", "lmm_edges.json")
CASES = {case["name"]: case for name in FILES for case in json.loads((FOLDER / name).read_text())["cases"]}

# lme4 stops short here even with tight tolerances (thetas of 0.001 and of 20,000): our criterion is lower
LOWER_THAN_LME4 = {"slopes large covariate", "signal far above noise"}

# no group has both levels of the factor, so their covariance is free and lme4's is where it happened to stop
FREE_COVARIANCE = {"slopes of a factor constant within groups"}

CRITERION = 1e-7  # absolute: both sides minimise the same function
FIXED = 1e-6  # relative: fixed effects and their standard errors
VARIANCE = 1e-4  # relative: R's optimiser sees no change of the criterion below about 1e-12
DEGREES = 1e-3  # relative: R differentiates numerically
PROBABILITY = 1e-4  # relative


def fit_case(case):
    data = pd.DataFrame(case["data"]) if "data" in case else load_published_grid()
    coding = "sum" if case.get("contrasts") else "treatment"
    weights, offset = case.get("weights"), case.get("offset")
    return fit_lmm(case["formula"], data, reml=case["reml"], weights=weights, offset=offset, coding=coding)


@pytest.fixture(scope="module")
def fits():
    return {name: fit_case(case) for name, case in CASES.items()}


# lmerTest differentiates in sigma with a step that is too large for sigma = 1e-6: its df there are wrong
WRONG_DF_IN_R = {"tiny units"}


def cases_with(key, without=frozenset()):
    left_out = LOWER_THAN_LME4 | set(without)
    return pytest.mark.parametrize("name", [n for n, c in CASES.items() if key in c and n not in left_out])


names = cases_with("name")


@names
def test_criterion_equals_lme4s(fits, name):
    unit = max(1.0, abs(CASES[name]["criterion"]) * 1e-4)  # 1e-11 of a criterion in the tens of thousands
    assert fits[name].criterion == pytest.approx(CASES[name]["criterion"], abs=CRITERION * unit, rel=0)
    assert fits[name].converged


@pytest.mark.parametrize("name", sorted(LOWER_THAN_LME4))
def test_criterion_is_lower_where_lme4_stops_short(fits, name):
    gain = CASES[name]["criterion"] - fits[name].criterion
    assert CRITERION < gain < 1e-3
    assert fits[name].converged


def test_scaling_a_slopes_covariate_scales_its_golden_values(fits):
    case, fit = CASES["slopes"], fits["slopes large covariate"]  # dose = 1000 day
    assert fit.criterion == pytest.approx(case["criterion"] + 2 * np.log(1000), abs=CRITERION)
    np.testing.assert_allclose(fit.beta * [1, 1000], case["beta"], rtol=FIXED)
    np.testing.assert_allclose(fit.theta * [1, 1000, 1000], case["theta"], rtol=VARIANCE)
    df = fixed_effects(fit).df
    np.testing.assert_allclose(df, np.array(case["satterthwaite"])[:, 2], rtol=DEGREES)


@names
def test_fixed_effects_and_standard_errors(fits, name):
    case, fit = CASES[name], fits[name]
    scale = np.sqrt(np.diag(case["vcov"]))
    assert np.abs(fit.beta - case["beta"]).max() <= FIXED * max(np.abs(case["beta"]).max(), scale.max())
    np.testing.assert_allclose(fit.std_errors, scale, rtol=FIXED)
    assert fit.n == case["n"]


@names
def test_variance_components(fits, name):
    case, fit = CASES[name], fits[name]
    total = sum(row["vcov"] for row in case["varcorr"] if row["var2"] is None)
    assert fit.sigma2 == pytest.approx(case["sigma"] ** 2, rel=VARIANCE)
    groups = {term.label: [] for term in fit.random}
    for term in fit.random:
        groups[term.label].append(term)
    for row in case["varcorr"]:
        if row["group"] == "Residual" or (row["var2"] is not None and name in FREE_COVARIANCE):
            continue
        label, _, number = row["group"].partition(".")  # lme4 numbers the parts of (x||g): g, g.1
        terms = groups[label]
        term = terms[int(number)] if number and len(terms) > 1 else None
        names = [row["var1"], row["var2"] or row["var1"]]
        term = term or next(t for t in terms if names[0] in _r_names(t.coefficients))
        index = [_r_names(term.coefficients).index(v) for v in names]
        assert term.covariance[index[0], index[1]] == pytest.approx(
            row["vcov"], rel=VARIANCE, abs=1e-7 * total * max(1.0, _spread(term, index))
        )


def _spread(term, index):
    return float(np.sqrt(term.covariance[index[0], index[0]] * term.covariance[index[1], index[1]]))


def _r_names(names):
    """R writes pretrainRadImageNet for pretrain[RadImageNet]."""
    return [
        "(Intercept)" if name == "Intercept" else name.replace("[", "").replace("]", "") for name in names
    ]


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if not c.get("contrasts")])
def test_terms_are_named_and_ordered_as_in_r(fits, name):
    names = CASES[name]["names"]
    assert _r_names(fits[name].names) == (names if isinstance(names, list) else [names])


def check_t_table(tests, rows):
    expected = np.array(rows, dtype=float)
    np.testing.assert_allclose(tests.std_error, expected[:, 1], rtol=FIXED)
    np.testing.assert_allclose(tests.df, expected[:, 2], rtol=DEGREES)
    np.testing.assert_allclose(tests.statistic, expected[:, 3], rtol=10 * FIXED, atol=1e-7)
    np.testing.assert_allclose(tests.p_value, expected[:, 4], rtol=PROBABILITY)


def test_degrees_of_freedom_do_not_depend_on_the_unit_of_y(fits):
    usual, tiny = (fixed_effects(fits[name]) for name in ("usual units", "tiny units"))
    np.testing.assert_allclose(tiny.df, usual.df, rtol=1e-9)
    np.testing.assert_allclose(tiny.p_value, usual.p_value, rtol=1e-8)


@cases_with("satterthwaite", without=WRONG_DF_IN_R)
def test_satterthwaite_table(fits, name):
    check_t_table(fixed_effects(fits[name], df="satterthwaite"), CASES[name]["satterthwaite"])


@cases_with("kenward_roger")
def test_kenward_roger_table_and_covariance(fits, name):
    check_t_table(fixed_effects(fits[name], df="kenward-roger"), CASES[name]["kenward_roger"])
    if "kr_vcov" not in CASES[name]:
        return  # with weights R has the table only
    adjusted = np.array(CASES[name]["kr_vcov"])
    ours = kenward_roger(fits[name]).vcov
    size = np.sqrt(np.outer(np.diag(adjusted), np.diag(adjusted)))
    assert (np.abs(ours - adjusted) / size).max() < 2 * FIXED


@cases_with("f_all", without=WRONG_DF_IN_R)
def test_joint_f_tests(fits, name):
    L = np.eye(len(fits[name].names))[1:]
    for df, key in (("satterthwaite", "f_all"), ("kenward-roger", "kr_f_all")):
        if key in CASES[name]:
            result, (_, _, df1, df2, F, p) = f_test(fits[name], L, df=df), CASES[name][key]
            assert result.df1 == df1
            assert result.df2 == pytest.approx(df2, rel=DEGREES)
            assert result.statistic == pytest.approx(F, rel=10 * FIXED)
            assert result.p_value == pytest.approx(p, rel=PROBABILITY)


@names
def test_scaled_residuals_and_fitted_values(fits, name):
    case = CASES[name]
    quartiles = np.quantile(scaled_residuals(fits[name]), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(quartiles, case["residuals"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fitted_values(fits[name])[:5], case["fitted_head"], rtol=1e-5, atol=1e-5)


@cases_with("anova", without=WRONG_DF_IN_R)
def test_type_three_tables(fits, name):
    for df, key in (("satterthwaite", "anova"), ("kenward-roger", "kr_anova")):
        if key not in CASES[name]:
            continue
        expected, table = CASES[name][key], anova(fits[name], df=df)
        terms = expected["terms"] if isinstance(expected["terms"], list) else [expected["terms"]]
        assert [set(t.split(":")) for t in table["term"]] == [set(t.split(":")) for t in terms]
        rows = np.array(expected["rows"], dtype=float)
        np.testing.assert_allclose(table[["sum_sq", "mean_sq"]], rows[:, :2], rtol=VARIANCE)
        np.testing.assert_array_equal(table["df1"], rows[:, 2])
        np.testing.assert_allclose(table["df2"], rows[:, 3], rtol=DEGREES)
        np.testing.assert_allclose(table["statistic"], rows[:, 4], rtol=20 * FIXED)
        np.testing.assert_allclose(table["p_value"], rows[:, 5], rtol=PROBABILITY)


@cases_with("ranova")
def test_ranova(fits, name):
    expected = CASES[name]["ranova"]
    table = ranova(fits[name])
    rows = np.array(expected["rows"][1:], dtype=float)  # the first row is the full model
    assert len(table) == len(rows)
    np.testing.assert_array_equal(table["n_parameters"], rows[:, 0])
    np.testing.assert_allclose(table["criterion"], -2 * rows[:, 1], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(table["statistic"], rows[:, 3], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(table["df"], rows[:, 4])
    np.testing.assert_allclose(table["p_value"], rows[:, 5], rtol=PROBABILITY)


@cases_with("blups")
def test_random_effects_and_their_conditional_sd(fits, name):
    fit, expected = fits[name], CASES[name]["blups"]
    values, spreads = random_effect_values(fit), random_effect_std_devs(fit)
    for term, data, value, spread in zip(fit.random, fit.design.random, values, spreads, strict=True):
        golden = expected[term.label]
        order = [data.group.levels.index(level) for level in golden["levels"]]
        size = max(np.sqrt(np.diag(term.covariance)).max(), 1e-3 * np.sqrt(fit.sigma2))
        np.testing.assert_allclose(value[order], golden["values"], atol=1e-4 * size)
        sd = np.array(golden["sd"], dtype=float).reshape(value.shape)
        np.testing.assert_allclose(spread[order], sd, atol=1e-4 * size)
