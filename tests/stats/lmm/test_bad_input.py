"""Bad input gives one sentence; missing values are counted; factors are coded as in R."""

import numpy as np
import pandas as pd
import pytest

from stats.lmm import fit_lmm
from stats.lmm.contest import f_test, fixed_effects, t_tests
from stats.lmm.contrasts import contrasts, emmeans
from stats.lmm.kenward_roger import kenward_roger
from stats.lmm.lrt import likelihood_ratio_test
from stats.lmm.summary import lmm_summary

MODEL = "y ~ arm + (1|g)"


@pytest.fixture
def frame():
    rng = np.random.default_rng(5)
    data = pd.DataFrame(
        {"g": np.repeat([4, 16, 32, 64, 128, 256], 6), "arm": ["b", "a", "c"] * 12, "x": rng.normal(size=36)}
    )
    data["y"] = rng.normal(size=6)[np.repeat(np.arange(6), 6)] + rng.normal(size=36)
    return data


def fails(frame, message, formula=MODEL, **options):
    with pytest.raises(ValueError, match=message) as caught:
        fit_lmm(formula, frame, **options)
    assert "\n" not in str(caught.value)


def test_unknown_column(frame):
    fails(frame, "Column 'z' is not in the data; its columns are 'g', 'arm', 'x', 'y'", "y ~ z + (1|g)")


def test_all_missing_column(frame):
    fails(frame.assign(x=np.nan), "Column 'x' has no value at all", "y ~ x + (1|g)")
    fails(frame.assign(arm=None), "Column 'arm' has no value at all")


def test_no_complete_row(frame):
    half = np.arange(36) % 2 == 0
    data = frame.assign(x=np.where(half, np.nan, 1.0), y=np.where(half, frame["y"], np.nan))
    fails(data, "No row is complete", "y ~ x + (1|g)")


def test_factor_with_one_level(frame):
    fails(frame.assign(arm="a"), r"Factor 'arm' has one level \('a'\)")
    fails(frame.assign(g=1), "Grouping factor 'g' has one level")


def test_factor_that_keeps_one_level_after_dropping_rows(frame):
    data = frame.assign(y=np.where(frame["arm"] == "a", frame["y"], np.nan))
    fails(data, r"Factor 'arm' has one level \('a'\) in the 12 complete rows")


def test_fewer_rows_than_parameters(frame):
    data = frame.iloc[[0, 1, 2, 6, 7]].assign(g=[1, 1, 2, 2, 2])
    fails(data, "5 complete rows are fewer than the 6 parameters", "y ~ arm + x + (1|g)")


def test_response_without_residual(frame):
    fails(
        frame.assign(y=2 * frame["x"] + 1),
        "'y' is an exact linear function of the fixed effects",
        "y ~ x + (1|g)",
    )
    fit_lmm("y ~ x + (1|g)", frame.assign(y=frame["y"] + 1e9))  # a large mean is no exact fit


@pytest.mark.parametrize("scale", [1e160, 1e-160])
def test_numbers_out_of_reach(frame, scale):
    fails(frame.assign(y=frame["y"] * scale), "largest value of column 'y' is .* Change the unit")
    fails(frame.assign(x=frame["x"] * scale), "largest value of column 'x' is", "y ~ x + (1|g)")


def test_no_fixed_effect_left(frame):
    fails(frame.assign(x=0.0), "Every fixed effect .* is zero in all rows", "y ~ 0 + x + (1|g)")


def test_two_terms_of_one_name(frame):
    data = frame.assign(**{"arm[b]": frame["x"]})
    fails(data, r"would have the name 'arm\[b\]'; rename a column", "y ~ arm + `arm[b]` + (1|g)")


def test_constant_response(frame):
    fails(frame.assign(y=0.5), r"The response 'y' is constant \(0.5 in all 36 rows\)")


@pytest.mark.parametrize("name", ["y", "x"])
def test_infinite_values(frame, name):
    data = frame.copy()
    data.loc[3, name] = np.inf
    fails(data, f"Column '{name}' has 1 infinite value \\(row 4, counted from 1\\)", "y ~ x + (1|g)")


def test_duplicated_terms(frame):
    fails(frame, "the term 'arm' stands there twice", "y ~ arm + arm + (1|g)")


def test_code_in_a_formula(frame):
    fails(frame, "would be code", "y ~ exp(x) + (1|g)")


def test_text_response(frame):
    fails(frame.assign(y="high"), "response column 'y' must hold numbers; it holds 'high'")


def test_no_rows(frame):
    fails(frame.iloc[:0], "The data have no rows")


def test_duplicated_column(frame):
    fails(pd.concat([frame, frame[["x"]]], axis=1), "Column 'x' stands more than once", "y ~ x + (1|g)")


def test_as_many_levels_as_rows(frame):
    fails(frame.assign(g=np.arange(36)), "The random term of 'g' has 36 effects for 36 rows")


def test_slope_that_is_zero_everywhere(frame):
    fails(frame.assign(x=0.0), "A slope of 'g' is zero in every row", "y ~ arm + (0 + x|g)")


def test_weights_must_be_positive(frame):
    fails(frame.assign(w=[0.0, -1.0] + [1.0] * 34), "2 are zero or negative", weights="w")
    fails(frame.assign(w="much"), "weights or offset column 'w' must hold numbers", weights="w")


def test_coding_and_frame_are_checked(frame):
    fails(frame, "`coding` must be 'treatment' or 'sum', got 'helmert'", coding="helmert")
    with pytest.raises(TypeError, match="`frame` must be a pandas DataFrame, got dict"):
        fit_lmm(MODEL, {"y": [1]})


def test_options_of_tests_are_checked(frame):
    fit = fit_lmm(MODEL, frame)
    with pytest.raises(
        ValueError, match="`df` must be one of 'satterthwaite', 'kenward-roger', 'none', got 'kr'"
    ):
        fixed_effects(fit, df="kr")
    with pytest.raises(ValueError, match="`conf_level`"):
        fixed_effects(fit, conf_level=95)
    with pytest.raises(ValueError, match="one column per fixed effect"):
        t_tests(fit, np.eye(2))
    with pytest.raises(ValueError, match="one column per fixed effect"):
        f_test(fit, np.full((1, 3), np.nan))
    with pytest.raises(ValueError, match="Kenward-Roger needs a REML fit"):
        kenward_roger(fit_lmm(MODEL, frame, reml=False))


def test_options_of_contrasts_are_checked(frame):
    fit = fit_lmm("y ~ arm + x + (1|g)", frame)
    for options, message in [
        ({"factor": "x"}, "`factor` 'x' is a covariate"),
        ({"factor": "g"}, "`factor` 'g' is not a fixed effect"),
        ({"factor": "arm", "by": "arm"}, "`by` and `factor` are both 'arm'"),
        ({"factor": "arm", "adjust": "scheffe"}, "`adjust`"),
        ({"factor": "arm", "kind": "all"}, "`kind`"),
        ({"factor": "arm", "kind": "treatment-vs-control", "adjust": "tukey"}, "pairwise contrasts only"),
        ({"factor": "arm", "kind": "treatment-vs-control", "control": "z"}, "`control`"),
        ({"factor": "arm", "kind": {"late": {"z": 1}}}, "Contrast 'late' names the unknown level 'z'"),
        ({"factor": "arm", "kind": {"late": [1, -1]}}, "Contrast 'late' needs one finite coefficient"),
    ]:
        with pytest.raises(ValueError, match=message):
            contrasts(fit, **options)


def test_marginal_means_without_data_are_nan_with_a_note(frame):
    data = frame.assign(h=np.where(frame["arm"] == "a", "p", np.resize(["p", "q"], 36)))
    fit = fit_lmm("y ~ arm * h + (1|g)", data)
    assert fit.design.aliased == ("arm[c]:h[q]",) or len(fit.design.aliased) == 1
    assert any("Left out" in note for note in lmm_summary(fit)["warnings"])
    means = emmeans(fit, "arm")
    assert means["estimate"].isna().tolist() == [True, False, False]
    rows = contrasts(fit, "arm")
    assert rows["estimate"].isna().tolist() == [True, True, False]
    assert rows["p_adjusted"].isna().tolist() == [True, True, False]
    assert "combinations of factors without data" in rows["note"][0]
    assert pd.isna(rows["note"][2])


def test_likelihood_ratio_tests_check_their_models(frame):
    small, large = fit_lmm("y ~ 1 + (1|g)", frame), fit_lmm(MODEL, frame)
    with pytest.raises(ValueError, match="REML criteria of models with different fixed effects"):
        likelihood_ratio_test(small, large)
    with pytest.raises(ValueError, match="same rows and response"):
        likelihood_ratio_test(fit_lmm("y ~ 1 + (1|g)", frame.iloc[1:]), large)
    with pytest.raises(ValueError, match="One model is fitted by REML"):
        likelihood_ratio_test(fit_lmm(MODEL, frame, reml=False), large)
    with pytest.raises(ValueError, match="give the smaller model first"):
        likelihood_ratio_test(large, large)


def test_missing_values_are_dropped_and_counted(frame):
    data = frame.copy()
    data.loc[[0, 5], "y"] = np.nan
    data.loc[[5, 9], "arm"] = None
    fit = fit_lmm(MODEL, data)
    kept = fit_lmm(MODEL, data.dropna())
    assert (fit.n, fit.n_dropped) == (33, 3)
    assert fit.criterion == kept.criterion
    assert any("3 rows were dropped" in note for note in lmm_summary(fit)["warnings"])


def test_levels_sort_alphabetically_and_numbers_by_value(frame):
    fit = fit_lmm(MODEL, frame)
    assert fit.names == ("Intercept", "arm[b]", "arm[c]")
    assert fit.design.random[0].group.levels == ("4", "16", "32", "64", "128", "256")


def test_numbers_are_covariates_in_fixed_terms_and_factors_as_groups(frame):
    fit = fit_lmm("y ~ g + (1|arm)", frame)
    assert fit.names == ("Intercept", "g")
    assert lmm_summary(fit)["groups"] == {"arm": 3}


def test_categories_keep_their_order_and_booleans_are_factors(frame):
    ordered = pd.Categorical(frame["arm"], categories=["c", "b", "a", "unused"])
    fit = fit_lmm(MODEL, frame.assign(arm=ordered))
    assert fit.names == ("Intercept", "arm[b]", "arm[a]")
    assert fit_lmm(MODEL, frame.assign(arm=frame["x"] > 0)).names == ("Intercept", "arm[TRUE]")


def test_upper_case_does_not_change_the_order(frame):
    fit = fit_lmm(MODEL, frame.assign(arm=frame["arm"].map({"a": "apple", "b": "Banana", "c": "cherry"})))
    assert fit.names == ("Intercept", "arm[Banana]", "arm[cherry]")
