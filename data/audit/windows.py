"""Running minima and openings of images, by shifted slices: for small windows faster than a filter."""

from __future__ import annotations

import numpy as np


def running_min(values: np.ndarray, size: int, *, axis: int) -> np.ndarray:
    """Minimum of every window of `size` pixels along an axis that lies inside the image.

    Returns
    -------
    array that is `size` - 1 shorter along `axis`; index i is the window that starts at i
    """
    return _running(np.minimum, values, size, axis)


def opening(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Morphological opening: every pixel becomes the highest minimum of a window of `size` that holds it.

    Parameters
    ----------
    values : array (height, width) of numbers or bool, at least as large as `size` (height, width)
    """
    lowest = values
    for axis, length in enumerate(size):
        lowest = running_min(lowest, length, axis=axis)
    highest = lowest
    floor = np.zeros((), values.dtype) if values.dtype == bool else np.iinfo(values.dtype).min
    for axis, length in enumerate(size):
        margin = [(0, 0), (0, 0)]
        margin[axis] = (length - 1, length - 1)
        highest = _running(np.maximum, np.pad(highest, margin, constant_values=floor), length, axis)
    return highest


def _running(combine: np.ufunc, values: np.ndarray, size: int, axis: int) -> np.ndarray:
    n = values.shape[axis] - size + 1
    along_rows = axis == 0
    found = values[:n].copy() if along_rows else values[:, :n].copy()
    for start in range(1, size):
        combine(found, values[start : start + n] if along_rows else values[:, start : start + n], out=found)
    return found
