"""Pairs of images that may show the same picture, found without comparing all pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from data.audit.fingerprints import THUMBNAIL
from data.audit.neighbours import Cells, make_cells, nearest

# Cosines of up to half this many periods per side describe an image.
FREQUENCIES = 8
# Amplitudes of pictures fall with frequency; half of that is undone, so that coarse shading does not rule.
WHITENING = 0.5
# Least correlation of two descriptors of the same picture.
MIN_CORRELATION = 0.78
FLIPS = ((False, False), (False, True), (True, False), (True, True))  # upside down, left to right
# Parts of an image, as shares of its height and width, that are looked for among the whole images; and how
# many neighbours of each part are taken. The parts are a crop of every side, of two depths, and of one side.
_ALL, _WITHOUT_START, _WITHOUT_END = (0.0, 1.0), (0.05, 1.0), (0.0, 0.95)
_WHOLE = (_ALL, _ALL)
_PARTS = (
    ((0.05, 0.95), (0.05, 0.95)),
    ((0.1, 0.9), (0.1, 0.9)),
    (_WITHOUT_START, _ALL),
    (_WITHOUT_END, _ALL),
    (_ALL, _WITHOUT_START),
    (_ALL, _WITHOUT_END),
)
NEIGHBOURS_OF_WHOLE = 10
NEIGHBOURS_OF_PART = 4
_CHUNK = 2048

Box = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """m pairs a < b of rows of the thumbnails; a pair may come several times with other flips.

    Attributes
    ----------
    a, b : int (m,)
    flip : int (m,), index into FLIPS: how b is turned to look like a
    place : float (m, 4), where the turned b lies over a, roughly (see `Alignment`)
    """

    a: np.ndarray
    b: np.ndarray
    flip: np.ndarray
    place: np.ndarray

    def take(self, rows: np.ndarray) -> Candidates:
        """Some of the pairs."""
        return Candidates(a=self.a[rows], b=self.b[rows], flip=self.flip[rows], place=self.place[rows])


def find_candidates(thumbnails: np.ndarray) -> Candidates:
    """Nearest neighbours of every image, of its mirror images and of parts of it.

    The descriptor of an image are the low frequencies of its cosine transform, as in pHash (Zauner 2010) but
    with their values instead of their signs, scaled to length 1: brightness and contrast do not matter.
    Images turned upside down are looked for as a whole only.

    Parameters
    ----------
    thumbnails : uint8 (n, 64, 64), none constant
    """
    whole = _descriptors(thumbnails, _WHOLE)
    cells = make_cells(whole)
    found = [_look(cells, whole, flip, _WHOLE, NEIGHBOURS_OF_WHOLE) for flip in range(len(FLIPS))]
    for part in _PARTS:
        queries = _descriptors(thumbnails, part)
        found += [_look(cells, queries, flip, part, NEIGHBOURS_OF_PART) for flip in range(2)]
    return _best(
        *(np.concatenate([piece[k] for piece in found]) for k in range(4)),
    )


def _look(
    cells: Cells, queries: np.ndarray, flip: int, part: Box, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (m, 2) a < b, their flips, places and correlations, for one part of the images, turned."""
    query, other, correlation = nearest(cells, queries * _signs(flip), k=k, min_correlation=MIN_CORRELATION)
    pairs = np.column_stack([np.minimum(query, other), np.maximum(query, other)])
    of_b, of_a = _places(part, flip)
    place = np.where((query > other)[:, None], of_b, of_a)
    return pairs, np.full(len(pairs), flip), place, correlation


def _places(part: Box, flip: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the turned b lies over a if the part of b looks like a, and if the part of a looks like b."""
    of_b, of_a = [], []
    for (low, high), turned in zip(part, FLIPS[flip], strict=True):
        scale, shift = high - low, low + high - 1.0
        of_b += [scale, -shift if turned else shift]
        of_a += [1.0 / scale, -shift / scale]
    return np.array(of_b), np.array(of_a)


def _best(pairs: np.ndarray, flip: np.ndarray, place: np.ndarray, correlation: np.ndarray) -> Candidates:
    """One row per pair and flip: that with the largest correlation."""
    order = np.lexsort((*place.T, -correlation, flip, pairs[:, 1], pairs[:, 0]))
    keys = np.column_stack([pairs, flip])[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    kept = order[first]
    return Candidates(a=pairs[kept, 0], b=pairs[kept, 1], flip=flip[kept], place=place[kept])


def _frequencies() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertical and horizontal frequency of each component, and its weight."""
    v, u = np.mgrid[:FREQUENCIES, :FREQUENCIES]
    radius = np.hypot(v, u)
    kept = (radius > 0) & (radius < FREQUENCIES)
    return v[kept], u[kept], radius[kept] ** WHITENING


def _signs(flip: int) -> np.ndarray:
    """Turning an image changes the sign of its odd cosines."""
    down, across = FLIPS[flip]
    v, u, _ = _frequencies()
    return (-1.0) ** (v * down + u * across)


def _descriptors(thumbnails: np.ndarray, part: Box) -> np.ndarray:
    """float32 (n, components) of length 1, of a part of each image."""
    cosines = dct(np.eye(THUMBNAIL), axis=0, norm="ortho")[:FREQUENCIES]
    down, across = (cosines @ _stretched(*interval) for interval in part)
    v, u, weight = _frequencies()
    described = np.empty((len(thumbnails), len(weight)), dtype=np.float32)
    for start in range(0, len(thumbnails), _CHUNK):
        piece = thumbnails[start : start + _CHUNK].astype(np.float64)
        values = (down @ piece @ across.T)[:, v, u] * weight
        described[start : start + _CHUNK] = values / np.linalg.norm(values, axis=1, keepdims=True)
    return described


def _stretched(low: float, high: float) -> np.ndarray:
    """Matrix (64, 64) that stretches an interval of a row of pixels to the whole row, linearly."""
    centres = (low + (np.arange(THUMBNAIL) + 0.5) / THUMBNAIL * (high - low)) * THUMBNAIL - 0.5
    centres = np.clip(centres, 0.0, THUMBNAIL - 1.0)
    return np.clip(1.0 - np.abs(centres[:, None] - np.arange(THUMBNAIL)), 0.0, 1.0)
