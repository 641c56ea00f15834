"""Scores on few levels (heavy ties), and AUCs of two independent sets of images."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.validation.rates import Case, Row, crossed, holds, many, rate
from benchmarks.validation.roc_cases import paired_aucs
from benchmarks.validation.simulate import SETS, Floats, ImageSet, scores
from stats.roc.auc import auc_interval
from stats.roc.delong_unpaired import delong_unpaired

LEVELS = (3, 5)


def cutpoints(auc: float, levels: int) -> Floats:
    """Return the levels - 1 cutpoints that lie evenly between the two classes' quarter points."""
    shift = math.sqrt(2.0) * ndtri(auc)
    return np.linspace(ndtri(0.25), shift + ndtri(0.75), levels - 1)


def tied_auc(auc: float, levels: int) -> float:
    """Return the true AUC of binormal scores that are told on so many levels, ties one half."""
    edges = np.r_[-np.inf, cutpoints(auc, levels), np.inf]
    negative = np.diff(ndtr(edges))
    positive = np.diff(ndtr(edges - math.sqrt(2.0) * ndtri(auc)))
    below = np.cumsum(negative) - negative
    return float(positive @ (below + negative / 2.0))


def tied_pairs(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, levels: int
) -> list[Row]:
    """DeLong's test of two equal AUCs and the intervals of one, correlation 0.5, all scores tied."""
    labels = images.labels
    table = scores(labels, auc=auc, correlation=0.5, replicates=replicates, rng=rng)
    found = paired_aucs(labels, np.searchsorted(cutpoints(auc, levels), table).astype(float))
    truth = tied_auc(auc, levels)
    settings: Row = {"n": images.n, "auc": auc, "levels": levels, "truth": truth}
    rows = [rate(found.pairs.p_value < 0.05, kind="size", method="DeLong paired", **settings)]
    for name in ("wald", "logit"):
        low, high = auc_interval(found.auc, found.std_error, conf_level=0.95, interval=name)
        rows.append(rate(holds(low, high, truth), kind="coverage", method=name, **settings))
    return rows


def unpaired(replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float) -> list[Row]:
    """DeLong's test of two equal AUCs on different images."""
    labels = images.labels
    table = scores(labels, auc=auc, correlation=0.0, replicates=replicates, rng=rng)
    p, held = [], []
    for pair in table.reshape(labels.size, replicates, 2).swapaxes(0, 1):
        fit = delong_unpaired([(labels, pair[:, 0]), (labels, pair[:, 1])], names=("a", "b"))
        p.append(fit.pairs.p_value[0])
        held.append(fit.pairs.conf_low[0] <= 0.0 <= fit.pairs.conf_high[0])
    settings: Row = {"n": images.n, "auc": auc}
    return [
        rate(np.array(p) < 0.05, kind="size", method="unpaired test", **settings),
        rate(held, kind="coverage", method="unpaired interval", **settings),
    ]


def cases() -> list[Case]:
    """Return all cases of this file."""
    tied = crossed(images=SETS, auc=(0.6, 0.8, 0.96), levels=LEVELS)
    return [
        *many("ties", tied_pairs, tied, 2_000),
        *many("unpaired", unpaired, crossed(images=SETS, auc=(0.6, 0.8, 0.96)), 2_000),
    ]
