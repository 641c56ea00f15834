"""Maps that know nothing of the image: what a heat map must beat before it says anything."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPREAD = 0.25  # standard deviation of the centre prior as a share of the side


def uniform_map(size: int) -> Floats:
    """Return ones, shape (size, size): each measure is then the lesion's share of the area."""
    return np.ones((_checked(size), size))


def centre_prior(size: int, *, spread: float = SPREAD) -> Floats:
    """Return a round Gaussian at the centre, shape (size, size), maximum 1 (even sides: near 1).

    Parameters
    ----------
    spread : standard deviation as a share of the side, above 0

    Notes
    -----
    Sonographers put the lesion in the middle, so a map of the centre alone finds many.
    """
    if not spread > 0.0:
        raise ValueError(f"`spread` is {spread}; allowed are shares of the side above 0.")
    offset = (np.arange(_checked(size)) - (size - 1) / 2.0) / (spread * size)
    line = np.exp(-0.5 * offset**2)
    return np.outer(line, line)


def mean_mask(masks: Iterable[NDArray[np.bool_]]) -> Floats:
    """Return the share of masks that hold each pixel, shape (h, w): where lesions of other images lie.

    Raises
    ------
    ValueError : no mask; masks of different shapes
    """
    total: Floats | None = None
    n = 0
    for mask in masks:
        if total is None:
            total = np.zeros(mask.shape)
        if mask.shape != total.shape:
            raise ValueError(f"`masks` have the shapes {total.shape} and {mask.shape}; they must be equal.")
        total += mask
        n += 1
    if total is None:
        raise ValueError("`masks` is empty; give the masks of the training images.")
    return total / n


def _checked(size: int) -> int:
    if size < 1:
        raise ValueError(f"`size` is {size}; allowed are whole numbers from 1.")
    return size
