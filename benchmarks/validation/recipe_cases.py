"""Recipes over seeds: one recipe trained twice, read as trained models and as recipes."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from benchmarks.validation.rates import Case, Row, crossed, many, rate
from benchmarks.validation.simulate import SETS, ImageSet
from stats.recipes.variance import recipe_comparison

SEED_SPREAD = 0.15  # of the distance of the classes, between seeds


def recipes(
    replicates: int, rng: np.random.Generator, *, images: ImageSet, auc: float, seeds: int
) -> list[Row]:
    """One recipe trained twice with S seeds each: coverage of the difference 0 under both readings.

    A seed moves the distance of the classes and adds noise of its own to every image.
    """
    labels = images.labels
    shift = np.sqrt(2.0) * ndtri(auc)
    hits: dict[str, list[bool]] = {"these trained models": [], "these recipes": []}
    for _ in range(replicates):
        image = np.sqrt(0.7) * rng.standard_normal((images.n, 1))
        own = np.sqrt(0.3) * rng.standard_normal((images.n, 2 * seeds))
        move = shift * (1.0 + SEED_SPREAD * rng.standard_normal(2 * seeds))
        table = image + own + labels[:, None] * move
        fit = recipe_comparison(labels, {"a": table[:, :seeds], "b": table[:, seeds:]})
        for name, row in zip(hits, fit.to_results(), strict=True):
            hits[name].append(row.conf_low <= 0.0 <= row.conf_high)
    return [rate(h, kind="coverage", method=m, n=images.n, auc=auc, seeds=seeds) for m, h in hits.items()]


def cases() -> list[Case]:
    """Return all cases of this file."""
    return many("recipes", recipes, crossed(images=SETS, auc=(0.8, 0.96), seeds=(3, 5, 10)), 1_000, 10)
