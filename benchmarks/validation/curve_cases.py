"""Parts of ROC curves, bands around whole curves, and decision curves."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit, ndtr, ndtri

from benchmarks.validation.calibration_cases import mean_log_odds
from benchmarks.validation.rates import Case, Row, crossed, many, rate
from benchmarks.validation.simulate import SETS, Floats, ImageSet, scores
from stats.calibration.decision import TREAT_ALL, decision_curve
from stats.roc.bands import BAND_GRID, BANDS, roc_band
from stats.roc.operating_point import operating_point_test
from stats.roc.partial_auc import partial_auc_ci, partial_auc_test

RESAMPLES = 499
LOW = 0.8  # partial areas lie between this specificity and 1
SPECIFICITY = 0.9
THRESHOLDS = (0.1, 0.3, 0.5)
SD = 1.5  # of the true log-odds of decision curves


def true_sensitivity(auc: float, specificity: Floats) -> Floats:
    """Return the sensitivity of the binormal curve with equal spread."""
    return ndtr(math.sqrt(2.0) * ndtri(auc) - ndtri(specificity))


def true_partial_auc(auc: float) -> float:
    """Return the area under the binormal curve between specificity LOW and 1."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    at = LOW + (1.0 - LOW) * (nodes + 1.0) / 2.0
    return float(weights @ true_sensitivity(auc, at)) * (1.0 - LOW) / 2.0


def partial_areas(replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float) -> list[Row]:
    """Coverage of the partial AUC's interval; size of the tests of two equal curves, correlated 0.5."""
    labels, truth = images.labels, true_partial_auc(auc)
    table = scores(labels, auc=auc, correlation=0.5, replicates=replicates, rng=rng)
    held, across, area_p, point_p = [], [], [], []
    options = {"rng": rng, "n_resamples": RESAMPLES}
    for a, b in table.reshape(labels.size, replicates, 2).transpose(1, 2, 0):
        fit = partial_auc_ci(labels, a, low=LOW, **options)
        held.append(fit.conf_low <= truth <= fit.conf_high)
        # equal spreads: the curve is its own mirror image, so that both areas are equal
        other = partial_auc_ci(labels, a, low=LOW, focus="sensitivity", **options)
        across.append(other.conf_low <= truth <= other.conf_high)
        area_p.append(partial_auc_test(labels, a, b, low=LOW, **options).p_value)
        point_p.append(operating_point_test(labels, a, b, specificity=SPECIFICITY, **options).p_value)
    settings: Row = {"n": images.n, "auc": auc}
    return [
        rate(held, kind="coverage", method="partial AUC over specificity", **settings),
        rate(across, kind="coverage", method="partial AUC over sensitivity", **settings),
        rate(np.array(area_p) < 0.05, kind="size", method="test of two partial AUCs", **settings),
        rate(np.array(point_p) < 0.05, kind="size", method="test of two sensitivities", **settings),
    ]


def bands(replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float) -> list[Row]:
    """Chance that a simultaneous band holds the whole true curve, read at 101 specificities."""
    labels, truth = images.labels, true_sensitivity(auc, BAND_GRID)
    table = scores(labels, auc=auc, correlation=0.0, replicates=replicates, rng=rng, models=1)
    held: dict[str, list[bool]] = {name: [] for name in BANDS}
    width: dict[str, list[float]] = {name: [] for name in BANDS}
    for score in table.T:
        for name in BANDS:
            band = roc_band(labels, score, band=name, rng=rng, n_resamples=RESAMPLES)
            held[name].append(bool(np.all((band.conf_low <= truth) & (truth <= band.conf_high))))
            width[name].append(float((band.conf_high - band.conf_low).mean()))
    settings: Row = {"n": images.n, "auc": auc}
    return [
        rate(held[name], kind="coverage", method=name, width=float(np.mean(width[name])), **settings)
        for name in BANDS
    ]


def true_net_benefit(mean: float, threshold: float) -> float:
    """Return the net benefit of the true chances, log-odds normal with mean and SD, at a threshold."""
    edge = math.log(threshold / (1.0 - threshold))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    top = mean + 9.0 * SD
    x = edge + (top - edge) * (nodes + 1.0) / 2.0
    density = np.exp(-0.5 * ((x - mean) / SD) ** 2) / (SD * math.sqrt(2.0 * math.pi))
    p = expit(x)
    odds = threshold / (1.0 - threshold)
    return float(weights @ (density * (p - odds * (1.0 - p)))) * (top - edge) / 2.0


def net_benefit(replicates: int, rng: np.random.Generator, *, images: ImageSet) -> list[Row]:
    """Coverage of the pointwise bands of the net benefit of the true chances, and of its gain on treat all.

    The gain is told once for all sets and once for those in which the two differ on enough positive images.
    """
    mean = mean_log_odds(images.n_positive / images.n, SD)
    held: dict[float, list[bool]] = {threshold: [] for threshold in THRESHOLDS}
    gained: dict[float, list[tuple[bool, bool]]] = {threshold: [] for threshold in THRESHOLDS}
    prevalence = images.n_positive / images.n
    for _ in range(replicates):
        log_odds = mean + SD * rng.standard_normal(images.n)
        y = np.log(rng.random(images.n)) < -np.logaddexp(0.0, -log_odds)
        if y.all() or not y.any():
            continue
        fit = decision_curve(
            y,
            expit(log_odds)[:, None],
            names=("model",),
            thresholds=THRESHOLDS,
            n_resamples=RESAMPLES,
            rng=rng,
        )
        found = fit.to_frame()
        for row in found[found["strategy"] == "model"].itertuples():
            truth = true_net_benefit(mean, row.threshold)
            held[row.threshold].append(row.net_benefit_low <= truth <= row.net_benefit_high)
        for threshold, row in zip(THRESHOLDS, fit.difference("model", TREAT_ALL), strict=True):
            treat_all = prevalence - threshold / (1.0 - threshold) * (1.0 - prevalence)
            truth = true_net_benefit(mean, threshold) - treat_all
            enough = "positive images only" not in str(row.note)
            gained[threshold].append((row.conf_low <= truth <= row.conf_high, enough))
    rows = [
        rate(hits, kind="coverage", method=f"threshold {threshold:g}", what="net benefit", n=images.n)
        for threshold, hits in held.items()
    ]
    for threshold, pairs in gained.items():
        named: Row = {"method": f"threshold {threshold:g}", "n": images.n, "kind": "coverage"}
        rows.append(rate([hit for hit, _ in pairs], what="gain", **named))
        told = [hit for hit, enough in pairs if enough]
        if len(told) > 0.05 * len(pairs):
            rows.append(rate(told, what="gain without the note", **named))
    return rows


def cases() -> list[Case]:
    """Return all cases of this file."""
    small = crossed(images=SETS[:2], auc=(0.8, 0.9, 0.96))
    return [
        *many("partial auc", partial_areas, small, 1_000, 5),
        *many("partial auc", partial_areas, crossed(images=SETS[2:], auc=(0.8, 0.96)), 500, 5),
        *many("bands", bands, small, 1_000, 5),
        *many("bands", bands, crossed(images=SETS[2:], auc=(0.8, 0.96)), 500, 5),
        *many("decision", net_benefit, crossed(images=SETS), 1_000, 5),
    ]
