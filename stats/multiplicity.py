"""Adjustment of p-values over a family of comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import check_choice

ADJUSTMENTS = ("holm", "bh", "none")


def adjust_p(p_values: ArrayLike, method: str = "holm") -> NDArray[np.float64]:
    """Return adjusted p-values in the given order, shape (n,).

    Parameters
    ----------
    p_values : float array, shape (n,)   NaN = comparison without a p-value: stays NaN and is not counted
    method : "holm" (family-wise error), "bh" (false discovery rate), "none"

    Raises
    ------
    ValueError : unknown method; a p-value outside [0, 1]

    Notes
    -----
    Equals R's `p.adjust`, which also leaves missing values out of the count.
    Sources: Holm 1979; Benjamini and Hochberg 1995.
    """
    check_choice("adjust", method, ADJUSTMENTS)
    p = np.array(p_values, dtype=np.float64, ndmin=1)
    known = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise ValueError("`p_values` has values outside [0, 1]; give p-values.")
    if method == "none":
        return p
    values = p[known]
    m = values.size
    order = np.argsort(values, kind="stable")
    if method == "holm":
        adjusted = np.maximum.accumulate((m - np.arange(m)) * values[order])
    else:
        stepped = values[order] * m / np.arange(1, m + 1)
        adjusted = np.minimum.accumulate(stepped[::-1])[::-1]
    back = np.empty(m)
    back[order] = np.minimum(adjusted, 1.0)
    p[known] = back
    return p
