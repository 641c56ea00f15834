"""Limits and p-values from bootstrap replicates: percentile, basic and BCa."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from stats.results import NAN, joined_notes

Floats = NDArray[np.float64]

INTERVALS = ("bca", "percentile", "basic")
FLAT = "all bootstrap samples give the same value: the interval has no width and understates the uncertainty"
ONE_SIDED = "all bootstrap samples lie on one side of the estimate: the BCa interval does not exist"
POLE = "the skewness is too large for this level: a BCa limit does not exist"
NO_INFLUENCE = "no single unit changes the estimate to first order: the BCa interval does not exist"
_WHOLE = 1e-9  # ranks this close to a whole number are that number (20 x 0.05 is 1)
TIE = 1e-12  # replicates of order 1 that are closer are equal: quotients of counts carry rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Bootstrap replicates of one number.

    Attributes
    ----------
    estimate : the number itself
    replicates : float array, shape (B,), without NaN
    influence : float array, shape (units,)   empirical influence values over the number of units of their
        stratum; their squares sum to the infinitesimal jackknife variance. BCa needs them
    """

    estimate: float
    replicates: Floats
    influence: Floats

    @property
    def flat(self) -> bool:
        """Whether all replicates are equal."""
        return bool(np.ptp(self.replicates) <= TIE)

    @property
    def bias_correction(self) -> float:
        """z0: normal quantile of the share of replicates below the estimate, ties one half."""
        below = (self.replicates < self.estimate - TIE).sum() + (self.replicates <= self.estimate + TIE).sum()
        return float(ndtri(below / (2.0 * self.replicates.size)))

    @property
    def acceleration(self) -> float:
        """Skewness of the influence values over 6; NaN where all are 0."""
        size = float(np.square(self.influence).sum())
        return float((self.influence**3).sum() / (6.0 * size**1.5)) if size > TIE**2 else NAN

    @property
    def bca_problem(self) -> str | None:
        """Return why there is no BCa interval, or None."""
        if not np.isfinite(self.bias_correction):
            return ONE_SIDED
        return NO_INFLUENCE if np.isnan(self.acceleration) else None


def limits(draws: Draws, *, interval: str, conf_level: float, alternative: str) -> tuple[float, float]:
    """Return the limits; one-sided alternatives give -inf or inf on the open side.

    Notes
    -----
    The limit at level a is the order statistic of rank (B + 1) a, between ranks by normal quantiles, as R's
    `boot`. Basic: 2 estimate - percentile limits. BCa moves the levels by bias correction and acceleration.
    Sources: Efron 1987 (JASA 82:171); Davison and Hinkley 1997, sections 5.2 and 5.3, equation (5.51) for
    strata. Checked against R `boot::boot.ci` (tests/golden/bootstrap.json).
    """
    tail = (1.0 - conf_level) / (2.0 if alternative == "two-sided" else 1.0)
    levels = np.array([tail, 1.0 - tail])
    if draws.flat:
        low = high = draws.estimate if interval != "percentile" else float(draws.replicates[0])
    elif interval == "bca":
        low, high = order_statistics(draws.replicates, _bca_levels(draws, levels))
    else:
        low, high = order_statistics(draws.replicates, levels)
        if interval == "basic":
            low, high = 2.0 * draws.estimate - high, 2.0 * draws.estimate - low
    if alternative == "two-sided":
        return float(low), float(high)
    return (float(low), float("inf")) if alternative == "greater" else (float("-inf"), float(high))


def limits_note(draws: Draws, *, interval: str, conf_level: float, alternative: str) -> str | None:
    """Return what a reader must know about the limits, or None."""
    if draws.flat:
        return FLAT
    tail = (1.0 - conf_level) / (2.0 if alternative == "two-sided" else 1.0)
    levels = np.array([tail, 1.0 - tail])
    problem = draws.bca_problem if interval == "bca" else None
    if problem is None and interval == "bca":
        levels = _bca_levels(draws, levels)
    used = {"two-sided": levels, "greater": levels[:1], "less": levels[1:]}[alternative]
    ranks = used * (draws.replicates.size + 1)
    beyond = (ranks < 1.0 - _WHOLE) | (ranks > draws.replicates.size + _WHOLE)
    extreme = problem is None and bool(beyond.any())
    problem = problem or (POLE if np.isnan(ranks).any() else None)
    more = "a limit is the most extreme of the bootstrap samples: take more of them" if extreme else None
    return joined_notes(problem, more)


def p_value(draws: Draws, *, interval: str, alternative: str) -> float:
    """Return the p-value of "the number is 0" that belongs to the interval: 1 - the level at which 0 leaves.

    (b + 1) / (B + 1), b = replicates on the far side of 0; two-sided p doubles the smaller tail.
    """
    if draws.flat:
        return 1.0 if abs(draws.estimate) <= TIE else NAN
    above, below = (_one_sided(draws, interval, sign) for sign in (1.0, -1.0))
    both = float(np.minimum(1.0, 2.0 * np.minimum(above, below)))
    return {"greater": above, "less": below, "two-sided": both}[alternative]


def percentile_limits(replicates: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return the percentile limits over axis 0: the one rule of every bootstrap interval here.

    Parameters
    ----------
    replicates : float array, shape (B, ...)   NaN (a sample without a value) is left out, column by column
    conf_level : float in (0, 1), two-sided

    Returns
    -------
    two float arrays, shape (...) : NaN where a column has no value

    Notes
    -----
    Order statistics of rank (B + 1) level, as R's `boot`. pROC takes quantiles of type 7, of rank
    1 + (B - 1) level, which lie inside them by at most one rank.
    """
    tail = (1.0 - conf_level) / 2.0
    columns = np.asarray(replicates, dtype=np.float64)
    shape, columns = columns.shape[1:], columns.reshape(columns.shape[0], -1)
    missing = np.isnan(columns)
    if columns.shape[0] and not missing.any():
        found = order_statistics(columns, np.array([tail, 1.0 - tail]))
    else:
        kept = [column[~gone] for column, gone in zip(columns.T, missing.T, strict=True)]
        ends = [
            order_statistics(k, np.array([tail, 1.0 - tail])) if k.size else np.full(2, NAN) for k in kept
        ]
        found = np.array(ends).reshape(-1, 2).T
    return found[0].reshape(shape), found[1].reshape(shape)


def order_statistics(replicates: Floats, levels: Floats) -> Floats:
    """Return the replicates (B, ...) of rank (B + 1) level over axis 0, shape (levels, ...).

    Between ranks by normal quantiles; beyond them the most extreme replicate; NaN for NaN levels.
    """
    ranked = np.sort(replicates, axis=0)
    return np.stack([_at_level(ranked, float(level)) for level in levels])


def _at_level(ranked: Floats, level: float) -> Floats:
    b = ranked.shape[0]
    if np.isnan(level):
        return np.full(ranked.shape[1:], NAN)
    rank = (b + 1) * level
    whole = round(rank) if abs(rank - round(rank)) < _WHOLE else int(np.floor(rank))
    if whole < 1 or whole >= b:
        return np.asarray(ranked[0] if whole < 1 else ranked[-1])
    z0, z1 = ndtri(whole / (b + 1)), ndtri((whole + 1) / (b + 1))
    share = max(0.0, float((ndtri(level) - z0) / (z1 - z0))) if rank > whole + _WHOLE else 0.0
    return np.asarray(ranked[whole - 1] + share * (ranked[whole] - ranked[whole - 1]))


def _bca_levels(draws: Draws, levels: Floats) -> Floats:
    if draws.bca_problem is not None:
        return np.full(levels.shape, NAN)
    z0, a = draws.bias_correction, draws.acceleration
    shifted = z0 + ndtri(levels)
    stretch = 1.0 - a * shifted
    # beyond the pole of the transformation the level is not defined
    return np.where(stretch > 0.0, ndtr(z0 + shifted / np.where(stretch > 0.0, stretch, 1.0)), NAN)


def _one_sided(draws: Draws, interval: str, sign: float) -> float:
    """P-value against "sign * number is at most 0"."""
    values, estimate = sign * draws.replicates, sign * draws.estimate
    b = values.size
    if interval == "basic":
        return float(((values >= 2.0 * estimate - TIE).sum() + 1) / (b + 1))
    reached = int((values <= TIE).sum())
    share = (reached + 1) / (b + 1)
    if interval == "percentile" or reached == b:
        return float(share) if interval == "percentile" or draws.bca_problem is None else NAN
    if draws.bca_problem is not None:
        return NAN
    z0, a = sign * draws.bias_correction, sign * draws.acceleration
    moved = float(ndtri(share)) - z0
    stretch = 1.0 + a * moved
    return float(ndtr(moved / stretch - z0)) if stretch > 0.0 else NAN
