"""How many seeds of each arm tell a difference of two recipes from the noise between runs."""

from __future__ import annotations

import numpy as np
from scipy.special import nctdtr, stdtrit

from stats.checks import check_choice

MOST_SEEDS = 100_000
DESIGNS = ("unpaired", "paired")


def seeds_needed(
    difference: float, std_dev: float, *, alpha: float = 0.05, power: float = 0.8, design: str = "unpaired"
) -> int | None:
    """Return the smallest number of seeds per arm with which a t test finds a difference of mean metrics.

    Parameters
    ----------
    difference : true difference of the two recipes' means, not 0;  std_dev : of a single run, above 0
    design : "unpaired" (two-sample t), or "paired" by seed with differences of variance 2 std_dev**2

    Returns
    -------
    at least 2; None where it would take more than 100,000

    Raises
    ------
    ValueError : a difference of 0 or not finite; a standard deviation, level or power out of range

    Notes
    -----
    Two-sided, the tail on the wrong side not counted (R's power.t.test with strict = FALSE). The test set is
    taken as fixed: its own sampling error comes on top. Checked against R (tests/golden/grids.json).
    """
    check_choice("design", design, DESIGNS)
    if not (np.isfinite(difference) and difference != 0.0):
        raise ValueError(f"`difference` is {difference}; give the difference to be found, not 0.")
    if not (np.isfinite(std_dev) and std_dev > 0.0):
        raise ValueError(f"`std_dev` is {std_dev}; give that of a single run, above 0.")
    if not 0.0 < alpha < 0.5 or not alpha < power < 1.0:
        raise ValueError(
            f"`alpha` is {alpha} and `power` {power}; needed: 0 < alpha < 0.5, alpha < power < 1."
        )
    effect = abs(difference) / (np.sqrt(2.0) * std_dev)
    low, high = 1, 2
    while _power(high, effect, alpha, design) < power:
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(middle, effect, alpha, design) >= power else (middle, high)
    return high


def _power(n: int, effect: float, alpha: float, design: str) -> float:
    """Chance to find a difference of `effect` standard deviations of a difference of two runs."""
    df = n - 1 if design == "paired" else 2 * n - 2
    critical = stdtrit(df, 1.0 - alpha / 2.0)
    return float(1.0 - nctdtr(df, effect * np.sqrt(n), critical))
