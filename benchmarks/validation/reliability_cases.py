"""The calibration error with its test, and calibration curves, of logistic models with known truth."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from benchmarks.validation.calibration_cases import _labels, mean_log_odds
from benchmarks.validation.rates import Case, Row, crossed, holds, many, rate
from benchmarks.validation.simulate import SETS, Floats, ImageSet
from stats.calibration.calibration import calibration
from stats.calibration.curves import logistic_calibration_curve, smooth_calibration_curve
from stats.calibration.reliability import expected_calibration_error, reliability_bins

RESAMPLES = 499
LOWESS_RESAMPLES = 199
POINTS = (0.2, 0.4, 0.6)
_GRID = np.linspace(-8.0, 8.0, 16_001)  # of standard normals
_MASS = np.exp(-_GRID * _GRID / 2.0) / np.exp(-_GRID * _GRID / 2.0).sum()


def true_ece(mean: float, sd: float, slope: float, ends: Floats) -> float:
    """Return the calibration error of all images in the bins between `ends`, the outer bins open."""
    said, risk = expit((mean + sd * _GRID) / slope), expit(mean + sd * _GRID)
    bin_of = np.searchsorted(ends[1:-1], said, side="right")
    return float(np.abs(np.bincount(bin_of, _MASS * (said - risk))).sum())


def calibration_error(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, sd: float, slope: float, bins: str
) -> list[Row]:
    """Coverage of the interval of the calibration error in bins of each set; size or power of the test."""
    mean = mean_log_odds(images.n_positive / images.n, sd)
    inside, rejected, plain, debiased, truths = [], [], [], [], []
    for _ in range(replicates):
        y, log_odds = _labels(images.n, mean, sd, rng)
        prob = expit(log_odds / slope)
        fit = expected_calibration_error(y, prob, bins=bins, rng=rng, n_resamples=RESAMPLES)
        table = reliability_bins(y, prob, bins=bins)
        truth = true_ece(mean, sd, slope, np.r_[table.low, table.high[-1]])
        inside.append(fit.conf_low <= truth + 1e-9 and truth <= fit.conf_high)
        rejected.append(fit.p_value < 0.05)
        plain.append(fit.ece)
        debiased.append(fit.ece_debiased)
        truths.append(truth)
    settings: Row = {"n": images.n, "sd": sd, "slope": slope, "bins": bins}
    settings |= {"truth": float(np.mean(truths)), "plain": float(np.mean(plain))}
    settings["debiased"] = float(np.mean(debiased))
    return [
        rate(inside, kind="coverage", method="interval of the ECE", **settings),
        rate(rejected, kind="size" if slope == 1.0 else "power", method="test of calibration", **settings),
    ]


def curves(replicates: int, rng: np.random.Generator, *, images: ImageSet, slope: float) -> list[Row]:
    """Pointwise coverage of the logistic and of the lowess calibration curve; the truth is logistic."""
    mean = mean_log_odds(images.n_positive / images.n, 1.0)
    at = np.array(POINTS)
    truth = expit(slope * np.log(at / (1.0 - at)))
    hits: dict[str, list[np.ndarray]] = {"logistic": [], "lowess": []}
    for _ in range(replicates):
        y, log_odds = _labels(images.n, mean, 1.0, rng)
        prob = expit(log_odds / slope)
        one = logistic_calibration_curve(calibration(y, prob), at=at)
        hits["logistic"].append(holds(one.conf_low, one.conf_high, truth))
        where = at[(at > prob.min()) & (at < prob.max())]
        two = smooth_calibration_curve(y, prob, at=where, rng=rng, n_resamples=LOWESS_RESAMPLES)
        held = np.zeros(at.size)
        held[np.isin(at, where)] = holds(two.conf_low, two.conf_high, truth[np.isin(at, where)])
        hits["lowess"].append(held)
    return [
        rate(np.array(h)[:, i], kind="coverage", method=name, n=images.n, slope=slope, probability=p)
        for name, h in hits.items()
        for i, p in enumerate(POINTS)
    ]


def cases() -> list[Case]:
    """Return all cases of this file."""
    errors = crossed(images=SETS, sd=(1.0,), slope=(1.0, 0.5), bins=("quantile", "width"))
    return [
        *many("calibration curve", curves, crossed(images=SETS[1:], slope=(1.0, 0.5)), 200, 5),
        *many("ece", calibration_error, errors, 600, 5),
    ]
