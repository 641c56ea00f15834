"""How far the details of two images lie apart after the images were laid over each other."""

from __future__ import annotations

import numpy as np

from data.audit.local import gaussian_window, judged_windows, levelled, smooth, weighted_quantile

# Share of the textured area that must lie closer than the result.
SHARE = 0.7
# Standard deviations in pixels: of the windows, and of the blur before slopes are taken.
_WINDOW = 3.0
_BLUR = 1.0
_RIDGE = 20.0


def local_displacement(templates: np.ndarray, warped: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Distance in pixels that SHARE of the picture does not exceed.

    In every window one step of optical flow (Lucas & Kanade 1981) is solved, with a gain and an offset of
    its own. One picture that was scaled, cropped, blurred or compressed lies still; in neighbouring frames
    and slices the tissue has moved, each part in its own way, also where single details still correlate.
    Windows count by the logarithm of the squared slopes in them.

    Parameters
    ----------
    templates, warped : float32 (m, s, s)
    inside : bool (m, s, s), where both are defined

    Returns
    -------
    float (m,)
    """
    size = templates.shape[-1]
    blur = _blur(size)
    a = blur @ levelled(templates, inside) @ blur
    b = blur @ levelled(warped, inside) @ blur
    middle, residual = (a + b) / 2, b - a
    down, across = np.gradient(middle, axis=(1, 2))
    window = gaussian_window(size, _WINDOW)

    def covariance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return smooth(x * y, window) - smooth(x, window) * smooth(y, window)

    gain = covariance(middle, residual) / (covariance(middle, middle) + _RIDGE)
    pull_down = covariance(down, residual) - gain * covariance(down, middle)
    pull_across = covariance(across, residual) - gain * covariance(across, middle)
    squared_down, squared_across = (smooth(slope**2, window) + _RIDGE for slope in (down, across))
    mixed = smooth(down * across, window)
    determinant = squared_down * squared_across - mixed**2
    moved_down = (squared_across * pull_down - mixed * pull_across) / determinant
    moved_across = (squared_down * pull_across - mixed * pull_down) / determinant
    distance = np.hypot(moved_down, moved_across)
    weight = np.log1p((squared_down + squared_across - 2 * _RIDGE) / _RIDGE) * judged_windows(inside)
    return weighted_quantile(distance, weight, SHARE)


def _blur(size: int) -> np.ndarray:
    """Symmetric matrix (size, size) that blurs along one side."""
    taps = np.arange(size)
    weight = np.exp(-0.5 * ((taps - taps[:, None]) / _BLUR) ** 2)
    return (weight / weight.sum(axis=1).max()).astype(np.float32)
