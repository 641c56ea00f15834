"""How alike two heat maps of one image are: rank correlation and structural similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

Floats = NDArray[np.float64]

AGREEMENT_MEASURES = ("rank_correlation", "ssim")
SIGMA = 1.5  # pixels, of the Gaussian window
RADIUS = 5  # pixels; the window is 11 x 11
_C1, _C2 = 0.01**2, 0.03**2  # of maps in [0, 1]


def rank_correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return Spearman's correlation of the pixels of two maps, in [-1, 1]; ties have mean ranks.

    Parameters
    ----------
    a, b : float array, shape (h, w)

    Returns
    -------
    NaN where a map has the same value everywhere

    Raises
    ------
    ValueError : other shapes than each other; a value that is not finite

    Notes
    -----
    As Adebayo et al. 2018 (NeurIPS) without absolute values, since the maps have no negative ones.
    """
    first, second = _checked(a, b)
    ranks = [rankdata(values) - (values.size + 1) / 2.0 for values in (first, second)]
    size = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    return float(np.clip((ranks[0] * ranks[1]).sum() / size, -1.0, 1.0)) if size > 0 else float("nan")


def structural_similarity(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return the mean SSIM of two maps, each divided by its maximum; 1 = equal up to scale.

    Parameters
    ----------
    a, b : float array, shape (h, w)   0 or more; each side has 11 pixels at least

    Raises
    ------
    ValueError : as `rank_correlation`; a smaller map; a value below 0

    Notes
    -----
    Wang et al. 2004 (IEEE Trans Image Process 13:600): Gaussian window of 11 x 11 pixels with sigma 1.5,
    K1 0.01, K2 0.03, range 1, means over the pixels whose window lies inside. A map of zeros stays 0.
    Equals scikit-image's `structural_similarity(gaussian_weights=True, use_sample_covariance=False)`
    (tests/stats/saliency/golden.json).
    """
    first, second = (_relative(values) for values in _checked(a, b))
    side = 2 * RADIUS + 1
    if min(first.shape) < side:
        raise ValueError(f"The maps have shape {first.shape}; SSIM needs at least {side} x {side} pixels.")
    mean_a, mean_b = _window(first), _window(second)
    var_a, var_b = _window(first**2) - mean_a**2, _window(second**2) - mean_b**2
    covariance = _window(first * second) - mean_a * mean_b
    similarity = ((2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)) / (
        (mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2)
    )
    return float(similarity[RADIUS:-RADIUS, RADIUS:-RADIUS].mean())


def _window(values: Floats) -> Floats:
    return np.asarray(gaussian_filter(values, SIGMA, radius=RADIUS))


def _relative(values: Floats) -> Floats:
    if (values < 0).any():
        raise ValueError("A map has values below 0; give maps of evidence, 0 or more.")
    peak = values.max()
    return values / peak if peak > 0 else values


def _checked(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[Floats, Floats]:
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"The maps have the shapes {a.shape} and {b.shape}; both must be (h, w), equal.")
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("A map has values that are not finite.")
    return first, second
