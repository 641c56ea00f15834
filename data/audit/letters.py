"""Burnt-in text: thin bright strokes of one height that stand in a row."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data.audit.windows import opening

_CONTRAST = 60  # grey levels of a letter above what lies around its strokes
_BRIGHT = 150
_OPENING = 5  # pixels; strokes are thinner
_STROKE_CONTRAST, _STROKE_BRIGHT, _STROKE_LENGTH = 45, 140, 4
_LOWEST, _HIGHEST = 6, 16  # letters, pixels high
_WIDEST = 8  # heights; letters that touch are one component
# More bright specks of a letter's size than this are a texture, in which some always stand in a row.
_TEXTURE = 120


def find_text(grey: np.ndarray) -> np.ndarray:
    """Find lines of text in an image.

    Parameters
    ----------
    grey : int16 array (height, width), 0 to 255

    Returns
    -------
    int array (n, 4) : left, top, right, bottom of every line (the ends exclusive), from the left

    Notes
    -----
    A line has letters of the same top and bottom, next to each other, with upright strokes among them:
    two letters with two strokes, or three letters with one. Tissue has bright specks, but few that are
    upright, equally high and side by side. Letters are 6 to 16 pixels high; the caller scales the image.
    """
    boxes, filled = _components(grey)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    letter = (height >= _LOWEST) & (height <= _HIGHEST) & (width <= _WIDEST * height)
    # A stroke fills its box; a letter has gaps.
    letter &= (width < 4) | ((filled >= 0.2) & (filled <= 0.8))
    letter &= (width <= 1.4 * height) | (filled >= 0.3)
    boxes = boxes[letter]
    if not 0 < len(boxes) <= _TEXTURE:
        return np.empty((0, 4), dtype=np.int64)
    strokes = _strokes_in(boxes, _upright_strokes(grey))
    wide = boxes[:, 2] - boxes[:, 0] > 1.4 * (boxes[:, 3] - boxes[:, 1])
    # Letters that touch are counted by their strokes; a wide bright line of tissue has none.
    letters = np.where(wide, strokes, 1)
    return _lines(boxes, letters, strokes)


def _components(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (left, top, right, bottom) of thin bright components and the share of each that is bright."""
    top_hat = grey - opening(grey, (_OPENING, _OPENING))
    found, n = ndimage.label((top_hat >= _CONTRAST) & (grey >= _BRIGHT), np.ones((3, 3)))
    slices = ndimage.find_objects(found)
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in slices], dtype=np.int64).reshape(-1, 4)
    pixels = np.bincount(found.ravel(), minlength=n + 1)[1:]
    return boxes, pixels / np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1)


def _upright_strokes(grey: np.ndarray) -> np.ndarray:
    """Pixels of upright bright lines, at most three pixels wide and at least four long; bool."""
    found = np.zeros(grey.shape, dtype=bool)
    middle = grey[:, 2:-2]
    beside = np.maximum(grey[:, :-4], grey[:, 4:])
    found[:, 2:-2] = (middle - beside >= _STROKE_CONTRAST) & (middle >= _STROKE_BRIGHT)
    return opening(found, (_STROKE_LENGTH, 1))


def _strokes_in(boxes: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """Upright strokes per box that reach over most of its height; int, shape (n,)."""
    counts = np.zeros(len(boxes), dtype=np.int64)
    for index, (left, top, right, bottom) in enumerate(boxes):
        tall = strokes[top:bottom, left:right].sum(axis=0) >= 0.55 * (bottom - top)
        counts[index] = np.count_nonzero(np.diff(tall.astype(np.int8), prepend=0) == 1)
    return counts


def _lines(boxes: np.ndarray, letters: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    boxes, strokes, letters = (values[letters > 0] for values in (boxes, strokes, letters))
    if not len(boxes):
        return np.empty((0, 4), dtype=np.int64)
    left, top, right, bottom = boxes.T
    gap = left[None, :] - right[:, None]
    near = (gap >= 0) & (gap <= 1.3 * (bottom - top)[None, :])
    level = (abs(top[:, None] - top) <= 1) & (abs(bottom[:, None] - bottom) <= 1)
    n, line = connected_components(coo_array(near & level), directed=False)
    n_letters, n_strokes = np.bincount(line, letters, n), np.bincount(line, strokes, n)
    text = ((n_letters >= 2) & (n_strokes >= 2)) | ((n_letters >= 3) & (n_strokes >= 1))
    found = [
        (left[own].min(), top[own].min(), right[own].max(), bottom[own].max())
        for own in (line == index for index in np.flatnonzero(text))
    ]
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 4)
