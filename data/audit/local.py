"""Local windows over pairs of images that lie over each other."""

from __future__ import annotations

import numpy as np

_STRIDE = 2
_MARGIN = 4  # pixels along the edge of the overlap that are not judged
# Standard deviation that grey levels are brought to.
SPREAD = 50.0


def levelled(images: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Images with mean 0 and standard deviation SPREAD inside, 0 outside."""
    count = np.maximum(inside.sum(axis=(1, 2), keepdims=True), 1).astype(np.float32)
    centred = np.where(inside, images - (images * inside).sum(axis=(1, 2), keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True) / count)
    return (centred * (SPREAD / np.maximum(spread, 1e-3))).astype(np.float32)


def gaussian_window(size: int, sigma: float) -> np.ndarray:
    """Matrix (size // 2, size) that takes Gaussian means at every second pixel."""
    centres = np.arange(0, size, _STRIDE)
    weight = np.exp(-0.5 * ((np.arange(size) - centres[:, None]) / sigma) ** 2)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def smooth(images: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Local means of images (m, s, s)."""
    return window @ images @ window.T


def judged_windows(inside: np.ndarray) -> np.ndarray:
    """Windows (m, s // 2, s // 2) that lie in the overlap, away from its edge."""
    rows, columns = np.any(inside, axis=2), np.any(inside, axis=1)
    return _away_from_edge(rows)[:, ::_STRIDE, None] & _away_from_edge(columns)[:, None, ::_STRIDE]


def _away_from_edge(line: np.ndarray) -> np.ndarray:
    """Points (m, s) of a line that have _MARGIN true points on both sides."""
    padded = np.pad(line, ((0, 0), (_MARGIN, _MARGIN)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _MARGIN + 1, axis=1)
    return np.all(windows, axis=2)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """Per map of (m, rows, columns) the smallest value with at least `share` of the weight up to it.

    0 where a map has no weight.
    """
    m, rows, columns = values.shape
    values, weights = (part.reshape(m, rows * columns) for part in (values, weights))
    order = np.argsort(values, axis=1)
    total = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    place = (total < share * total[:, -1:]).sum(axis=1)
    found = np.take_along_axis(values, np.take_along_axis(order, place[:, None], axis=1), axis=1)[:, 0]
    return np.where(total[:, -1] > 0, found, 0.0)
