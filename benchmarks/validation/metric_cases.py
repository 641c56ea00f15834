"""Bootstrap intervals of what is counted at a threshold, with and without several images per patient."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.validation.rates import Case, Row, crossed, many, rate
from benchmarks.validation.simulate import SETS, ImageSet, clustered_set, scores
from stats.resampling.bootstrap import auc_bootstrap_ci, bootstrap_ci, metric_difference_bootstrap

RESAMPLES = 499
METRICS = ("f1", "balanced_accuracy", "mcc")
INTERVALS = ("percentile", "bca")


def true_metrics(sensitivity: float, specificity: float, prevalence: float) -> dict[str, float]:
    """Return F1, balanced accuracy and Matthews' correlation of the population."""
    tp, fn = prevalence * sensitivity, prevalence * (1.0 - sensitivity)
    tn, fp = (1.0 - prevalence) * specificity, (1.0 - prevalence) * (1.0 - specificity)
    spread = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return {
        "f1": 2.0 * tp / (2.0 * tp + fp + fn),
        "balanced_accuracy": (sensitivity + specificity) / 2.0,
        "mcc": (tp * tn - fp * fn) / spread,
        "accuracy": tp + tn,
    }


def counted(replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float) -> list[Row]:
    """Coverage of the intervals of F1, balanced accuracy and MCC; size of the paired test of F1.

    The threshold lies halfway between the classes. Labels are fixed, as the stratified samples take them.
    """
    labels, shift = images.labels, math.sqrt(2.0) * ndtri(auc)
    hit = float(ndtr(shift / 2.0))
    truth = true_metrics(hit, hit, images.n_positive / images.n)
    table = scores(labels, auc=auc, correlation=0.5, replicates=replicates, rng=rng)
    held: dict[tuple[str, str], list[bool]] = {(m, i): [] for m in METRICS for i in INTERVALS}
    p = []
    for a, b in table.reshape(labels.size, replicates, 2).transpose(1, 2, 0):
        for metric, interval in held:
            fit = bootstrap_ci(
                labels,
                a,
                metric=metric,
                threshold=shift / 2.0,
                interval=interval,
                n_resamples=RESAMPLES,
                rng=rng,
            )
            held[metric, interval].append(fit.conf_low <= truth[metric] <= fit.conf_high)
        test = metric_difference_bootstrap(
            labels, a, b, metric="f1", threshold=shift / 2.0, n_resamples=RESAMPLES, rng=rng
        )
        p.append(test.p_value)
    settings: Row = {"n": images.n, "auc": auc}
    rows = [
        rate(hits, kind="coverage", method=f"{metric.replace('_', ' ')}, {interval}", **settings)
        for (metric, interval), hits in held.items()
    ]
    return [*rows, rate(np.array(p) < 0.05, kind="size", method="test of two F1", **settings)]


def by_patient(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, pure: bool, intra: float
) -> list[Row]:
    """Coverage of the bootstrap of patients beside that of images: AUC and balanced accuracy, AUC 0.8."""
    labels, patients = clustered_set(images, pure=pure, rng=rng)
    auc, shift = 0.8, math.sqrt(2.0) * ndtri(0.8)
    hit = float(ndtr(shift / 2.0))
    table = scores(
        labels,
        auc=auc,
        correlation=0.0,
        replicates=replicates,
        rng=rng,
        models=1,
        patients=patients,
        intra=intra,
    )
    held: dict[str, list[bool]] = {}
    for score in table.T:
        for name, group in (("images", None), ("patients", patients.tolist())):
            options = {"group": group, "n_resamples": RESAMPLES, "rng": rng, "interval": "percentile"}
            area = auc_bootstrap_ci(labels, score, **options)
            share = bootstrap_ci(labels, score, metric="balanced_accuracy", threshold=shift / 2.0, **options)
            held.setdefault(f"AUC, {name}", []).append(area.conf_low <= auc <= area.conf_high)
            held.setdefault(f"balanced accuracy, {name}", []).append(share.conf_low <= hit <= share.conf_high)
    settings: Row = {"n": images.n, "labels": "pure" if pure else "mixed", "intra": intra}
    return [rate(hits, kind="coverage", method=method, **settings) for method, hits in held.items()]


def cases() -> list[Case]:
    """Return all cases of this file."""
    groups = crossed(images=SETS[1:], pure=(True, False), intra=(0.0, 0.5, 0.8))
    return [
        *many("counted", counted, crossed(images=SETS, auc=(0.8, 0.96)), 500, 5),
        *many("clustered bootstrap", by_patient, groups, 500, 5),
    ]
