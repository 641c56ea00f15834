"""Bootstrap intervals of an AUC and of a paired difference, and intervals of a sensitivity."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.validation.rates import Case, Row, crossed, many, rate
from benchmarks.validation.roc_cases import paired_aucs
from benchmarks.validation.simulate import SETS, ImageSet, scores
from stats.resampling.bootstrap import auc_influence
from stats.resampling.draws import auc_replicates, sampling_plan
from stats.resampling.limits import INTERVALS, Draws, limits
from stats.resampling.permutation import auc_permutation_test
from stats.roc.operating_point import operating_point_ci
from stats.roc.placements import placements
from stats.roc.rate_intervals import INTERVALS as POINT_INTERVALS

RESAMPLES = 999
SPECIFICITY = 0.9
PAIRS = ((0.8, 0.8), (0.96, 0.96), (0.99, 0.99), (0.8, 0.9), (0.9, 0.97), (0.95, 0.99))


def bootstrap_auc(replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float) -> list[Row]:
    """Coverage of the bootstrap intervals of an AUC and of a difference 0; models correlated 0.5.

    All intervals come from the same samples, as `auc_bootstrap_ci` and `auc_difference_bootstrap` draw them.
    """
    labels = images.labels
    plan = sampling_plan(labels)
    table = scores(labels, auc=auc, correlation=0.5, replicates=replicates, rng=rng)
    hits: dict[tuple[str, str], list[bool]] = {}
    for r in range(replicates):
        pair = table[:, 2 * r : 2 * r + 2]
        estimate = placements(labels, pair).auc
        drawn = auc_replicates(labels, pair, plan, n_resamples=RESAMPLES, rng=rng)
        influence = auc_influence(labels, pair, plan)
        one = Draws(estimate=float(estimate[0]), replicates=drawn[:, 0], influence=influence[:, 0])
        gap = Draws(
            estimate=float(estimate[0] - estimate[1]),
            replicates=drawn[:, 0] - drawn[:, 1],
            influence=influence[:, 0] - influence[:, 1],
        )
        for what, draws, truth in (("AUC", one, auc), ("difference", gap, 0.0)):
            for interval in INTERVALS:
                low, high = limits(draws, interval=interval, conf_level=0.95, alternative="two-sided")
                hits.setdefault((what, interval), []).append(low <= truth <= high)
    return [
        rate(h, kind="coverage", method=interval, what=what, n=images.n, auc=auc)
        for (what, interval), h in hits.items()
    ]


def sensitivity_at(replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float) -> list[Row]:
    """Coverage of the intervals of the sensitivity at specificity 0.9."""
    labels = images.labels
    truth = float(ndtr(np.sqrt(2.0) * ndtri(auc) - ndtri(SPECIFICITY)))
    table = scores(labels, auc=auc, correlation=0.0, replicates=replicates, rng=rng, models=1)
    hits: dict[str, list[bool]] = {name: [] for name in POINT_INTERVALS}
    for score in table.T:
        for name, found in hits.items():
            fit = operating_point_ci(
                labels, score, specificity=SPECIFICITY, interval=name, rng=rng, n_resamples=RESAMPLES
            )
            found.append(fit.conf_low <= truth <= fit.conf_high)
    return [rate(h, kind="coverage", method=m, n=images.n, auc=auc, truth=truth) for m, h in hits.items()]


def permuted(
    replicates: int,
    rng: np.random.Generator,
    *,
    images: ImageSet,
    auc: tuple[float, float],
    correlation: float,
) -> list[Row]:
    """Size and power of the permutation test of two AUCs, beside DeLong's on the same sets."""
    labels = images.labels
    table = scores(labels, auc=auc, correlation=correlation, replicates=replicates, rng=rng)
    p = paired_aucs(labels, table).pairs.p_value
    flipped = [
        auc_permutation_test(labels, pair[:, 0], pair[:, 1], n_resamples=999, rng=rng).p_value
        for pair in table.reshape(labels.size, replicates, 2).swapaxes(0, 1)
    ]
    kind = "size" if auc[0] == auc[1] else "power"
    settings: Row = {"n": images.n, "auc": auc[0], "auc_b": auc[1], "correlation": correlation}
    return [
        rate(p < 0.05, kind=kind, method="DeLong paired", **settings),
        rate(np.array(flipped) < 0.05, kind=kind, method="permutation", **settings),
    ]


def cases() -> list[Case]:
    """Return all cases of this file."""
    some = crossed(images=SETS[:2], auc=(0.8, 0.9, 0.96, 0.99))
    large = crossed(images=SETS[2:], auc=(0.96, 0.99))
    return [
        *many("bootstrap", bootstrap_auc, some, 2_000, 10),
        *many("bootstrap", bootstrap_auc, large, 1_000, 10),
        *many("permutation", permuted, crossed(images=SETS, auc=PAIRS, correlation=(0.5, 0.9)), 2_000, 10),
        *many("operating point", sensitivity_at, crossed(images=SETS[:2], auc=(0.8, 0.9, 0.96)), 1_000, 10),
        *many("operating point", sensitivity_at, crossed(images=SETS[2:], auc=(0.9, 0.96)), 600, 10),
    ]
