"""The largest of several correlated normal statistics: tail probabilities and quantiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, ndtr, ndtri
from scipy.stats import qmc

FloatArray = NDArray[np.float64]

RANDOMISATIONS = 16  # independent scramblings, whose spread is the stated error
POINTS = 13  # 2^13 directions per scrambling
_RANK = 1e-10  # singular values below this share of the largest are rounding
_SEED = 20240623  # only the scrambling of the directions depends on it


@dataclass(frozen=True, slots=True)
class JointNormal:
    """Correlated standard normals in spherical form: Z = radius * (loadings @ direction).

    With the rank d of the correlation the squared radius is chi-square with d degrees of freedom, so that
    P(max |Z| >= t) is the mean over uniform directions u of P(chi2_d >= (t / max |loadings @ u|)^2): smooth
    and monotone in t, indifferent to a singular correlation. Directions come from scrambled Sobol points, for
    rank 2 (three models) from two regular grids of angles, an eighth of the work and closer.
    Sources: Deak 1980; Somerville 1998; Genz and Bretz 2009, section 4.1.
    """

    rank: int
    n: int
    reach: FloatArray  # max of |loadings @ u| per direction, shape (scramblings or grids, directions)
    upward: FloatArray  # max of loadings @ u, for one-sided tests

    @classmethod
    def from_root(cls, root: FloatArray, rng: np.random.Generator | None = None) -> JointNormal:
        """Return the joint distribution with correlation root'root, root of shape (rows, r)."""
        if root.shape[1] == 0:
            return cls(0, 0, np.zeros((1, 1)), np.zeros((1, 1)))
        _, singular, right = np.linalg.svd(np.linalg.qr(root, mode="r"), full_matrices=False)
        kept = singular > _RANK * singular[0]
        loadings = right[kept].T * singular[kept]
        loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
        rank = int(kept.sum())
        if rank == 1:
            shadow = np.array([[1.0], [-1.0]]) @ loadings.T
            return cls(1, len(loadings), np.ones((1, 2)), shadow.max(axis=1)[None, :])
        reach, upward = [], []
        for directions in _circle() if rank == 2 else _sphere(rank, rng):
            shadow = directions @ loadings.T
            reach.append(np.abs(shadow).max(axis=1))
            upward.append(shadow.max(axis=1))
        return cls(rank, len(loadings), np.array(reach), np.array(upward))

    def adjusted(self, z: FloatArray, alternative: str) -> tuple[FloatArray, FloatArray]:
        """Return P(largest statistic at least as extreme as z) and its standard error, shape (len(z),)."""
        extreme = {"two-sided": np.abs(z), "greater": z, "less": -z}[alternative]
        found = [self.tail(float(t), two_sided=alternative == "two-sided") for t in extreme]
        return np.array([p for p, _ in found]), np.array([error for _, error in found])

    def critical(self, conf_level: float, alternative: str) -> tuple[float, float]:
        """Return the quantile of the largest statistic at `conf_level`, and its standard error."""
        if self.n == 0:
            return float("nan"), 0.0
        two_sided, alpha = alternative == "two-sided", 1.0 - conf_level
        single = float(ndtri(1.0 - alpha / 2.0 if two_sided else 1.0 - alpha))
        most = float(-ndtri(alpha / self.n / (2.0 if two_sided else 1.0)))
        if self.n == 1:
            return single, 0.0

        def above(t: float) -> float:
            return self.tail(t, two_sided=two_sided)[0] - alpha

        found = single if above(single) <= 0.0 else float(brentq(above, single, most + 1e-9, xtol=1e-12))
        step = 1e-4
        slope = (above(found - step) - above(found + step)) / (2.0 * step)
        return found, self.tail(found, two_sided=two_sided)[1] / slope

    def tail(self, t: float, *, two_sided: bool) -> tuple[float, float]:
        """Return P(max |Z| >= t), or P(max Z >= t), and its standard error over the scramblings.

        The estimate is kept within bounds that hold for every correlation: the single p, and for two-sided
        tests Sidak's p (else Bonferroni's).
        """
        if two_sided and t <= 0.0:
            return 1.0, 0.0
        largest = self.reach if two_sided else self.upward
        with np.errstate(divide="ignore", invalid="ignore"):
            squared = np.square(t / largest)
        beyond = chdtrc(self.rank, squared)
        if t >= 0.0:
            share = np.where(largest > 0.0, beyond, 0.0)
        else:
            share = np.where(largest < 0.0, 1.0 - beyond, 1.0)
        means = share.mean(axis=1)
        error = float(means.std(ddof=1) / np.sqrt(means.size)) if means.size > 1 else 0.0
        single = float(ndtr(-t)) * (2.0 if two_sided else 1.0)
        most = -np.expm1(self.n * np.log1p(-single)) if two_sided else min(1.0, self.n * single)
        return float(np.clip(means.mean(), single, most)), error


def _circle() -> Iterator[FloatArray]:
    """Two grids of 2^POINTS angles, one halfway between the points of the other.

    The integrand is periodic and smooth but for kinks, so that the error falls with the square of the step.
    """
    angles = 2.0 * np.pi * np.arange(2**POINTS) / 2**POINTS
    for offset in (0.0, np.pi / 2**POINTS):
        yield np.column_stack([np.cos(angles + offset), np.sin(angles + offset)])


def _sphere(rank: int, rng: np.random.Generator | None) -> Iterator[FloatArray]:
    """RANDOMISATIONS sets of 2^POINTS directions that fill the sphere evenly."""
    rng = np.random.default_rng(_SEED) if rng is None else rng
    for _ in range(RANDOMISATIONS):
        points = qmc.Sobol(rank, seed=rng).random_base2(POINTS)
        directions = ndtri(np.clip(points, 2.0**-40, 1.0 - 2.0**-40))
        yield directions / np.linalg.norm(directions, axis=1, keepdims=True)
