"""Whether data and model leave something to estimate: a residual, and random terms beside the fixed."""

from __future__ import annotations

import numpy as np

from stats.lmm.crossproducts import CrossProducts
from stats.lmm.design import Design

EXACT_FIT = 1e-27  # residual sum of squares, as a share of that of y, that is rounding alone
SPANNED = 1e-9  # share of a random term beside the fixed effects that is rounding alone


def check_identified(design: Design, products: CrossProducts) -> None:
    """Raise ValueError where the fixed effects span all columns of a random term: its variance is free."""
    p, column = products.p, 0
    sums = {}
    for i in products.dense_terms:
        end = column + len(design.random[i].coefficients)
        rows = slice(products.starts[column], products.starts[end])
        own = products.dense.diagonal()[rows].sum()
        sums[i] = own, np.square(products.dense[rows, products.q : products.q + p]).sum()
        column = end
    if products.eliminated is not None:
        own = np.trace(products.eliminated.own, axis1=1, axis2=2).sum()
        sums[products.eliminated_term] = own, np.square(products.eliminated.Xy[:, :p]).sum()
    for i, (own, spanned) in sums.items():
        if own - spanned <= SPANNED * own:
            raise ValueError(
                f"The fixed effects determine every effect of the random term of '{design.random[i].label}', "
                "so its variance cannot be estimated; take it out, or the fixed effect that it refines."
            )


def check_residual(design: Design, products: CrossProducts) -> None:
    """Raise ValueError where the fixed effects alone explain the response up to rounding."""
    weighted = design.y * design.y if design.weights is None else design.weights * design.y * design.y
    if products.dense[-1, -1] <= EXACT_FIT * float(weighted.sum()):
        raise ValueError(
            f"The response '{design.formula.response}' is an exact linear function of the fixed effects; "
            "nothing is left for a mixed model. Check the data, or take terms out."
        )
