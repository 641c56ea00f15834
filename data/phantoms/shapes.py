"""Signed distances and soft painting on a warped plane, restricted to the window that a shape can touch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.phantoms.texture import FloatArray, soft_step

Shape = Callable[[FloatArray, FloatArray], FloatArray]
Box = tuple[float, float, float, float]
"""x from, x to, y from, y to in anatomical coordinates."""


class Canvas:
    """Signal on a plane of anatomical coordinates, painted from back to front.

    Attributes
    ----------
    x, y : float arrays, shape (size, size)   anatomical coordinates of the pixels, about 0 to 1
    signal : float array, shape (size, size)
    edge : float   half width of a sharp border (partial volume of half a pixel)
    """

    def __init__(self, x: FloatArray, y: FloatArray, *, background: float) -> None:
        self.x, self.y = x, y
        self.signal = np.full_like(x, background)
        self.edge = 0.5 / x.shape[0] + 0.002
        self._columns = x.min(axis=0), x.max(axis=0)
        self._rows = y.min(axis=1), y.max(axis=1)

    def window(self, box: Box) -> tuple[slice, slice]:
        """Rows and columns that hold every pixel within `box`."""
        rows = _span(*self._rows, box[2], box[3])
        return rows, _span(*self._columns, box[0], box[1])

    def paint(
        self,
        shape: Shape,
        value: float | FloatArray,
        *,
        edge: float | None = None,
        box: Box | None = None,
    ) -> None:
        """Cover the inside of `shape` (signed distance, positive inside) with `value`."""
        where = (slice(None), slice(None)) if box is None else self.window(box)
        cover = soft_step(shape(self.x[where], self.y[where]), self.edge if edge is None else edge)
        part = self.signal[where]
        part += cover * ((value[where] if isinstance(value, np.ndarray) else value) - part)

    def band(
        self, line: Box, width: tuple[float, float], value: float | FloatArray, *, edge: float | None = None
    ) -> None:
        """Paint a capsule along `line` (x, y to x, y), its half width going from the first to the second."""
        margin = max(width) + 2.0 * (self.edge if edge is None else edge)
        x0, y0, x1, y1 = line
        box = (min(x0, x1) - margin, max(x0, x1) + margin, min(y0, y1) - margin, max(y0, y1) + margin)
        self.paint(band(line, width), value, edge=edge, box=box)


def ellipse(x0: float, y0: float, rx: float, ry: float, *, tilt: float = 0.0) -> Shape:
    """Ellipse around (x0, y0), turned by `tilt` radians; the distance is exact on the border only."""
    cosine, sine = float(np.cos(tilt)), float(np.sin(tilt))

    def distance(x: FloatArray, y: FloatArray) -> FloatArray:
        u = (cosine * (x - x0) + sine * (y - y0)) / rx
        v = (cosine * (y - y0) - sine * (x - x0)) / ry
        return (1.0 - np.sqrt(u * u + v * v)) * min(rx, ry)

    return distance


def band(line: Box, width: tuple[float, float]) -> Shape:
    """Capsule along a line with half width going from the first to the second value."""
    x0, y0, x1, y1 = line
    dx, dy = x1 - x0, y1 - y0

    def distance(x: FloatArray, y: FloatArray) -> FloatArray:
        u, v = x - x0, y - y0
        t = np.clip((u * dx + v * dy) / (dx * dx + dy * dy), 0.0, 1.0)
        u, v = u - t * dx, v - t * dy
        return width[0] + (width[1] - width[0]) * t - np.sqrt(u * u + v * v)

    return distance


def union(first: FloatArray, second: FloatArray, *, round_by: float) -> FloatArray:
    """Distance to the union of two shapes with rounded inner corners (polynomial smooth maximum)."""
    h = np.clip(0.5 + 0.5 * (first - second) / round_by, 0.0, 1.0)
    return second + (first - second) * h + round_by * h * (1.0 - h)


def intersection(first: FloatArray, second: FloatArray, *, round_by: float) -> FloatArray:
    """Distance to the common part of two shapes with rounded outer corners."""
    return -union(-first, -second, round_by=round_by)


def _span(low: FloatArray, high: FloatArray, start: float, stop: float) -> slice:
    touched = np.flatnonzero((high >= start) & (low <= stop))
    return slice(0, 0) if touched.size == 0 else slice(int(touched[0]), int(touched[-1]) + 1)
