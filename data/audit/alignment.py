"""Lay one image over another that may be a part of it, stretched: many pairs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# A part is at least this large; shifts are in units of half the image.
_SCALE_RANGE = (0.7, 1.0 / 0.7)
_SHIFT_LIMIT = 0.35
# Residuals, in standard deviations, beyond which a pixel (burnt-in text) pulls no harder.
_CLIP = 1.0
_TOLERANCE = 2e-4
_RIDGE = 1e-3
# The place of an image that lies over its template as it is.
NO_CHANGE = np.array([1.0, 0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How m images lie over their templates.

    Attributes
    ----------
    place : float (m, 4): scale and shift down, scale and shift across. Coordinates run from -1 to 1 over an
        image; the template's point x shows what the image has at ``scale * x + shift``
    warped : float32 (m, s, s), the image resampled on the template's grid
    inside : bool (m, s, s), True where the grid lies within the image
    correlation : float (m,), of template and warped image inside
    """

    place: np.ndarray
    warped: np.ndarray
    inside: np.ndarray
    correlation: np.ndarray


def align(templates: np.ndarray, images: np.ndarray, place: np.ndarray, *, steps: int) -> Alignment:
    """Find scale and shift, down and across, of each image against its template.

    Inverse compositional Gauss-Newton steps (Baker & Matthews 2004) on standardised grey levels, so that
    brightness and contrast do not matter; gain and offset are fitted along with the place.

    Parameters
    ----------
    templates, images : float32 (m, s, s), none constant
    place : float (m, 4), where to start
    steps : at most so many for each pair; fewer where its place has settled
    """
    size = templates.shape[-1]
    templates = _standardised(templates, np.ones(templates.shape, dtype=bool))
    slopes = _slopes(templates, size)
    gram = slopes @ slopes.transpose(0, 2, 1) + _RIDGE * np.eye(slopes.shape[1], dtype=np.float32)
    solver = np.linalg.inv(gram)[:, :4]
    place = place.astype(np.float64)
    moving = np.arange(len(place))
    for _ in range(steps):
        warped, inside = warp(images[moving], place[moving])
        residual = np.clip(_standardised(warped, inside) - templates[moving], -_CLIP, _CLIP) * inside
        flat = residual.reshape(len(moving), size * size, 1).astype(np.float32)
        step = (solver[moving] @ (slopes[moving] @ flat))[..., 0]
        place[moving] = _composed(place[moving], step)
        moving = moving[np.abs(step).max(axis=1) >= _TOLERANCE]
        if not len(moving):
            break
    warped, inside = warp(images, place)
    return Alignment(
        place=place, warped=warped, inside=inside, correlation=_correlation(templates, warped, inside)
    )


def warp(images: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Resample images (m, s, s) at their places, linearly; also where the grid lies inside."""
    size = images.shape[-1]
    down, in_rows = _weights(place[:, 0], place[:, 1], size)
    across, in_columns = _weights(place[:, 2], place[:, 3], size)
    return down @ images @ across.transpose(0, 2, 1), in_rows[:, :, None] & in_columns[:, None, :]


def _weights(scale: np.ndarray, shift: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (m, s, s) of linear interpolation along one side, and which points (m, s) are inside."""
    grid = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    pixel = (scale[:, None] * grid + shift[:, None] + 1.0) / 2.0 * size - 0.5
    inside = (pixel > -0.75) & (pixel < size - 0.25)
    pixel = np.clip(pixel, 0.0, size - 1.0).astype(np.float32)
    taps = np.arange(size, dtype=np.float32)
    return np.clip(1.0 - np.abs(pixel[:, :, None] - taps), 0.0, 1.0), inside


def _slopes(templates: np.ndarray, size: int) -> np.ndarray:
    """Change of each pixel with place, offset and gain: float32 (m, 6, s * s)."""
    grid = ((np.arange(size) + 0.5) / size * 2.0 - 1.0).astype(np.float32)
    down, across = np.gradient(templates, 2.0 / size, axis=(1, 2))
    parts = [down * grid[:, None], down, across * grid, across, np.ones_like(templates), templates]
    return np.stack(parts, axis=1).reshape(len(templates), 6, size * size).astype(np.float32)


def _composed(place: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The place after the inverse of a small step of the template."""
    moved = place.copy()
    for scale, shift in ((0, 1), (2, 3)):
        factor = 1.0 + np.clip(step[:, scale], -0.1, 0.1)
        moved[:, scale] = np.clip(place[:, scale] / factor, *_SCALE_RANGE)
        moved[:, shift] = np.clip(
            place[:, shift] - place[:, scale] * step[:, shift] / factor, -_SHIFT_LIMIT, _SHIFT_LIMIT
        )
    return moved


def _standardised(images: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Images with mean 0 and standard deviation 1 inside."""
    count = np.maximum(inside.sum(axis=(1, 2), keepdims=True), 1).astype(np.float32)
    mean = (images * inside).sum(axis=(1, 2), keepdims=True) / count
    centred = images - mean
    spread = np.sqrt((centred**2 * inside).sum(axis=(1, 2), keepdims=True) / count)
    return centred / np.maximum(spread, 1e-6)


def _correlation(templates: np.ndarray, warped: np.ndarray, inside: np.ndarray) -> np.ndarray:
    a = _standardised(templates, inside)
    b = _standardised(warped, inside)
    return (a * b * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1)
