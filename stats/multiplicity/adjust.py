"""Adjustment of p-values over a family of comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import check_choice

ADJUSTMENTS = ("holm", "hochberg", "bonferroni", "sidak", "bh", "by", "none")


def adjust_p(p_values: ArrayLike, method: str = "holm") -> NDArray[np.float64]:
    """Return adjusted p-values in the given order, shape (n,).

    Parameters
    ----------
    p_values : float array, shape (n,)   NaN = comparison without a p-value: stays NaN and is not counted
    method : family-wise error: "holm", "hochberg", "bonferroni", "sidak";
        false discovery rate: "bh", "by"; or "none"

    Raises
    ------
    ValueError : unknown method; a p-value outside [0, 1]

    Notes
    -----
    "holm", "bonferroni" and "by" hold under any dependence. "hochberg" and "bh" need independent or
    positively dependent tests, which all pairs of models are not known to be; "sidak" needs independence or
    two-sided normal tests. For AUCs, `max_t_test` uses the dependence itself.
    Equals R's `p.adjust`, which also leaves missing values out of the count; Sidak is 1 - (1 - p)^n.
    Sources: Holm 1979; Hochberg 1988; Sidak 1967; Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001.
    Checked against R (tests/golden/comparisons_more.json).
    """
    check_choice("adjust", method, ADJUSTMENTS)
    p = np.array(p_values, dtype=np.float64, ndmin=1)
    known = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise ValueError("`p_values` has values outside [0, 1]; give p-values.")
    if method != "none":
        p[known] = _adjusted(p[known], method)
    return p


def _adjusted(p: NDArray[np.float64], method: str) -> NDArray[np.float64]:
    m = p.size
    if method == "bonferroni":
        return np.minimum(m * p, 1.0)
    if method == "sidak":
        with np.errstate(divide="ignore"):  # p = 1: log 0, which gives the right limit 1
            return -np.expm1(m * np.log1p(-p))
    order = np.argsort(p, kind="stable")
    place = np.arange(1, m + 1)
    factor = {
        "holm": m + 1.0 - place,
        "hochberg": m + 1.0 - place,
        "bh": m / place,
        "by": m / place * (1.0 / place).sum(),
    }[method]
    stepped = factor * p[order]
    if method == "holm":
        stepped = np.maximum.accumulate(stepped)
    else:
        stepped = np.minimum.accumulate(stepped[::-1])[::-1]
    back = np.empty(m)
    back[order] = np.minimum(stepped, 1.0)
    return back
