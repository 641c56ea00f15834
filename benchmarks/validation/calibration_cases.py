"""Calibration intercept and slope, Brier score and Spiegelhalter's test."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from benchmarks.validation.rates import Case, Row, crossed, many, rate
from benchmarks.validation.simulate import SETS, Floats, ImageSet
from stats.calibration.brier_tests import brier_difference_test, brier_score, spiegelhalter_test
from stats.calibration.calibration import calibration

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
NOISE = 0.7  # of each of two models' log-odds around the true ones


def mean_log_odds(prevalence: float, sd: float) -> float:
    """Return the mean of normal log-odds that gives the prevalence."""
    return float(brentq(lambda mean: WEIGHTS @ expit(mean + sd * NODES) - prevalence, -20.0, 20.0))


def logistic(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, sd: float, slope: float
) -> list[Row]:
    """Coverage of slope, intercept, calibration-in-the-large and Brier score; size of the tests at slope 1.

    True log-odds are normal with deviation `sd`; the model says true log-odds / slope.
    """
    mean = mean_log_odds(images.n_positive / images.n, sd)
    truth = expit(mean + sd * NODES)
    said = expit((mean + sd * NODES) / slope)
    brier = float(WEIGHTS @ (truth * (1.0 - said) ** 2 + (1.0 - truth) * said**2))
    prevalence = float(WEIGHTS @ truth)
    scaled = 1.0 - brier / (prevalence * (1.0 - prevalence))
    wanted = {"slope": slope, "intercept": 0.0, "Brier score": brier, "scaled Brier score": scaled}
    hits: dict[str, list[bool]] = {name: [] for name in wanted}
    tests: dict[str, list[bool]] = {name: [] for name in ("in the large", "joint test", "Spiegelhalter")}
    for _ in range(replicates):
        y, log_odds = _labels(images.n, mean, sd, rng)
        prob = expit(log_odds / slope)
        fit, score = calibration(y, prob, logit=log_odds / slope), brier_score(y, prob)
        found = (
            (fit.slope.conf_low, fit.slope.conf_high),
            (fit.intercept.conf_low, fit.intercept.conf_high),
            (score.conf_low, score.conf_high),
            (score.scaled_low, score.scaled_high),
        )
        for (name, value), (low, high) in zip(wanted.items(), found, strict=True):
            hits[name].append(low <= value <= high)
        p = (fit.in_the_large.p_value, fit.joint_p, spiegelhalter_test(y, prob).p_value)
        for name, value in zip(tests, p, strict=True):
            tests[name].append(value < 0.05)
    settings: Row = {"n": images.n, "sd": sd, "slope": slope}
    rows = [rate(h, kind="coverage", method=m, **settings) for m, h in hits.items()]
    if slope == 1.0:
        rows += [rate(h, kind="size", method=m, **settings) for m, h in tests.items()]
    return rows


def brier_pairs(replicates: int, rng: np.random.Generator, *, images: ImageSet, sd: float) -> list[Row]:
    """Size of the paired Brier test: two models whose log-odds are the true ones with independent noise."""
    mean = mean_log_odds(images.n_positive / images.n, sd)
    hits = []
    for _ in range(replicates):
        y, log_odds = _labels(images.n, mean, sd, rng)
        a, b = expit(log_odds + NOISE * rng.standard_normal((2, images.n)))
        hits.append(brier_difference_test(y, a, b).p_value < 0.05)
    settings: Row = {"n": images.n, "sd": sd, "slope": 1.0}
    return [rate(hits, kind="size", method="Brier difference", **settings)]


def cases() -> list[Case]:
    """Return all cases of this file."""
    settings = crossed(images=SETS, sd=(1.0, 2.5), slope=(1.0, 0.5))
    return [
        *many("calibration", logistic, settings, 4_000, 20),
        *many("calibration", brier_pairs, crossed(images=SETS, sd=(1.0, 2.5)), 4_000, 20),
    ]


def _labels(n: int, mean: float, sd: float, rng: np.random.Generator) -> tuple[np.ndarray, Floats]:
    """Labels with both classes, and their true log-odds."""
    while True:
        log_odds = mean + sd * rng.standard_normal(n)
        y = rng.random(n) < expit(log_odds)
        if y.any() and not y.all():
            return y, log_odds
