"""Murphy's decomposition of the Brier score into reliability, resolution and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stats.calibration.bins import assigned_bins, bin_means, checked_inputs
from stats.results import NAN, joined_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class MurphyDecomposition:
    """Brier score = reliability - resolution + uncertainty + within_variance - within_covariance, exactly.

    The two within-bin terms are 0 where every bin holds one probability only (`bins="distinct"`).
    The debiased terms keep the sum; they are NaN where a bin holds a single image.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float
    reliability_debiased: float
    resolution_debiased: float
    uncertainty_debiased: float
    n_bins: int
    n: int
    method: str
    note: str | None


def murphy_decomposition(
    y_true: ArrayLike, prob: ArrayLike, *, bins: str = "distinct", n_bins: int = 10
) -> MurphyDecomposition:
    """Split the Brier score into reliability, resolution, uncertainty and what happens within bins.

    Parameters
    ----------
    y_true, prob, n_bins : as in `reliability_bins`
    bins : "distinct" (every probability by itself, Murphy's own), "quantile" or "width"

    Raises
    ------
    ValueError : as `reliability_bins`

    Notes
    -----
    Sources: Murphy 1973 (J Appl Meteorol 12:595); within-bin terms Stephenson, Coelho and Jolliffe 2008
    (Weather Forecast 23:752); debiased terms Ferro and Fricker 2012 (Q J R Meteorol Soc 138:1954).
    """
    y, p, _, _ = checked_inputs(y_true, prob, None)
    bin_of, edges, bin_note = assigned_bins(p, bins, n_bins)
    count, mean_prob, observed = bin_means(y, p, bin_of)
    n, rate, share = y.size, float(y.mean()), count / y.size
    off_p, off_y = p - mean_prob[bin_of], y - observed[bin_of]
    reliability = float((share * (mean_prob - observed) ** 2).sum())
    resolution = float((share * (observed - rate) ** 2).sum())
    uncertainty = rate * (1.0 - rate)
    single = int((count < 2).sum())
    spread = observed * (1.0 - observed) * count
    excess = NAN if single else float((spread / np.maximum(count - 1.0, 1.0)).sum()) / n
    total = uncertainty / (n - 1)
    return MurphyDecomposition(
        brier=float(((p - y) ** 2).mean()),
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within_variance=float((off_p**2).mean()),
        within_covariance=2.0 * float((off_p * off_y).mean()),
        reliability_debiased=reliability - excess,
        resolution_debiased=resolution - excess + total,
        uncertainty_debiased=uncertainty + total,
        n_bins=edges.shape[0],
        n=n,
        method=f"{bins} bins, Murphy 1973 with within-bin terms",
        note=joined_notes(
            bin_note, f"{single} bins hold a single image: no debiased terms" if single else None
        ),
    )
