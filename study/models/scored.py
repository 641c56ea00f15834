"""The models that are compared, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.multiplicity.adjust import adjust_p
from stats.results import ComparisonResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredModels:
    """K models on the same n images.

    Attributes
    ----------
    names : the models;  labels : (n,) bool;  scores : (n, K), for ranking
    probabilities : (n, K), None where a column is no probability
    group : patient of every image, or None
    """

    names: tuple[str, ...]
    labels: NDArray[np.bool_]
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64] | None
    group: tuple[Any, ...] | None

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs of models, in the given order."""
        return list(combinations(range(len(self.names)), 2))

    def probability(self, k: int) -> NDArray[np.float64]:
        """Probabilities of model k, shape (n,).

        Raises
        ------
        ValueError : the scores are no probabilities
        """
        if self.probabilities is None:
            raise ValueError(f"the scores of {self.names[k]} are no probabilities; give values from 0 to 1.")
        return self.probabilities[:, k]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How to compare.

    Attributes
    ----------
    adjust : over all pairs, see `stats.multiplicity.adjust.adjust_p`
    n_resamples, seed : of bootstrap intervals
    """

    adjust: str = "holm"
    conf_level: float = 0.95
    n_resamples: int = 2000
    seed: int = 0

    def rng(self) -> np.random.Generator:
        """A fresh generator: equal calls draw equal samples, so that models are resampled alike."""
        return np.random.default_rng(self.seed)


def pair_names(models: ScoredModels, a: int, b: int) -> dict[str, Any]:
    """The fields of a row that name a pair of models."""
    first, second = models.names[a], models.names[b]
    return {"arm_a": first, "arm_b": second, "comparison": f"{first} - {second}"}


def adjusted(rows: list[ComparisonResult], method: str) -> list[ComparisonResult]:
    """The rows as one family."""
    values = adjust_p([row.p_value for row in rows], method)
    return [replace(row, p_adjusted=float(p)) for row, p in zip(rows, values, strict=True)]
