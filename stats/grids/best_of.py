"""The best of many looks better than it is: expected maximum of equal estimates."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad
from scipy.special import log_ndtr


def expected_best(k: int, *, correlation: float = 0.0) -> float:
    """Return how far the largest of k equally good estimates lies above the truth, in standard errors.

    Parameters
    ----------
    k : number of candidates, 1 or more
    correlation : of any two estimates, in [0, 1); models scored on the same images are correlated

    Raises
    ------
    ValueError : k below 1; a correlation out of range

    Notes
    -----
    E max = sqrt(1 - correlation) * integral of z d(Phi(z)^k), for normal estimates with one variance. It is
    the optimism of the winner where all candidates are equal, hence the most that choosing alone can add.
    Checked against R's integrate (tests/golden/grids.json).
    """
    if k < 1:
        raise ValueError(f"`k` is {k}; give the number of candidates, 1 or more.")
    if not 0.0 <= correlation < 1.0:
        raise ValueError(f"`correlation` is {correlation}; it must lie from 0 to below 1.")
    if k == 1:
        return 0.0

    def density(z: float) -> float:
        return z * k * float(np.exp((k - 1) * log_ndtr(z) - z * z / 2.0)) / float(np.sqrt(2.0 * np.pi))

    value, _ = quad(
        density, -12.0, 12.0 + float(np.sqrt(2.0 * np.log(k))), epsabs=1e-12, limit=400, points=[0.0]
    )
    return float(np.sqrt(1.0 - correlation) * value)
