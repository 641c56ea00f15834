"""Limits of a difference of two AUCs on the same images from the limits of each: MOVER."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr

from stats.checks import check_choice
from stats.roc.auc import newcombe_limits, perfect_auc_bound
from stats.roc.delong import DelongResult

INTERVALS = ("logit", "newcombe")
_FURTHEST = 38.0  # standard errors; the normal tail beyond is 0 in float64


@dataclass(frozen=True, slots=True, kw_only=True)
class MoverDifference:
    """AUC a - AUC b of two models, with limits at any number of standard errors.

    Attributes
    ----------
    auc_a, auc_b, correlation : estimates, and the correlation that DeLong's or Obuchowski's covariance gives
        them (0 where one has no variance)
    limits_a, limits_b : limits of each AUC at z > 0 standard errors
    """

    auc_a: float
    auc_b: float
    correlation: float
    limits_a: Callable[[float], tuple[float, float]]
    limits_b: Callable[[float], tuple[float, float]]

    @property
    def difference(self) -> float:
        """AUC a - AUC b."""
        return self.auc_a - self.auc_b

    def limits(self, z: float) -> tuple[float, float]:
        """Return the limits of the difference at z > 0 standard errors."""
        (low_a, high_a), (low_b, high_b) = self.limits_a(z), self.limits_b(z)
        down = _reach(self.auc_a - low_a, high_b - self.auc_b, self.correlation)
        up = _reach(high_a - self.auc_a, self.auc_b - low_b, self.correlation)
        return self.difference - down, self.difference + up

    def statistic(self, value: float) -> float:
        """Return the signed number of standard errors at which a limit reaches `value`.

        Positive where the difference lies above `value`; normal under H0: difference = value. The one-sided
        test by it and the one-sided limit agree.
        """
        if self.difference == value:
            return 0.0
        above = self.difference > value
        side = 0 if above else 1

        def beyond(z: float) -> float:
            return (self.limits(z)[side] - value) * (1.0 if above else -1.0)

        never = beyond(_FURTHEST) > 0.0
        z = _FURTHEST if never else float(brentq(beyond, 1e-12, _FURTHEST, xtol=1e-12))
        return z if above else -z


def mover_difference(fit: DelongResult, *, interval: str = "logit", pairs: int) -> MoverDifference:
    """Return the difference of the two models of a fit.

    Parameters
    ----------
    interval : of each AUC
        "logit"     from DeLong's or Obuchowski's variance; where an AUC is 1 or 0, its exact bound
        "newcombe"  from the AUC and the class sizes alone (Newcombe 2006): cautious; independent images only
    pairs : disjoint pairs of a positive and a negative image, or patient, for the exact bound; see
        `perfect_auc_bound`

    Raises
    ------
    ValueError : another number of models than two; "newcombe" with patients

    Notes
    -----
    With limits (l, u) of each AUC and the correlation r of the two estimates the lower limit is
    d - sqrt((a - l_a)^2 - 2 r (a - l_a)(u_b - b) + (u_b - b)^2), the upper one likewise: the variances are
    recovered near the limits, where they matter, and not at the estimates.
    Sources: Zou and Donner 2008 (Stat Med 27:1693); for AUCs Zou and Yue 2013 (Stat Med 32:5077).
    """
    check_choice("interval", interval, INTERVALS)
    if len(fit.names) != 2:
        raise ValueError(f"{len(fit.names)} models came; a difference needs 2.")
    if interval == "newcombe" and fit.n_groups is not None:
        raise ValueError(
            "interval='newcombe' takes images as independent; with patients use interval='logit'."
        )
    (auc_a, auc_b), (error_a, error_b) = map(float, fit.auc), map(float, fit.std_error)
    both = error_a * error_b
    correlation = float(fit.covariance[0, 1]) / both if both > 0.0 else 0.0
    limits_a, limits_b = (
        _limits_of(fit, value, error, interval, pairs)
        for value, error in ((auc_a, error_a), (auc_b, error_b))
    )
    return MoverDifference(
        auc_a=auc_a,
        auc_b=auc_b,
        correlation=min(1.0, max(-1.0, correlation)),
        limits_a=limits_a,
        limits_b=limits_b,
    )


def _limits_of(
    fit: DelongResult, value: float, std_error: float, interval: str, pairs: int
) -> Callable[[float], tuple[float, float]]:
    m, n = fit.n_positive, fit.n_negative
    if interval == "newcombe":
        return lambda z: newcombe_limits(value, m, n, z)
    if value in (0.0, 1.0):
        return lambda z: perfect_auc_bound(value, pairs, conf_level=float(ndtr(z)))
    centre, scale = float(logit(value)), std_error / (value * (1.0 - value))
    return lambda z: (float(expit(centre - z * scale)), float(expit(centre + z * scale)))


def _reach(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one - 2.0 * correlation * one * other + other * other))
