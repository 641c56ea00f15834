"""Profile intervals, likelihood-ratio tests, marginal means and contrasts against R (lmm_intervals.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.published_grid import load_published_grid
from stats.lmm import fit_lmm
from stats.lmm.contrasts import contrasts, emmeans
from stats.lmm.distributions import t_two_sided
from stats.lmm.lrt import likelihood_ratio_test
from stats.lmm.profile import profile_intervals
from stats.lmm.tukey import studentized_range_quantile, studentized_range_tail
from stats.results import RESULT_COLUMNS

FOLDER = Path(__file__).parents[2] / "golden"
GOLDEN = json.loads((FOLDER / "lmm_intervals.json").read_text())
DATA = {case["name"]: case for case in json.loads((FOLDER / "lmm_fits.json").read_text())["cases"]}

SPLINE = 2e-3  # of the interval's width: lme4 interpolates its profile and stops at loose optima
ESTIMATE = 1e-6  # relative to the largest estimate
DEGREES = 1e-3
TUKEY_P = 1e-5  # absolute: R's ptukey is exact to about 1e-8 for few df, the df differ by 1e-6


def frame_of(name):
    return pd.DataFrame(DATA[name]["data"]) if "data" in DATA[name] else load_published_grid()


@pytest.mark.parametrize("golden", GOLDEN["profiles"], ids=lambda g: g["case"])
def test_profile_intervals(golden):
    table = profile_intervals(fit_lmm(golden["formula"], frame_of(golden["case"])))
    low, high = (dict(zip(golden["names"], golden[side], strict=True)) for side in ("low", "high"))
    for row in table.itertuples():
        name = _r_parameter(row)
        width = high[name] - (low[name] or 0.0)
        assert row.conf_high == pytest.approx(high[name], abs=SPLINE * width)
        if low[name] is not None:  # lme4 gives no limit where its profile ends at zero
            assert row.conf_low == pytest.approx(low[name], abs=SPLINE * width)


def _r_parameter(row):
    if row.part == "residual":
        return "sigma"
    if row.part == "fixed":
        plain = row.term.replace("[", "").replace("]", "")
        return "(Intercept)" if plain == "Intercept" else plain
    term = row.term.replace("Intercept", "(Intercept)")
    if term.startswith("cor("):
        a, b = term.removeprefix("cor(").removesuffix(")").split(", ")
        return f"cor_{b}.{a}|{row.group}"
    return f"sd_{term}|{row.group}"


@pytest.mark.parametrize("golden", GOLDEN["lrt"], ids=lambda g: g["large"])
def test_likelihood_ratio_tests(golden):
    data = frame_of(golden["case"])
    test = likelihood_ratio_test(
        fit_lmm(golden["small"], data, reml=False), fit_lmm(golden["large"], data, reml=False)
    )
    assert test.statistic == pytest.approx(golden["statistic"], rel=1e-6)
    assert test.df == golden["df"]
    assert test.p_value == pytest.approx(golden["p_value"], rel=1e-4)
    assert (test.note is not None) == ("subject" in golden["large"])


CASES = [(block["df"], case) for block in GOLDEN["emmeans"] for case in block["cases"]]
cases = pytest.mark.parametrize(
    ("df", "case"), CASES, ids=lambda c: c if isinstance(c, str) else f"{c['case']} {c.get('by')}"
)


@pytest.fixture(scope="module")
def fits():
    return {name: fit_lmm(DATA[name]["formula"], frame_of(name)) for name in {c["case"] for _, c in CASES}}


@cases
def test_marginal_means(fits, df, case):
    table, golden = emmeans(fits[case["case"]], case["factor"], by=case.get("by"), df=df), case["means"]
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        size = np.abs(golden["estimate"]).max()
        np.testing.assert_allclose(table[column], golden[column], atol=10 * ESTIMATE * size, rtol=1e-6)
    np.testing.assert_allclose(table["df"], golden["df"], rtol=DEGREES)


KEYS = ["tukey", "holm", "sidak", "none", "control_holm", "control_sidak", "custom_none"]
TABLES = [(df, case, key) for df, case in CASES for key in KEYS if key in case]


@pytest.mark.parametrize(
    ("df", "case", "key"), TABLES, ids=lambda v: v if isinstance(v, str) else f"{v['case']} by {v.get('by')}"
)
def test_contrasts(fits, df, case, key):
    golden, adjust = case[key], key.split("_")[-1]
    kind = {"control": "treatment-vs-control", "custom": {"flat - conv": [-0.5, -0.5, 0.5, 0.5]}}
    table = contrasts(
        fits[case["case"]],
        case["factor"],
        kind=kind.get(key.split("_")[0], "pairwise"),
        adjust=adjust,
        df=df,
        by=case.get("by"),
    )
    assert list(table.columns) == list(RESULT_COLUMNS)
    assert list(table["comparison"]) == np.atleast_1d(golden["names"]).tolist()
    size = np.abs(golden["estimate"]).max()
    for ours, theirs in (("estimate", "estimate"), ("std_error", "std_error")):
        np.testing.assert_allclose(table[ours], golden[theirs], atol=ESTIMATE * size, rtol=1e-6)
    np.testing.assert_allclose(table["df"], golden["df"], rtol=DEGREES)
    np.testing.assert_allclose(table["p_adjusted"], golden["p"], rtol=1e-4, atol=TUKEY_P)
    np.testing.assert_allclose(table["conf_low"], golden["conf_low"], atol=1e-4 * size)
    np.testing.assert_allclose(table["conf_high"], golden["conf_high"], atol=1e-4 * size)
    if golden.get("by"):
        assert list(table["family"]) == [
            f"{case['factor']} | {case['by']} = {level}" for level in golden["by"]
        ]


def test_contrast_rows_name_their_arms_and_means(fits):
    table = contrasts(fits["grid clf"], "clf", adjust="holm")
    first = table.iloc[1]
    assert (first["arm_a"], first["arm_b"], first["comparison"]) == ("Conv", "Linear", "Conv - Linear")
    assert first["estimate"] == pytest.approx(first["estimate_a"] - first["estimate_b"], rel=1e-12)
    assert table["planned"].all()


def test_studentized_range_has_relative_accuracy_in_the_tail():
    from scipy.stats import studentized_range

    assert studentized_range_tail(4.0, 3, 5.3) == pytest.approx(studentized_range.sf(4.0, 3, 5.3), rel=1e-9)
    assert studentized_range_quantile(0.95, 4, 157.45) == pytest.approx(3.672259728, abs=1e-8)
    assert 0 < studentized_range_tail(27.06, 4, 165.0) < 1e-40


def test_studentized_range_of_two_means_is_t():
    for statistic, df in ((2.5, 20.0), (0.3, 4.5), (9.0, 8.0), (3.0, 1.3)):
        expected = float(t_two_sided(statistic, df))
        assert studentized_range_tail(np.sqrt(2) * statistic, 2, df) == pytest.approx(expected, rel=1e-9)
