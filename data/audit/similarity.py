"""Do two images that lie over each other show the same picture?"""

from __future__ import annotations

import numpy as np

from data.audit.local import gaussian_window, judged_windows, levelled, smooth, weighted_quantile

# Standard deviation in pixels of the Gaussian windows (Wang et al. 2004).
WINDOW = 1.5
# Local variances below this count as empty; the variance of a whole image is SPREAD**2.
NOISE = 4.0
# Grey levels by which a pixel differs that was drawn over.
MARK = 50.0
# Share of the textured area that may differ: burnt-in text, calipers, shadows that were clipped.
IGNORED_SHARE = 0.3
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def local_agreement(templates: np.ndarray, warped: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Correlation of fine structure that all but IGNORED_SHARE of the picture reaches.

    In every window the two images are correlated (the structure term of SSIM, with NOISE). Windows count by
    the logarithm of the smaller of the two local variances: where only one image has structure (text on
    black) they do not count, and few strong edges do not outweigh the texture. The result is the weighted
    IGNORED_SHARE quantile. Speckle and noise are the fingerprint of one exposure: neighbouring frames and
    slices look alike and still disagree here.

    Parameters
    ----------
    templates, warped : float32 (m, s, s)
    inside : bool (m, s, s), where both are defined

    Returns
    -------
    float (m,) in [-1, 1]; 0 where nothing can be judged
    """
    a, b = levelled(templates, inside), levelled(warped, inside)
    window = gaussian_window(templates.shape[-1], WINDOW)
    mean_a, mean_b = smooth(a, window), smooth(b, window)
    variance_a = np.maximum(smooth(a * a, window) - mean_a**2, 0.0)
    variance_b = np.maximum(smooth(b * b, window) - mean_b**2, 0.0)
    covariance = smooth(a * b, window) - mean_a * mean_b
    structure = covariance / np.sqrt((variance_a + NOISE) * (variance_b + NOISE))
    weight = np.log1p(np.minimum(variance_a, variance_b) / NOISE) * judged_windows(inside)
    return weighted_quantile(structure, weight, IGNORED_SHARE)


def mean_ssim(templates: np.ndarray, warped: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mean SSIM over the overlap (Wang et al. 2004: Gaussian window, K1 = 0.01, K2 = 0.03, range 255).

    Parameters
    ----------
    templates, warped : float (m, s, s), grey levels from 0 to 255

    Returns
    -------
    float (m,), at most 1
    """
    window = gaussian_window(templates.shape[-1], WINDOW)
    a = np.where(inside, templates, 0.0).astype(np.float64)
    b = np.where(inside, warped, 0.0).astype(np.float64)
    mean_a, mean_b = smooth(a, window), smooth(b, window)
    variance_a, variance_b = smooth(a * a, window) - mean_a**2, smooth(b * b, window) - mean_b**2
    covariance = smooth(a * b, window) - mean_a * mean_b
    ssim = (2 * mean_a * mean_b + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    ssim /= (mean_a**2 + mean_b**2 + _SSIM_C1) * (variance_a + variance_b + _SSIM_C2)
    judged = judged_windows(inside)
    return (ssim * judged).sum(axis=(1, 2)) / np.maximum(judged.sum(axis=(1, 2)), 1)


def fit_grey_levels(template: np.ndarray, warped: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Grey levels of one image (s, s) after the cubic polynomial that brings them closest to the template.

    It undoes changes of brightness, contrast and gamma. Pixels that a straight line leaves more than MARK
    grey levels apart (burnt-in text) have no part in the fit.
    """
    line = _fitted(template, warped, inside, degree=1)
    return _fitted(template, warped, inside & (np.abs(line - template) <= MARK), degree=3)


def _fitted(template: np.ndarray, warped: np.ndarray, used: np.ndarray, *, degree: int) -> np.ndarray:
    if not used.any():
        return warped
    levels = np.clip(warped, warped[used].min(), warped[used].max()).astype(np.float64) / 255.0
    powers = np.polynomial.polynomial.polyvander(levels, degree)
    solution, *_ = np.linalg.lstsq(powers[used], template[used].astype(np.float64), rcond=None)
    return powers @ solution
