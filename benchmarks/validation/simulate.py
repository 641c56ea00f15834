"""Simulated test sets: K correlated binormal scores on the same images, with or without patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """Size of a test set."""

    n: int
    n_positive: int

    @property
    def labels(self) -> Labels:
        """Positive images first, shape (n,)."""
        return np.arange(self.n) < self.n_positive


SETS = (
    ImageSet(n=78, n_positive=21),
    ImageSet(n=103, n_positive=58),
    ImageSet(n=500, n_positive=167),
)
AUCS = (0.6, 0.8, 0.9, 0.96, 0.99)
CORRELATIONS = (0.0, 0.5, 0.9)
CLUSTER_SIZES = (1, 2, 3, 4, 5)


def scores(
    labels: Labels,
    *,
    auc: float | Sequence[float],
    correlation: float,
    replicates: int,
    rng: np.random.Generator,
    models: int = 2,
    spread: float = 1.0,
    patients: Codes | None = None,
    intra: float = 0.0,
) -> Floats:
    """Return scores of K models in R simulated test sets with the same labels.

    Parameters
    ----------
    labels : bool array, shape (n,)
    auc : true AUC of all models, or K of them: binormal, AUC = Phi(mean / sqrt(1 + spread^2))
    correlation : of two models' scores on images of one class
    spread : standard deviation of the positive images; that of the negative ones is 1
    patients : patient of every image, shape (n,);  intra : correlation of two images of one patient, for
        every model

    Returns
    -------
    float array, shape (n, R * K) : the models of one test set side by side
    """
    shift = math.hypot(1.0, spread) * ndtri(np.broadcast_to(np.asarray(auc, dtype=float), (models,)))
    noise = _noise(labels.size, replicates, models, correlation, rng)
    if patients is not None and intra > 0.0:
        shared = _noise(int(patients.max()) + 1, replicates, models, correlation, rng)[patients]
        noise = math.sqrt(1.0 - intra) * noise + math.sqrt(intra) * shared
    noise *= np.where(labels, spread, 1.0)[:, None, None]
    return (noise + labels[:, None, None] * shift).reshape(labels.size, replicates * models)


def clustered_set(images: ImageSet, *, pure: bool, rng: np.random.Generator) -> tuple[Labels, Codes]:
    """Return labels and patients, shape (n,) each: 1 to 5 images per patient, each size as often.

    `pure` gives all images of a patient one label (nearly the wanted number of positives), otherwise labels
    fall on images at random.
    """
    rounds = -(-images.n // sum(CLUSTER_SIZES))
    codes = np.repeat(np.arange(rounds * len(CLUSTER_SIZES)), CLUSTER_SIZES * rounds)[: images.n]
    if not pure:
        return rng.permutation(images.labels), codes
    order = rng.permutation(codes.max() + 1)
    before = np.cumsum(np.bincount(codes)[order])
    return np.isin(codes, order[before <= images.n_positive]), codes


def _noise(rows: int, replicates: int, models: int, correlation: float, rng: np.random.Generator) -> Floats:
    common = rng.standard_normal((rows, replicates, 1))
    own = rng.standard_normal((rows, replicates, models))
    return math.sqrt(correlation) * common + math.sqrt(1.0 - correlation) * own
