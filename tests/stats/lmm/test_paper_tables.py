"""Every number of the paper's Tables 4, 5, 11 and 12 as printed, from the published grid."""

import numpy as np
import pytest

from data.published_grid import load_published_grid
from stats.lmm import fit_lmm
from stats.lmm.summary import lmm_summary

PRETRAIN = "test_auc ~ pretrain + (1|clf) + (1|numfilters) + (1|lrdecay) + (1|backbone) + (1|task)"
HEAD = "test_auc ~ clf + (1|task)+(1|pretrain)+(1|backbone)+(1|lrdecay)+(1|numfilters)"

# Printed text, and how many units of its last digit may differ. Zero but for the cells where the paper's
# optimiser stopped short of the optimum; R's own (nloptwrap, bobyqa, Nelder-Mead) disagree there too.
STOPPED_SHORT = {
    # the optimum is 6.9646e-5; no optimiser of lme4 1.1-31 gives the printed 6.962e-5
    ("pretrain", "lrdecay variance"): 3,
    ("pretrain", "lrdecay sd"): 1,
    ("pretrain", "residual median"): 1,
    ("head", "Intercept statistic"): 1,
    ("head", "Intercept p_value"): 2,
    ("head", "pretrain variance"): 1,
    ("head", "lrdecay variance"): 3,
    ("head", "lrdecay sd"): 2,
    ("head", "residual q3"): 1,
}

PRINTED = {
    "pretrain": {
        # Table 4
        "Intercept estimate": "0.738",
        "Intercept p_value": "0.0006",
        "pretrain[RadImageNet] estimate": "0.016",
        "pretrain[RadImageNet] p_value": "0.0543",
        "n": "176",
        # Table 11
        "Intercept std_error": "0.088",
        "Intercept df": "4.58",
        "Intercept statistic": "8.341",
        "pretrain[RadImageNet] std_error": "0.008",
        "pretrain[RadImageNet] df": "167",
        "pretrain[RadImageNet] statistic": "1.938",
        "clf variance": "0.02370",
        "clf sd": "0.15394",
        "numfilters variance": "0.0002393",
        "numfilters sd": "0.01547",
        "lrdecay variance": "0.00006962",
        "lrdecay sd": "0.008344",
        "backbone variance": "0.001712",
        "backbone sd": "0.04137",
        "task variance": "0.001690",
        "task sd": "0.04111",
        "Residual variance": "0.003158",
        "Residual sd": "0.05620",
        "criterion": "-471.7",
        "residual min": "-3.4535",
        "residual q1": "-0.6725",
        "residual median": "0.0553",
        "residual q3": "0.6873",
        "residual max": "4.5190",
    },
    "head": {
        # Table 5
        "Intercept estimate": "0.829",
        "Intercept p_value": "0.000983",
        "clf[ConvSkip] estimate": "0.018",
        "clf[ConvSkip] p_value": "0.0755",
        "clf[Linear] estimate": "-0.313",
        "clf[NonLinear] estimate": "-0.038",
        "clf[NonLinear] p_value": "0.0036",
        "n": "176",
        # Table 12
        "Intercept std_error": "0.044",
        "Intercept df": "2.48",
        "Intercept statistic": "18.777",
        "clf[ConvSkip] std_error": "0.010",
        "clf[ConvSkip] df": "167",
        "clf[ConvSkip] statistic": "1.788",
        "clf[Linear] std_error": "0.016",
        "clf[Linear] df": "165",
        "clf[Linear] statistic": "-19.135",
        "clf[NonLinear] std_error": "0.013",
        "clf[NonLinear] df": "157",
        "clf[NonLinear] statistic": "-2.954",
        "task variance": "0.00169",
        "task sd": "0.04111",
        "pretrain variance": "0.00009892",
        "pretrain sd": "0.009946",
        "backbone variance": "0.001712",
        "backbone sd": "0.04137",
        "lrdecay variance": "0.00006961",
        "lrdecay sd": "0.008343",
        "numfilters variance": "0.0002303",
        "numfilters sd": "0.015175",
        "Residual variance": "0.003159",
        "Residual sd": "0.05620",
        "criterion": "-475.7",
        "residual min": "-3.4584",
        "residual q1": "-0.6522",
        "residual median": "0.0902",
        "residual q3": "0.7033",
        "residual max": "4.5135",
    },
}
CELLS = [(table, cell) for table, cells in PRINTED.items() for cell in cells]


@pytest.fixture(scope="module")
def reports():
    grid = load_published_grid()
    return {"pretrain": lmm_summary(fit_lmm(PRETRAIN, grid)), "head": lmm_summary(fit_lmm(HEAD, grid))}


def value_of(report, cell):
    if cell in report:
        return report[cell]
    name, _, what = cell.rpartition(" ")
    if name == "residual":
        return report["scaled_residuals"][what]
    if name == "Residual":
        return report["residual_variance"] ** (0.5 if what == "sd" else 1.0)
    for row in report["random"]:
        if row["group"] == name:
            return row["std_dev" if what == "sd" else what]
    return next(row for row in report["fixed"] if row["term"] == name)[what]


def units_apart(value, printed):
    digits = len(printed.partition(".")[2])
    return abs(round(float(f"{value:.{digits}f}") * 10**digits) - round(float(printed) * 10**digits))


@pytest.mark.parametrize(("table", "cell"), CELLS)
def test_number_as_printed(reports, table, cell):
    value, printed = value_of(reports[table], cell), PRINTED[table][cell]
    assert units_apart(value, printed) <= STOPPED_SHORT.get((table, cell), 0), f"{value!r} for {printed}"


def test_linear_head_p_is_below_the_printed_limit(reports):
    assert value_of(reports["head"], "clf[Linear] p_value") < 2e-16


def test_the_exceptions_are_needed(reports):
    """A cell that comes out as printed must not stay in the list of exceptions."""
    for (table, cell), allowed in STOPPED_SHORT.items():
        assert units_apart(value_of(reports[table], cell), PRINTED[table][cell]) == allowed


def test_fits_are_converged_and_not_singular(reports):
    for report in reports.values():
        assert report["converged"] is True
        assert report["singular"] is False
        assert all("hardly identified" in note for note in report["warnings"][:1])


def test_groups_list_their_levels(reports):
    assert reports["pretrain"]["groups"] == {
        "clf": 4,
        "numfilters": 2,
        "lrdecay": 2,
        "backbone": 2,
        "task": 2,
    }
    assert np.isclose(reports["pretrain"]["criterion"], -471.65899, atol=5e-6)
    assert np.isclose(reports["head"]["criterion"], -475.73412, atol=5e-6)
