"""What emmeans averages at the edges, and answers that must be NaN or refused (tests/golden/lmm_edges.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stats.lmm import fit_lmm
from stats.lmm.anova import anova
from stats.lmm.checks import advice
from stats.lmm.contest import f_test, fixed_effects
from stats.lmm.contrasts import contrasts, emmeans
from stats.lmm.distributions import t_two_sided
from stats.lmm.lrt import likelihood_ratio_test
from stats.lmm.predict import predict
from stats.lmm.random_effects import fitted_values, scaled_residuals
from stats.lmm.tukey import studentized_range_quantile, studentized_range_tail

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "lmm_edges.json").read_text())
DATA = pd.DataFrame(GOLDEN["emmeans_data"])
MEANS, DEGREES, PROBABILITY = 1e-6, 1e-3, 1e-4  # relative, as in test_golden_fits.py


@pytest.mark.parametrize("case", GOLDEN["emmeans"], ids=lambda case: f"{case['formula']} {case['offset']}")
def test_means_and_contrasts_as_emmeans(case):
    """Empty cells are NaN row by row, covariates of two values average equally, the offset has its mean."""
    fit = fit_lmm(case["formula"], DATA, offset=case["offset"])
    means = emmeans(fit, case["factor"])
    assert means["level"].tolist() == case["level"]
    for name, tolerance in (("estimate", MEANS), ("std_error", MEANS), ("df", DEGREES)):
        np.testing.assert_allclose(means[name], np.array(case[name], dtype=float), rtol=tolerance)
    rows = contrasts(fit, case["factor"], adjust="tukey")
    assert rows["comparison"].tolist() == case["contrast"]
    for name, golden, tolerance in (
        ("estimate", "difference", MEANS),
        ("std_error", "difference_se", MEANS),
        ("df", "difference_df", DEGREES),
        ("p_adjusted", "p_adjusted", PROBABILITY),
    ):
        np.testing.assert_allclose(rows[name], np.array(case[golden], dtype=float), rtol=tolerance, atol=1e-9)


def test_an_aliased_term_has_an_empty_row_in_both_codings():
    for coding in ("treatment", "sum"):
        table = anova(fit_lmm("y ~ a + x + x2 + (1|g)", DATA, coding=coding))
        alone = anova(fit_lmm("y ~ a + x + (1|g)", DATA, coding=coding))
        np.testing.assert_allclose(table["statistic"][:2], alone["statistic"], rtol=1e-9)
        assert table["df1"].tolist() == [3, 1, 0]
        assert np.isnan(table["p_value"][2])


def test_predictions_without_data_are_nan():
    fit = fit_lmm("y ~ a * b + x + (1|g)", DATA)
    new = pd.DataFrame({"a": ["a3", "a3"], "b": ["b2", "b1"], "x": [0.0, 0.0], "g": ["g1", "g1"]})
    assert predict(fit, new)["estimate"].isna().tolist() == [True, False]
    twice = fit_lmm("y ~ a + x + x2 + (1|g)", DATA)
    other = pd.DataFrame({"a": ["a1", "a1"], "x": [1.0, 1.0], "x2": [2.0, 100.0], "g": ["g1", "g1"]})
    assert predict(twice, other)["estimate"].isna().tolist() == [False, True]


def test_predicting_the_fixed_part_needs_no_column_of_the_random_part():
    data = DATA.assign(z=np.sin(np.arange(len(DATA))))
    fit = fit_lmm("y ~ a + (1 + z|g)", data)
    assert predict(fit, data[["a"]], random=False)["estimate"].notna().all()


def test_crossed_groups_whose_joined_names_coincide_stay_apart():
    rng = np.random.default_rng(2)
    cells = [("x:y", "z"), ("x", "y:z"), ("x", "z"), ("w", "z"), ("w", "y:z")]
    frame = pd.DataFrame([{"u": u, "v": v} for u, v in cells for _ in range(6)])
    frame["t"] = rng.normal(size=len(frame))
    frame["y"] = np.repeat([5.0, -5.0, 1.0, 0.0, 2.0], 6) + rng.normal(size=len(frame))
    fit = fit_lmm("y ~ t + (1|u:v)", frame)
    np.testing.assert_allclose(predict(fit, frame)["estimate"], fitted_values(fit), rtol=1e-10)


def test_tests_of_models_with_other_weights_are_refused():
    data = DATA.assign(w=1.0 + np.arange(len(DATA)) % 3)
    small, large = (fit_lmm(f, data, reml=False) for f in ("y ~ 1 + (1|g)", "y ~ x + (1|g)"))
    weighted = fit_lmm("y ~ x + (1|g)", data, reml=False, weights="w")
    with pytest.raises(ValueError, match="different weights"):
        likelihood_ratio_test(small, weighted)
    assert likelihood_ratio_test(small, large).df == 1


def test_a_variance_that_the_fixed_effects_take_up_is_refused():
    data = DATA.assign(site=DATA["g"].map({f"g{i}": f"s{i}" for i in range(1, 7)}))
    with pytest.raises(ValueError, match="determine every effect of the random term of 'g'"):
        fit_lmm("y ~ site + x + (1|g)", data)


def test_a_covariate_far_from_zero_is_refused_as_a_slope_and_its_centre_fits():
    data = DATA.assign(year=2000.0 + np.arange(len(DATA)) % 7)
    with pytest.raises(ValueError, match=r"nearly determine each other.*subtract the mean first"):
        fit_lmm("y ~ year + (year|g)", data)
    centred = data.assign(year=data["year"] - data["year"].mean())
    assert fit_lmm("y ~ year + (year|g)", centred).converged


def test_no_reversal_is_sought_where_an_interaction_takes_all_rows():
    """4 x 4 Latin square: treatment by row has as many columns as rows."""
    square = pd.DataFrame(
        [{"row": f"r{i}", "col": f"c{j}", "trt": "ABCD"[(i + j) % 4]} for i in range(4) for j in range(4)]
    )
    square["y"] = np.random.default_rng(1).normal(size=16)
    notes = advice(fit_lmm("y ~ trt + (1|row) + (1|col)", square))
    assert not any("changes sign" in note for note in notes)


def test_residuals_solve_the_normal_equations_beside_a_zero_variance():
    """X'r = 0 for the residuals r of a mixed model, also where one theta is near 1000 and another is 0."""
    rng = np.random.default_rng(12)
    g, h = np.repeat(np.arange(6), 15), np.tile(np.arange(5), 18)
    frame = pd.DataFrame({"g": [f"g{i}" for i in g], "h": [f"h{i}" for i in h], "x": rng.normal(size=90)})
    noise = rng.normal(size=90)
    noise -= pd.Series(noise).groupby(h).transform("mean").to_numpy()
    frame["y"] = 1000.0 * rng.normal(size=6)[g] + frame["x"] + noise
    fit = fit_lmm("y ~ x + (1|g) + (1|h)", frame)
    assert fit.singular
    assert fit.theta.max() > 300
    residuals = scaled_residuals(fit)
    # The solve loses eps times its condition (15 theta^2), times theta in the fitted values, summed over 90
    # rows: 1e-3 without AVX-512. Residuals that cancel are off by tens.
    assert np.abs(fit.design.X.T @ residuals).max() < 1e-2
    assert 0.8 < residuals.std() < 1.1


def test_few_df_give_no_number_rather_than_a_wrong_one():
    assert np.isnan(t_two_sided([0.0, 2.0], [0.0, -1.0])).all()
    for df in (float("nan"), 0.5, 0.0, -1.0):
        assert np.isnan(studentized_range_tail(3.0, 3, df))
        assert np.isnan(studentized_range_quantile(0.95, 3, df))
    assert np.isnan(studentized_range_tail(float("nan"), 3, 10.0))
    assert np.isfinite(studentized_range_quantile(0.95, 3, 1.0))


def test_empty_requests_are_refused():
    fit = fit_lmm("y ~ a + (1|g)", DATA)
    with pytest.raises(ValueError, match="`kind` holds no contrast"):
        contrasts(fit, "a", kind={})
    with pytest.raises(ValueError, match="`L` holds zeros only"):
        f_test(fit, np.zeros((1, 4)))


def test_whole_number_df_come_out_whole():
    """Five blocks of two treatments have 4 df, three groups 2 df, by every method."""
    cases = {case["name"]: case for case in GOLDEN["cases"]}
    for name, df in (("four df", 4.0), ("two df", 2.0)):
        fit = fit_lmm(cases[name]["formula"], pd.DataFrame(cases[name]["data"]))
        for method in ("satterthwaite", "kenward-roger"):
            assert fixed_effects(fit, df=method).df[-1] == pytest.approx(df, rel=1e-9)
