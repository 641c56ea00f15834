"""Planned power beside simulated power, and the optimism of the best of many models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtri

from benchmarks.validation.proportion_cases import P_OF, cell_chances
from benchmarks.validation.rates import Case, Row, crossed, exact_rate, many, rate
from benchmarks.validation.roc_cases import paired_aucs
from benchmarks.validation.simulate import SETS, ImageSet, clustered_set, scores
from stats.power.auc import auc_power, cluster_design_effect
from stats.power.design import AucDesign
from stats.power.mcnemar import mcnemar_power
from stats.power.variance import BinormalPair
from stats.rates.mcnemar import VARIANTS, mcnemar_counts
from stats.resampling.selection_bias import selection_bias

MODELS = 20


def binormal_pair(reference: float, new: float, correlation: float) -> BinormalPair:
    """Return the two models as they are simulated: equal spread, equal correlation in both classes."""
    a, b = (math.sqrt(2.0) * float(ndtri(auc)) for auc in (reference, new))
    return BinormalPair(
        a_reference=a, b_reference=1.0, a_new=b, b_new=1.0, r_positive=correlation, r_negative=correlation
    )


def auc_plans(
    replicates: int,
    rng: np.random.Generator,
    *,
    images: ImageSet,
    aucs: tuple[float, float],
    correlation: float,
) -> list[Row]:
    """Power of DeLong's test: planned by formula, planned from the binormal model, and what it has."""
    labels, (reference, new) = images.labels, aucs
    n = {"n_positive": images.n_positive, "n_negative": images.n - images.n_positive}
    table = scores(labels, auc=(new, reference), correlation=correlation, replicates=replicates, rng=rng)
    found = paired_aucs(labels, table)
    observed = float(np.corrcoef(_both_aucs(labels, table))[0, 1])
    ratio = n["n_negative"] / n["n_positive"]
    plain: dict[str, Any] = {"reference": reference, "correlation": observed, "ratio": ratio}
    formula = AucDesign(**plain)
    normal = AucDesign(**plain, variance="binormal", null_variance="alternative")
    pair = binormal_pair(reference, new, correlation)
    model = AucDesign(reference=reference, components=pair, ratio=ratio, null_variance="alternative")
    settings: Row = {"n": images.n, "auc": reference, "auc_b": new, "correlation": correlation}
    return [
        exact_rate(auc_power(formula, new, **n).power, kind="power", method="planned, formula", **settings),
        exact_rate(auc_power(normal, new, **n).power, kind="power", method="planned, binormal", **settings),
        exact_rate(auc_power(model, new, **n).power, kind="power", method="planned, pair", **settings),
        rate(found.pairs.p_value < 0.05, kind="power", method="DeLong paired", **settings),
    ]


def _both_aucs(labels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """AUCs of both models over all test sets, shape (2, R)."""
    swapped = table.reshape(labels.size, -1, 2)[:, :, ::-1].reshape(table.shape)
    return np.stack([paired_aucs(labels, table).auc, paired_aucs(labels, swapped).auc])


def mcnemar_plans(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, difference: float, variant: str
) -> list[Row]:
    """Planned power of McNemar's test and what it has; accuracy 0.8 of the better, correlation 0.5."""
    chances = cell_chances(0.8, 0.8 - difference, 0.5)
    planned = mcnemar_power(float(chances[1]), float(chances[2]), n=images.n, variant=variant).power
    tables, back = np.unique(rng.multinomial(images.n, chances, size=replicates), axis=0, return_inverse=True)
    p = np.array([getattr(mcnemar_counts(*map(int, table)), P_OF[variant]) for table in tables])
    settings: Row = {"n": images.n, "difference": difference, "variant": VARIANTS[variant]}
    return [
        exact_rate(planned, kind="power", method="planned", **settings),
        rate(p[back.ravel()] < 0.05, kind="power", method="simulated", **settings),
    ]


def winner(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, correlation: float, spread: float
) -> list[Row]:
    """Mean naive and corrected AUC of the best of 20 models, the true AUC of that model, and the interval.

    `spread` is the distance of the best from the worst true AUC around 0.8.
    """
    labels = images.labels
    aucs = 0.8 + spread * np.linspace(-0.5, 0.5, MODELS)
    table = scores(
        labels, auc=aucs.tolist(), correlation=correlation, replicates=replicates, rng=rng, models=MODELS
    )
    naive, corrected, truth, held = [], [], [], []
    for r in range(replicates):
        fit = selection_bias(labels, table[:, MODELS * r : MODELS * (r + 1)], n_resamples=499, rng=rng)
        true = float(aucs[fit.names.index(fit.winner)])
        naive.append(fit.naive)
        corrected.append(fit.corrected)
        truth.append(true)
        held.append(fit.conf_low <= true <= fit.conf_high)
    settings: Row = {"n": images.n, "correlation": correlation, "spread": spread}
    means = {"true": truth, "naive": naive, "corrected": corrected}
    return [
        *(
            exact_rate(
                float(np.mean(values)),
                kind="power",
                method=method,
                error=float(np.std(values, ddof=1) / len(values) ** 0.5),
                replicates=replicates,
                **settings,
            )
            for method, values in means.items()
        ),
        rate(held, kind="coverage", method="interval", **settings),
    ]


def clustered_plans(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, intra: float
) -> list[Row]:
    """Planned power with a design effect for patients, and that of Obuchowski's test; 0.8 against 0.9."""
    labels, patients = clustered_set(images, pure=True, rng=rng)
    m = int(labels.sum())
    table = scores(
        labels,
        auc=(0.9, 0.8),
        correlation=0.5,
        replicates=replicates,
        rng=rng,
        patients=patients,
        intra=intra,
    )
    found = paired_aucs(labels, table, patients)
    effect = cluster_design_effect(images.n / len(set(patients.tolist())), intra)
    design = AucDesign(
        reference=0.8,
        components=binormal_pair(0.8, 0.9, 0.5),
        ratio=(images.n - m) / m,
        design_effect=effect,
        null_variance="alternative",
    )
    planned = auc_power(design, 0.9, n_positive=m, n_negative=images.n - m).power
    settings: Row = {"n": images.n, "intra": intra}
    return [
        exact_rate(planned, kind="power", method="planned, design effect", **settings),
        rate(found.pairs.p_value < 0.05, kind="power", method="Obuchowski", **settings),
    ]


def cases() -> list[Case]:
    """Return all cases of this file."""
    pairs = ((0.8, 0.9), (0.9, 0.96))
    return [
        *many("auc power", auc_plans, crossed(images=SETS, aucs=pairs, correlation=(0.0, 0.5, 0.9)), 5_000),
        *many(
            "mcnemar power",
            mcnemar_plans,
            crossed(images=SETS, difference=(0.05, 0.1), variant=("mid_p", "chi2_corrected")),
            20_000,
        ),
        *many("clustered power", clustered_plans, crossed(images=SETS[1:], intra=(0.0, 0.5, 0.8)), 3_000),
        *many("winner", winner, crossed(images=SETS, correlation=(0.0, 0.8), spread=(0.0, 0.1)), 400, 5),
    ]
