"""Power and sample size of McNemar's tests, worked out from the binomial distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri
from scipy.stats import binom

from stats.checks import check_choice
from stats.rates.mcnemar import VARIANTS
from stats.results import NAN

_LARGEST = 10_000_000  # images up to which the distribution is summed
_LEAST = 1e-9  # difference below which no plan is made
_WINDOW = 60  # numbers of images looked at on, because power goes up and down by steps
_SLACK = 1e-9  # a p-value this close to alpha counts as equal to it


@dataclass(frozen=True, slots=True, kw_only=True)
class McnemarPowerResult:
    """Images and power of a McNemar test that belong together, unrounded.

    Attributes
    ----------
    only_a, only_b : chance that on one image only a, or only b, is right;  difference = only_a - only_b
    n : images;  n_connor : images by Connor's formula, before rounding; NaN where n was given
    power : chance that the test rejects in the right direction;  size : chance that it rejects at all if both
        chances were their mean, which is at most alpha for "exact"
    design_effect : factor of n for several images per patient
    """

    only_a: float
    only_b: float
    difference: float
    n: int
    n_connor: float
    power: float
    power_wanted: float
    size: float
    alpha: float
    variant: str
    design_effect: float
    method: str
    note: str | None


def mcnemar_power(
    only_a: float,
    only_b: float,
    *,
    n: int,
    alpha: float = 0.05,
    variant: str = "mid_p",
    design_effect: float = 1.0,
) -> McnemarPowerResult:
    """Return the power of a two-sided McNemar test with n images.

    Parameters
    ----------
    only_a, only_b : chance per image that only a, or only b, is right; their difference is that of accuracies
    variant : "mid_p", "exact", "chi2" or "chi2_corrected", as in stats.rates.mcnemar
    design_effect : several images per patient count as n / design_effect independent ones (rough)

    Raises
    ------
    ValueError : chances below 0, of sum above 1 or equal; n outside 1 to 10 million; an unknown variant

    Notes
    -----
    The number of discordant images is binomial, and given it the split; the rejection region of the test is
    summed over both, without approximation. Rejections in the wrong direction are not counted.
    Source: Duffy 1984 (Biometrics 40:1005). Checked against sums in R (tests/golden/comparisons_more.json).
    """
    _check(only_a, only_b, alpha, variant, design_effect)
    if not 1 <= n <= _LARGEST:
        raise ValueError(f"`n` is {n}; it must lie from 1 to {_LARGEST}.")
    return _result(only_a, only_b, n, alpha, variant, design_effect)


def mcnemar_sample_size(
    only_a: float,
    only_b: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    variant: str = "mid_p",
    design_effect: float = 1.0,
) -> McnemarPowerResult:
    """Return the number of images from which a two-sided McNemar test keeps the wanted power.

    Parameters
    ----------
    only_a, only_b, alpha, variant, design_effect : as in `mcnemar_power`

    Raises
    ------
    ValueError : as `mcnemar_power`; power outside [0.5, 1); more than 10 million images

    Notes
    -----
    Power rises by steps and falls a little between them: the number returned has the wanted power, and so
    have the 60 after it. `n_connor` is [z_a sqrt(p) + z_b sqrt(p - d^2)]^2 / d^2, p = only_a + only_b,
    d = only_a - only_b: Connor 1987 (Biometrics 43:207), for the uncorrected chi-square.
    """
    _check(only_a, only_b, alpha, variant, design_effect)
    if not 0.5 <= power < 1.0:
        raise ValueError(f"`power` is {power}; it must lie from 0.5 to below 1, for example 0.8.")
    both, gap = only_a + only_b, abs(only_a - only_b)
    za, zb = float(-ndtri(alpha / 2.0)), float(ndtri(power))
    connor = ((za * math.sqrt(both) + zb * math.sqrt(max(both - gap * gap, 0.0))) / gap) ** 2
    if connor > _LARGEST / 4:
        raise ValueError(f"This difference needs about {connor:.3g} images; give a larger one.")

    def enough(n: int) -> bool:
        return _power(only_a, only_b, n, alpha, variant)[0] >= power

    low, high = 1, max(2, math.ceil(connor))
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    failing = [n for n in range(max(1, high - _WINDOW), high + _WINDOW + 1) if not enough(n)]
    while failing and failing[-1] >= high:
        high = failing[-1] + 1
        failing = [n for n in range(high, high + _WINDOW + 1) if not enough(n)]
    independent = (failing[-1] + 1) if failing else max(1, high - _WINDOW)
    n = math.ceil(independent * design_effect - 1e-9)
    return _result(only_a, only_b, n, alpha, variant, design_effect, connor * design_effect, power)


def _result(
    only_a: float,
    only_b: float,
    n: int,
    alpha: float,
    variant: str,
    design_effect: float,
    connor: float = NAN,
    wanted: float = NAN,
) -> McnemarPowerResult:
    independent = max(1, math.floor(n / design_effect + 1e-9))
    mean = (only_a + only_b) / 2.0
    note = None
    if design_effect != 1.0:
        note = f"counted as {independent} independent images; for patients this is rough"
    return McnemarPowerResult(
        only_a=only_a,
        only_b=only_b,
        difference=only_a - only_b,
        n=n,
        n_connor=connor,
        power=_power(only_a, only_b, independent, alpha, variant)[0],
        power_wanted=wanted,
        size=sum(_power(mean, mean, independent, alpha, variant)),
        alpha=alpha,
        variant=variant,
        design_effect=design_effect,
        method=f"{VARIANTS[variant]}, two-sided, power summed over all tables",
        note=note,
    )


def _power(only_a: float, only_b: float, n: int, alpha: float, variant: str) -> tuple[float, float]:
    """Return the chances to reject in favour of the more frequent, and of the less frequent, side."""
    larger, smaller = max(only_a, only_b), min(only_a, only_b)
    both = min(larger + smaller, 1.0)
    far = 12.0 * math.sqrt(n * both * (1.0 - both)) + 40.0  # beyond it the chance is below 1e-30
    discordant = np.arange(max(0, math.floor(n * both - far)), min(n, math.ceil(n * both + far)) + 1)
    weight = binom.pmf(discordant, n, both)
    limit = _rejected_up_to(discordant, alpha, variant)
    right = binom.cdf(limit, discordant, smaller / both)
    wrong = binom.cdf(limit, discordant, larger / both)
    return float(weight @ right), float(weight @ wrong)


def _rejected_up_to(discordant: NDArray[np.int64], alpha: float, variant: str) -> NDArray[np.int64]:
    """Largest count of the rarer side at which the test rejects, for every number of discordant images."""
    d = discordant.astype(np.float64)
    if variant in ("chi2", "chi2_corrected"):
        gap = np.sqrt(d * float(chdtri(1, alpha))) + (1.0 if variant == "chi2_corrected" else 0.0)
        limit = np.floor((d - gap) / 2.0 + _SLACK)
        return np.where(d > 0, np.maximum(limit, -1), -1).astype(np.int64)
    limit = binom.ppf(alpha / 2.0, discordant, 0.5)  # first count with a tail of alpha / 2 or more
    half = 0.5 if variant == "mid_p" else 0.0
    for _ in range(2):
        p = 2.0 * (binom.cdf(limit, discordant, 0.5) - half * binom.pmf(limit, discordant, 0.5))
        limit = np.where((p <= alpha * (1.0 + _SLACK)) & (2 * limit < d), limit, limit - 1.0)
    return np.where(d > 0, np.maximum(limit, -1), -1).astype(np.int64)


def _check(only_a: float, only_b: float, alpha: float, variant: str, design_effect: float) -> None:
    check_choice("variant", variant, tuple(VARIANTS))
    if not (min(only_a, only_b) >= 0.0 and only_a + only_b <= 1.0 and abs(only_a - only_b) >= _LEAST):
        raise ValueError(
            f"The chances that only one is right are {only_a} and {only_b}; they must be 0 or more, differ "
            f"by at least {_LEAST:g}, and add up to at most 1."
        )
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"`alpha` is {alpha}; it must lie between 0 and 0.5, for example 0.05.")
    if not 1.0 <= design_effect < math.inf:
        raise ValueError(f"`design_effect` is {design_effect}; it must be 1 or more.")
