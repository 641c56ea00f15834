"""The simulations of `make validate`: their generator keeps its word, and a tiny run gives rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.validation import (
    calibration_cases,
    curve_cases,
    metric_cases,
    planning_cases,
    proportion_cases,
    reliability_cases,
    report,
    roc_cases,
    tie_cases,
)
from benchmarks.validation.__main__ import MODULES
from benchmarks.validation.rates import Case, flag, rate
from benchmarks.validation.simulate import SETS, clustered_set, scores
from stats.calibration.reliability import reliability_bins
from stats.rates.thresholded import thresholded
from stats.roc.auc import AUC_INTERVALS, auc_ci
from stats.roc.delong import delong_test
from stats.roc.equivalence import auc_margin_test
from stats.roc.partial_auc import partial_auc
from stats.roc.placements import placements

REPLICATES = 4_000
FOUR_ERRORS = 4.0  # Monte Carlo: standard errors of the mean over the replicates


@pytest.mark.parametrize("auc", [0.6, 0.96])
@pytest.mark.parametrize("spread", [1.0, 2.0])
def test_scores_have_the_auc_asked_for(auc: float, spread: float) -> None:
    labels = SETS[0].labels
    rng = np.random.default_rng(1)
    table = scores(labels, auc=auc, correlation=0.5, replicates=REPLICATES, rng=rng, models=1, spread=spread)
    found = placements(labels, table).auc
    assert abs(found.mean() - auc) < FOUR_ERRORS * found.std(ddof=1) / REPLICATES**0.5


def test_models_may_have_different_aucs() -> None:
    labels = SETS[1].labels
    table = scores(labels, auc=(0.7, 0.9), correlation=0.5, replicates=500, rng=np.random.default_rng(2))
    found = placements(labels, table).auc.reshape(500, 2).mean(axis=0)
    assert np.allclose(found, [0.7, 0.9], atol=0.01)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_models_have_the_correlation_asked_for(correlation: float) -> None:
    labels = SETS[2].labels
    table = scores(labels, auc=0.8, correlation=correlation, replicates=200, rng=np.random.default_rng(3))
    noise = (table - table[labels].mean() * labels[:, None]).reshape(-1, 2)
    assert abs(np.corrcoef(noise.T)[0, 1] - correlation) < 0.02


def test_images_of_a_patient_have_the_correlation_asked_for_and_others_none() -> None:
    labels, patients = clustered_set(SETS[1], pure=False, rng=np.random.default_rng(4))
    table = scores(
        labels, auc=0.5, correlation=0.5, replicates=20_000, rng=np.random.default_rng(5), models=1,
        patients=patients, intra=0.6,
    )  # fmt: skip
    inside = np.flatnonzero(np.diff(patients) == 0)[0]
    outside = np.flatnonzero(np.diff(patients) == 1)[0]
    assert abs(np.corrcoef(table[inside], table[inside + 1])[0, 1] - 0.6) < 0.02
    assert abs(np.corrcoef(table[outside], table[outside + 1])[0, 1]) < 0.03


@pytest.mark.parametrize("images", SETS)
def test_patients_have_one_to_five_images_and_pure_ones_one_label(images) -> None:
    labels, patients = clustered_set(images, pure=True, rng=np.random.default_rng(6))
    sizes = np.bincount(patients)
    positives = np.bincount(patients, labels)
    assert labels.size == images.n
    assert set(sizes[:-1]) == {1, 2, 3, 4, 5}
    assert ((positives == 0) | (positives == sizes)).all()
    assert abs(int(labels.sum()) - images.n_positive) <= 5


@pytest.mark.parametrize("clustered", [False, True])
def test_all_sets_in_one_pass_give_what_the_public_functions_give_one_by_one(clustered: bool) -> None:
    labels, patients = clustered_set(SETS[1], pure=False, rng=np.random.default_rng(7))
    group = patients.tolist() if clustered else None
    table = scores(labels, auc=0.9, correlation=0.5, replicates=5, rng=np.random.default_rng(8))
    found = roc_cases.paired_aucs(labels, table, patients if clustered else None)
    p_margin = roc_cases.margin_p(found)
    for r in range(5):
        fit = delong_test(labels, table[:, 2 * r], table[:, 2 * r + 1], group=group)
        one = auc_ci(labels, table[:, 2 * r], group=group)
        assert found.pairs.p_value[r] == pytest.approx(fit.p_value, rel=1e-9)
        assert found.pairs.conf_low[r] == pytest.approx(fit.conf_low, rel=1e-9)
        assert found.std_error[r] == pytest.approx(one.std_error, rel=1e-9)
        margin = auc_margin_test(
            labels, table[:, 2 * r], table[:, 2 * r + 1], margin=roc_cases.MARGIN, group=group
        )
        assert p_margin[r] == pytest.approx(margin.p_value, rel=1e-9)


@pytest.mark.parametrize("method", ["mover-logit", "mover-newcombe"])
@pytest.mark.parametrize("auc", [0.8, 0.99])
def test_mover_limits_in_one_pass_are_those_of_the_library(method: str, auc: float) -> None:
    labels = SETS[0].labels
    table = scores(labels, auc=auc, correlation=0.5, replicates=12, rng=np.random.default_rng(14))
    lower = roc_cases.mover_lower(labels, table)[method]
    for r in range(12):
        fit = auc_margin_test(labels, table[:, 2 * r], table[:, 2 * r + 1], margin=0.05, method=method)
        if fit.non_inferior is not None:
            assert lower[r] == pytest.approx(fit.conf_low, rel=1e-9)


def test_every_interval_of_an_auc_is_validated() -> None:
    rows = roc_cases.auc_intervals(20, np.random.default_rng(9), images=SETS[0], auc=0.9, spread=1.0)
    assert set(AUC_INTERVALS) <= {row["method"] for row in rows}


def test_paired_tables_have_the_accuracies_asked_for() -> None:
    chances = proportion_cases.cell_chances(0.9, 0.8, 0.5)
    assert chances.sum() == pytest.approx(1.0)
    assert chances[0] + chances[1] == pytest.approx(0.9)
    assert chances[0] + chances[2] == pytest.approx(0.8)


def test_log_odds_have_the_prevalence_asked_for() -> None:
    mean = calibration_cases.mean_log_odds(0.27, 2.5)
    drawn = mean + 2.5 * np.random.default_rng(10).standard_normal(200_000)
    assert (1.0 / (1.0 + np.exp(-drawn))).mean() == pytest.approx(0.27, abs=0.005)


def test_every_file_of_cases_is_run() -> None:
    folder = Path(report.__file__).parent
    assert {path.stem for path in folder.glob("*_cases.py")} == {
        module.__name__.rpartition(".")[2] for module in MODULES
    }


@pytest.mark.parametrize("levels", tie_cases.LEVELS)
def test_graded_scores_have_the_auc_that_is_called_true(levels: int) -> None:
    labels = SETS[1].labels
    table = scores(
        labels, auc=0.8, correlation=0.0, replicates=REPLICATES, rng=np.random.default_rng(11), models=1
    )
    graded = np.searchsorted(tie_cases.cutpoints(0.8, levels), table).astype(float)
    assert len(np.unique(graded)) == levels
    found = placements(labels, graded).auc
    error = found.std(ddof=1) / REPLICATES**0.5
    assert abs(found.mean() - tie_cases.tied_auc(0.8, levels)) < FOUR_ERRORS * error


def test_the_true_partial_auc_is_that_of_many_images() -> None:
    labels = np.arange(400_000) < 200_000
    table = scores(labels, auc=0.9, correlation=0.0, replicates=1, rng=np.random.default_rng(12), models=1)
    found = partial_auc(labels, table[:, 0], low=curve_cases.LOW)
    assert found == pytest.approx(curve_cases.true_partial_auc(0.9), abs=3e-4)
    assert curve_cases.true_sensitivity(0.9, np.array([0.5]))[0] == pytest.approx(
        (table[labels, 0] > 0.0).mean(), abs=0.005
    )


def test_the_true_net_benefit_is_that_of_many_images() -> None:
    rng = np.random.default_rng(13)
    mean = calibration_cases.mean_log_odds(0.3, curve_cases.SD)
    chance = 1.0 / (1.0 + np.exp(-(mean + curve_cases.SD * rng.standard_normal(1_000_000))))
    treated, t = chance >= 0.3, 0.3
    found = (chance[treated] - t / (1.0 - t) * (1.0 - chance[treated])).sum() / chance.size
    assert curve_cases.true_net_benefit(mean, 0.3) == pytest.approx(found, abs=1e-3)


def test_the_true_calibration_error_is_that_of_many_images() -> None:
    rng = np.random.default_rng(15)
    log_odds = -1.0 + 1.5 * rng.standard_normal(400_000)
    y = rng.random(log_odds.size) < 1.0 / (1.0 + np.exp(-log_odds))
    bins = reliability_bins(y, 1.0 / (1.0 + np.exp(-log_odds / 0.5)))
    ends = np.r_[bins.low, bins.high[-1]]
    found = float(bins.count @ np.abs(bins.mean_prob - bins.observed)) / y.size
    assert found == pytest.approx(reliability_cases.true_ece(-1.0, 1.5, 0.5, ends), abs=0.004)


def test_the_true_metrics_are_those_of_the_expected_counts() -> None:
    truth = metric_cases.true_metrics(0.9, 0.8, 0.25)
    y = np.r_[np.ones(1_000), np.zeros(3_000)]
    called = np.r_[np.ones(900), np.zeros(100), np.ones(600), np.zeros(2_400)]
    found = thresholded(y, called, threshold=0.5)
    for name, value in truth.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12)


def test_the_planned_pair_has_the_aucs_asked_for() -> None:
    assert planning_cases.binormal_pair(0.8, 0.9, 0.5).aucs == pytest.approx((0.8, 0.9))


def _first_of_each_run() -> list[Case]:
    found = {case.run.__name__: case for module in MODULES for case in module.cases()}
    return list(found.values())


@pytest.mark.parametrize("case", _first_of_each_run(), ids=lambda case: case.run.__name__)
def test_a_tiny_run_gives_rates_and_the_same_ones_again(case: Case) -> None:
    tiny = Case(family=case.family, settings=case.settings, run=case.run, replicates=5, quick=3)
    rows = tiny.rows(quick=True)
    assert rows == tiny.rows(quick=True)
    assert all(0.0 <= row["rate"] <= 1.0 and np.isfinite(row["error"]) for row in rows)


def test_names_of_cases_are_unique_so_that_seeds_are() -> None:
    cases = [case for module in MODULES for case in module.cases()]
    assert len({case.name for case in cases}) == len(cases)


def test_flags_need_more_than_monte_carlo_error() -> None:
    assert flag(0.07, 0.001, 0.05) == "many"
    assert flag(0.07, 0.01, 0.05) == ""
    assert flag(0.01, 0.001, 0.05) == "few"
    assert flag(0.05, 0.001, 0.05) == ""


def _rates() -> pd.DataFrame:
    rows = [
        {"family": "auc", "n": 78, **rate([True, True, True, False], kind="coverage", method="wald", auc=auc)}
        for auc in (0.8, 0.9)
    ]
    return pd.DataFrame(rows)


def test_placeholders_are_filled_with_simulated_rates() -> None:
    words = (
        "{rate auc | method=wald, auc=0.8} and {errors auc \\| auc=0.9}, {range auc | n=78}, {max auc | n=78}"
    )
    assert report.filled(words, _rates()) == "75.0 and 25.0, 75.0, 75.0"


@pytest.mark.parametrize(
    ("words", "message"),
    [("{rate auc | auc=0.7}", "No simulated rate of 'auc'"), ("{rate auc | n=78}", "2 simulated rates")],
)
def test_a_placeholder_without_its_one_rate_stops_the_report(words: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        report.filled(words, _rates())


def test_tables_mark_what_is_outside() -> None:
    rates = _rates().assign(flag=["many", "few"])
    table = report.markdown(rates, report.Table(family="auc", rows=("n", "auc")))
    assert "| 78 | 0.8 | **75.0** |" in table
    assert "| 78 | 0.9 | *75.0* |" in table
    assert "4 sets each, Monte Carlo error at most 21.65 points" in table
