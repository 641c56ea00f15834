"""Pairs of images that may show the same picture, found without comparing all pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct
from scipy.spatial import cKDTree

from data.audit.fingerprints import THUMBNAIL

# Cosines of up to half this many periods per side describe an image.
FREQUENCIES = 10
# Amplitudes of pictures fall with frequency; half of that is undone, so that coarse shading does not rule.
WHITENING = 0.5
# Least correlation of two descriptors of the same picture, and how many neighbours are asked for.
MIN_CORRELATION = 0.78
NEIGHBOURS = 10
# The middle of an image as it would look if this share of each side were left: catches crops.
ZOOM = 0.9
FLIPS = ((False, False), (False, True), (True, False), (True, True))  # upside down, left to right
_CHUNK = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """m pairs a < b of rows of the thumbnails; a pair may come several times with other flips.

    Attributes
    ----------
    a, b : int (m,)
    flip : int (m,), index into FLIPS: how b is turned to look like a
    zoom : float (m,), side of the part of b that looks like a: ZOOM, 1 or 1 / ZOOM
    """

    a: np.ndarray
    b: np.ndarray
    flip: np.ndarray
    zoom: np.ndarray

    def take(self, rows: np.ndarray) -> Candidates:
        """Some of the pairs."""
        return Candidates(a=self.a[rows], b=self.b[rows], flip=self.flip[rows], zoom=self.zoom[rows])


def find_candidates(thumbnails: np.ndarray) -> Candidates:
    """Nearest neighbours of every image, of its mirror images and of the middle of it.

    The descriptor of an image are the low frequencies of its cosine transform (Zauner 2010, pHash, without
    taking the signs only), scaled to length 1: brightness and contrast do not matter. A k-d tree finds the
    NEIGHBOURS nearest ones, of which those with MIN_CORRELATION are kept.

    Parameters
    ----------
    thumbnails : uint8 (n, 64, 64), none constant
    """
    n = len(thumbnails)
    whole = _descriptors(thumbnails, zoom=1.0)
    if n < 2:
        none = np.zeros(0, dtype=np.int64)
        return Candidates(a=none, b=none, flip=none, zoom=np.zeros(0))
    tree = cKDTree(whole)
    found = []
    for zoom in (1.0, ZOOM):
        queries = whole if zoom == 1.0 else _descriptors(thumbnails, zoom=zoom)
        for flip, (down, across) in enumerate(FLIPS):
            seen, other, distance = _neighbours(tree, queries * _signs(down=down, across=across))
            found.append(np.column_stack([seen, other, np.full(len(seen), flip), distance]))
            found[-1] = np.column_stack([found[-1], np.full(len(seen), zoom)])
    return _best(np.concatenate(found))


def _best(rows: np.ndarray) -> Candidates:
    """One row per pair and flip: the nearest."""
    query, other, flip, distance, zoom = rows.T
    # The middle of the query looks like the other image: seen from b, its part is ZOOM or 1 / ZOOM.
    zoom = np.where(query < other, 1.0 / zoom, zoom)
    a, b = np.minimum(query, other), np.maximum(query, other)
    order = np.lexsort((zoom, distance, flip, b, a))
    keys = np.column_stack([a, b, flip])[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    kept = order[first]
    return Candidates(
        a=a[kept].astype(np.int64),
        b=b[kept].astype(np.int64),
        flip=flip[kept].astype(np.int64),
        zoom=zoom[kept],
    )


def _neighbours(tree: cKDTree, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, their neighbours and distances, without the image itself."""
    limit = np.sqrt(2.0 - 2.0 * MIN_CORRELATION)
    k = min(NEIGHBOURS + 1, tree.n)
    distance, index = tree.query(queries, k=k, distance_upper_bound=limit, workers=2)
    rows = np.broadcast_to(np.arange(len(queries))[:, None], index.shape)
    real = (index < tree.n) & (index != rows)
    return rows[real], index[real], distance[real]


def _frequencies() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertical and horizontal frequency of each component, and its weight."""
    v, u = np.mgrid[:FREQUENCIES, :FREQUENCIES]
    radius = np.hypot(v, u)
    kept = (radius > 0) & (radius < FREQUENCIES)
    return v[kept], u[kept], radius[kept] ** WHITENING


def _signs(*, down: bool, across: bool) -> np.ndarray:
    """Turning an image changes the sign of its odd cosines."""
    v, u, _ = _frequencies()
    return (-1.0) ** (v * down + u * across)


def _descriptors(thumbnails: np.ndarray, *, zoom: float) -> np.ndarray:
    """float (n, components) of length 1."""
    cosines = dct(np.eye(THUMBNAIL), axis=0, norm="ortho")[:FREQUENCIES] @ _middle(zoom)
    v, u, weight = _frequencies()
    described = np.empty((len(thumbnails), len(weight)))
    for start in range(0, len(thumbnails), _CHUNK):
        piece = thumbnails[start : start + _CHUNK].astype(np.float32)
        spectrum = cosines @ piece @ cosines.T
        described[start : start + _CHUNK] = spectrum[:, v, u] * weight
    return described / np.linalg.norm(described, axis=1, keepdims=True)


def _middle(zoom: float) -> np.ndarray:
    """Matrix (64, 64) that stretches the middle of a row of pixels to the whole row, linearly."""
    centres = ((np.arange(THUMBNAIL) + 0.5) / THUMBNAIL - 0.5) * zoom * THUMBNAIL + (THUMBNAIL - 1) / 2
    return np.clip(1.0 - np.abs(centres[:, None] - np.arange(THUMBNAIL)), 0.0, 1.0)
