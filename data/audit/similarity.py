"""Do two images that lie over each other show the same picture?"""

from __future__ import annotations

import numpy as np

# Local windows: Gaussian, this standard deviation in pixels (Wang et al. 2004), taken at every second pixel.
WINDOW = 1.5
_STRIDE = 2
_MARGIN = 4  # pixels along the edge of the overlap that are not judged
# Grey levels are brought to this standard deviation; local variances below NOISE then count as empty.
_SPREAD = 50.0
NOISE = 4.0
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
    size = templates.shape[-1]
    a, b = _levelled(templates, inside), _levelled(warped, inside)
    window = _window(size)
    mean_a, mean_b = _smooth(a, window), _smooth(b, window)
    variance_a = np.maximum(_smooth(a * a, window) - mean_a**2, 0.0)
    variance_b = np.maximum(_smooth(b * b, window) - mean_b**2, 0.0)
    covariance = _smooth(a * b, window) - mean_a * mean_b
    structure = covariance / np.sqrt((variance_a + NOISE) * (variance_b + NOISE))
    weight = np.log1p(np.minimum(variance_a, variance_b) / NOISE) * _judged(inside)
    return _weighted_quantile(structure.reshape(len(a), -1), weight.reshape(len(a), -1), IGNORED_SHARE)


def mean_ssim(templates: np.ndarray, warped: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mean SSIM over the overlap (Wang et al. 2004: Gaussian window, K1 = 0.01, K2 = 0.03, range 255).

    Parameters
    ----------
    templates, warped : float (m, s, s), grey levels from 0 to 255

    Returns
    -------
    float (m,), at most 1
    """
    window = _window(templates.shape[-1])
    a = np.where(inside, templates, 0.0).astype(np.float64)
    b = np.where(inside, warped, 0.0).astype(np.float64)
    mean_a, mean_b = _smooth(a, window), _smooth(b, window)
    variance_a, variance_b = _smooth(a * a, window) - mean_a**2, _smooth(b * b, window) - mean_b**2
    covariance = _smooth(a * b, window) - mean_a * mean_b
    ssim = (2 * mean_a * mean_b + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    ssim /= (mean_a**2 + mean_b**2 + _SSIM_C1) * (variance_a + variance_b + _SSIM_C2)
    judged = _judged(inside)
    return (ssim * judged).sum(axis=(1, 2)) / np.maximum(judged.sum(axis=(1, 2)), 1)


def fit_grey_levels(template: np.ndarray, warped: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Grey levels of one image (s, s) after the cubic polynomial that brings them closest to the template.

    It undoes changes of brightness, contrast and gamma.
    """
    powers = np.polynomial.polynomial.polyvander(warped.astype(np.float64) / 255.0, 3)
    solution, *_ = np.linalg.lstsq(powers[inside], template[inside].astype(np.float64), rcond=None)
    return powers @ solution


def _levelled(images: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Images with mean 0 and standard deviation _SPREAD inside, 0 outside."""
    count = np.maximum(inside.sum(axis=(1, 2), keepdims=True), 1).astype(np.float32)
    centred = np.where(inside, images - (images * inside).sum(axis=(1, 2), keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True) / count)
    return (centred * (_SPREAD / np.maximum(spread, 1e-3))).astype(np.float32)


def _window(size: int) -> np.ndarray:
    """Matrix (size // 2, size) that takes Gaussian means at every second pixel."""
    centres = np.arange(0, size, _STRIDE)
    weight = np.exp(-0.5 * ((np.arange(size) - centres[:, None]) / WINDOW) ** 2)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def _smooth(images: np.ndarray, window: np.ndarray) -> np.ndarray:
    return window @ images @ window.T


def _judged(inside: np.ndarray) -> np.ndarray:
    """Windows (m, s // 2, s // 2) that lie in the overlap, away from its edge."""
    rows, columns = np.any(inside, axis=2), np.any(inside, axis=1)
    return _away_from_edge(rows)[:, ::_STRIDE, None] & _away_from_edge(columns)[:, None, ::_STRIDE]


def _away_from_edge(line: np.ndarray) -> np.ndarray:
    """Points (m, s) of a line that have _MARGIN true points on both sides."""
    padded = np.pad(line, ((0, 0), (_MARGIN, _MARGIN)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _MARGIN + 1, axis=1)
    return np.all(windows, axis=2)


def _weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """Per row the smallest value below which at least `share` of the weight lies; 0 without weight."""
    order = np.argsort(values, axis=1)
    total = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    place = (total < share * total[:, -1:]).sum(axis=1)
    found = np.take_along_axis(values, np.take_along_axis(order, place[:, None], axis=1), axis=1)[:, 0]
    return np.where(total[:, -1] > 0, found, 0.0)
