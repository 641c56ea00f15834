"""MOVER limits of a difference of two AUCs, and the test of a margin by them, against R."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from stats.roc.auc import auc_ci
from stats.roc.delong import delong
from stats.roc.equivalence import METHODS, auc_margin_test
from stats.roc.mover import INTERVALS, mover_difference

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "mover.json").read_text())
CLOSED_FORM = 1e-9  # relative; Newcombe's limits are roots in both languages
Z = float(ndtri(0.975))


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"n = {len(case['y'])}")
def test_limits_and_statistic_against_r(case: dict, interval: str) -> None:
    scores = np.array(case["scores"])
    fit = auc_margin_test(
        case["y"], scores[:, 0], scores[:, 1], margin=case["margin"], method=f"mover-{interval}"
    )
    wanted = case[interval]
    assert (fit.conf_low, fit.conf_high) == pytest.approx((wanted["low"], wanted["high"]), rel=CLOSED_FORM)
    assert fit.statistic_lower == pytest.approx(wanted["statistic"], rel=1e-7)
    assert fit.p_lower == pytest.approx(ndtr(-wanted["statistic"]), rel=1e-6)


def simulated(seed: int, shift: tuple[float, float], n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3 == 0
    common = rng.normal(size=(n, 1))
    return labels, 0.6 * common + 0.8 * rng.normal(size=(n, 2)) + np.outer(labels, shift)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_the_verdict_agrees_with_the_limit(method: str, seed: int) -> None:
    labels, scores = simulated(seed, (1.5, 2.0))
    fit = auc_margin_test(labels, scores[:, 0], scores[:, 1], margin=0.05, method=method, goal="equivalence")
    assert fit.non_inferior == (fit.conf_low > -0.05)
    assert fit.equivalent == (fit.conf_low > -0.05 and fit.conf_high < 0.05)


@pytest.mark.parametrize("interval", INTERVALS)
def test_testing_at_a_limit_returns_its_level(interval: str) -> None:
    labels, scores = simulated(3, (1.2, 1.9))
    fit = delong(labels, scores)
    found = mover_difference(fit, interval=interval, pairs=30)
    low, high = found.limits(Z)
    assert found.statistic(low) == pytest.approx(Z, rel=1e-9)
    assert found.statistic(high) == pytest.approx(-Z, rel=1e-9)


def test_swapping_the_models_mirrors_the_limits() -> None:
    labels, scores = simulated(4, (1.0, 2.0))
    one = mover_difference(delong(labels, scores), pairs=30).limits(Z)
    other = mover_difference(delong(labels, scores[:, ::-1]), pairs=30).limits(Z)
    assert one == pytest.approx((-other[1], -other[0]), rel=1e-12)


def test_far_from_the_ends_the_limits_are_delongs() -> None:
    labels, scores = simulated(5, (0.3, 0.5), n=30_000)
    fit = delong(labels, scores)
    low, high = mover_difference(fit, pairs=10_000).limits(Z)
    assert (low, high) == pytest.approx((fit.pairs.conf_low[0], fit.pairs.conf_high[0]), abs=2e-5)


def test_a_perfect_model_enters_with_its_exact_bound() -> None:
    labels, scores = simulated(6, (1.0, 1.5))
    perfect = np.column_stack([scores[:, 0], labels.astype(float)])
    found = mover_difference(delong(labels, perfect), pairs=30)
    bound = auc_ci(labels, perfect[:, 1], conf_level=0.975).bound_low
    assert found.limits_b(Z) == pytest.approx((bound, 1.0), rel=1e-12)
    assert found.correlation == 0.0
    assert found.limits(Z)[1] > found.difference


def test_patients_are_clustered_and_not_newcombes() -> None:
    labels, scores = simulated(7, (1.2, 1.6))
    patients = [i // 3 for i in range(90)]
    plain = auc_margin_test(labels, scores[:, 0], scores[:, 1], margin=0.1, method="mover-logit")
    fit = auc_margin_test(
        labels, scores[:, 0], scores[:, 1], margin=0.1, method="mover-logit", group=patients
    )
    assert fit.n_groups == 30
    assert fit.method == "MOVER of logit limits (Obuchowski clustered paired)"
    assert fit.conf_low != plain.conf_low
    with pytest.raises(ValueError, match="with patients use interval='logit'"):
        auc_margin_test(
            labels, scores[:, 0], scores[:, 1], margin=0.1, method="mover-newcombe", group=patients
        )


def test_identical_curves_have_no_verdict_by_any_method() -> None:
    labels, scores = simulated(8, (1.2, 1.6))
    for method in METHODS:
        fit = auc_margin_test(labels, scores[:, 0], scores[:, 0], margin=0.1, method=method)
        assert fit.non_inferior is None
        assert np.isnan(fit.p_value)


def test_other_numbers_of_models_and_methods_are_refused() -> None:
    labels, scores = simulated(9, (1.2, 1.6))
    with pytest.raises(ValueError, match="1 models came; a difference needs 2"):
        mover_difference(delong(labels, scores[:, :1]), pairs=30)
    with pytest.raises(ValueError, match="'mover-logit'"):
        auc_margin_test(labels, scores[:, 0], scores[:, 1], margin=0.1, method="wald")
