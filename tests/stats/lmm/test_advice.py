"""Notes on a fit, predictions, and the independent check by statsmodels."""

import numpy as np
import pandas as pd
import pytest

from data.published_grid import load_published_grid
from stats.lmm import fit_lmm
from stats.lmm.checks import advice, convergence_check
from stats.lmm.crosscheck_statsmodels import crosscheck
from stats.lmm.diagnostics import residual_diagnostics, residual_frame
from stats.lmm.predict import predict
from stats.lmm.random_effects import fitted_values
from stats.lmm.reversals import reversals
from stats.lmm.summary import lmm_summary

PRETRAIN = "test_auc ~ pretrain + (1|clf) + (1|numfilters) + (1|lrdecay) + (1|backbone) + (1|task)"


@pytest.fixture(scope="module")
def grid():
    return load_published_grid()


@pytest.fixture(scope="module")
def fit(grid):
    return fit_lmm(PRETRAIN, grid)


def test_factors_with_few_levels_are_named(fit):
    note = advice(fit)[0]
    assert "'clf' (4), 'numfilters' (2), 'lrdecay' (2), 'backbone' (2), 'task' (2)" in note
    assert "consider it as a fixed effect" in note


def test_the_published_grid_has_a_reversal_by_backbone(fit):
    by_backbone = next(r for r in reversals(fit) if r.other == "backbone")
    effects = dict(by_backbone.effects)
    # means over the 22 pairs of cells (printed in the original analysis: +.071 and +.047, +.007 and -.059)
    assert effects["ResNet50"] == pytest.approx((0.071 + 0.047) / 2, abs=1e-3)
    assert effects["DenseNet121"] == pytest.approx((0.007 - 0.059) / 2, abs=1e-3)
    assert by_backbone.p_value < 1e-6
    assert any("changes sign with 'backbone'" in note for note in lmm_summary(fit)["warnings"])


def test_no_reversal_where_effects_agree():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"arm": list("ab") * 60, "site": list("pppqqq") * 20, "g": np.repeat(range(12), 10)})
    effect = np.where(frame["arm"] == "b", 1.0, 0.0) * np.where(frame["site"] == "p", 1.0, 3.0)
    frame["y"] = effect + rng.normal(size=12)[frame["g"]] + 0.2 * rng.normal(size=120)
    assert reversals(fit_lmm("y ~ arm + site + (1|g)", frame)) == []
    turned = frame.assign(y=frame["y"] - 4.0 * (frame["arm"] == "b") * (frame["site"] == "p"))
    (found,) = reversals(fit_lmm("y ~ arm + site + (1|g)", turned))
    assert (found.factor, found.other, found.high, found.low) == ("arm", "site", "b", "a")
    assert dict(found.effects)["p"] < 0 < dict(found.effects)["q"]


def test_few_degrees_of_freedom_are_pointed_out(grid):
    fit = fit_lmm("test_auc ~ clf + (1|task) + (1|backbone)", grid)
    warnings = lmm_summary(fit)["warnings"]
    assert any(note.startswith("Few degrees of freedom: 'Intercept'") for note in warnings)
    assert not any("degrees" in note for note in lmm_summary(fit, df="none")["warnings"])


def test_convergence_checks_are_data(fit):
    check = convergence_check(fit)
    assert check.messages == ()
    assert check.scaled_gradient < 1e-6
    assert 0 < check.smallest_eigenvalue < check.largest_eigenvalue
    record = fit.optimiser
    assert record.converged
    assert record.end_value == fit.criterion
    assert record.start_value > record.end_value
    assert record.evaluations < 20
    np.testing.assert_array_equal(record.start, np.ones(5))


def test_a_singular_fit_is_said_in_words():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(12, 5))
    noise -= noise.mean(axis=1, keepdims=True)
    frame = pd.DataFrame({"y": noise.ravel(), "g": np.repeat(np.arange(12), 5), "x": rng.normal(size=60)})
    report = lmm_summary(fit_lmm("y ~ x + (1|g)", frame))
    assert report["singular"] is True
    assert report["warnings"][0].startswith("Singular fit: variance of Intercept in 'g' is zero")


def test_without_df_there_is_no_p_value(fit):
    row = lmm_summary(fit, df="none")["fixed"][1]
    assert row["df"] is None
    assert row["p_value"] is None
    assert row["conf_low"] == pytest.approx(row["estimate"] - 1.959964 * row["std_error"], rel=1e-6)


def test_predictions_of_the_data_are_the_fitted_values(fit, grid):
    np.testing.assert_allclose(predict(fit, grid)["estimate"], fitted_values(fit), atol=1e-12)


def test_predictions_without_random_effects_are_the_fixed_part(fit):
    table = predict(fit, pd.DataFrame({"pretrain": ["ImageNet", "RadImageNet"]}), random=False)
    np.testing.assert_allclose(table["estimate"], [fit.beta[0], fit.beta.sum()], rtol=1e-12)
    assert table["std_error"][0] == pytest.approx(fit.std_errors[0], rel=1e-12)


def test_prediction_input_is_checked(fit, grid):
    rows = grid.head(2)
    with pytest.raises(ValueError, match="Level 'CheXNet' of 'pretrain' was not in the fit"):
        predict(fit, rows.assign(pretrain="CheXNet"))
    with pytest.raises(ValueError, match="Column 'pretrain' of the model is not in the new data"):
        predict(fit, rows.drop(columns="pretrain"))
    with pytest.raises(ValueError, match="misses 2 values"):
        predict(fit, rows.assign(pretrain=None))
    with pytest.raises(ValueError, match="Level 'lung' of 'task' was not in the fit"):
        predict(fit, rows.assign(task="lung"))
    known = predict(fit, rows.assign(task="lung"), new_levels=True)["estimate"]
    assert np.isfinite(known).all()


def test_statsmodels_agrees_on_the_published_grid(fit):
    check = crosscheck(fit)
    assert check.agrees
    assert 0 <= check.criterion_statsmodels - check.criterion < 1e-4  # ours is the lower one
    assert "agrees" in check.note
    assert set(check.table["part"]) == {"fixed", "random", "residual"}


def test_statsmodels_can_be_the_engine(grid, fit):
    other = fit_lmm(PRETRAIN, grid, engine="statsmodels")
    assert other.optimiser.status == "converged by statsmodels"
    assert fit.criterion <= other.criterion < fit.criterion + 1e-4
    np.testing.assert_allclose(other.beta, fit.beta, rtol=1e-5)


def test_statsmodels_check_names_what_it_cannot_do(grid):
    with pytest.raises(ValueError, match="random intercepts only"):
        crosscheck(fit_lmm("test_auc ~ pretrain + (pretrain|clf)", grid))
    with pytest.raises(ValueError, match="does not cover weights"):
        crosscheck(fit_lmm("test_auc ~ pretrain + (1|clf)", grid, weights="fcsizeratio"))
    with pytest.raises(ValueError, match="`engine`"):
        fit_lmm(PRETRAIN, grid, engine="lme4")


def test_residual_diagnostics_describe_normal_and_skewed_residuals():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"g": np.repeat(np.arange(40), 25), "x": rng.normal(size=1000)})
    mean = frame["x"] + rng.normal(size=40)[frame["g"]]
    normal = residual_diagnostics(fit_lmm("y ~ x + (1|g)", frame.assign(y=mean + rng.normal(size=1000))))
    assert abs(normal.skewness) < 0.3  # four standard errors of 1,000 residuals
    assert normal.normal_correlation > 0.995
    assert abs(normal.spread_trend) < 0.13
    assert normal.spread_by_level["n"].sum() == 1000
    skewed = residual_diagnostics(fit_lmm("y ~ x + (1|g)", frame.assign(y=mean + rng.exponential(size=1000))))
    assert skewed.skewness > 1
    assert skewed.excess_kurtosis > 1
    assert skewed.normal_correlation < normal.normal_correlation
    assert (skewed.large["scaled"].abs() > 3).all()
    fan = mean + rng.normal(size=1000) * np.exp(0.4 * mean)
    assert residual_diagnostics(fit_lmm("y ~ x + (1|g)", frame.assign(y=fan))).spread_trend > 0.2


def test_residual_rows_point_into_the_frame(grid):
    holes = grid.assign(test_auc=grid["test_auc"].where(np.arange(len(grid)) % 7 != 0))
    fit = fit_lmm(PRETRAIN, holes)
    table = residual_frame(fit)
    observed = holes["test_auc"].to_numpy()[table["row"]]
    np.testing.assert_allclose(table["fitted"] + table["residual"], observed, rtol=1e-12)


def test_a_stray_word_among_numbers_is_pointed_out():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"g": np.repeat(list("abcdef"), 10), "x": ["0", "1", "2", "3", "4", "."] * 10})
    frame["y"] = rng.normal(size=60) + rng.normal(size=6)[np.repeat(np.arange(6), 10)]
    notes = advice(fit_lmm("y ~ x + (1|g)", frame))
    assert any("'x' is a factor with 6 levels, since it holds '.' among numbers" in note for note in notes)
    words = frame.assign(x=frame["x"].map(lambda level: f"level {level}"))
    assert not any("among numbers" in note for note in advice(fit_lmm("y ~ x + (1|g)", words)))
