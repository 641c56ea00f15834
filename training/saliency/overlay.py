"""Draw a heat map over its image: fixed size, colour-blind-safe colours, no plotting library."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from data.images.border import mask_border

SIDE = 320  # pixels per side of every picture: readable at 300 px on a page
# Ten support points of the "plasma" map (Smith & van der Walt, CC0): lightness rises evenly, so it also reads
# in grey and with colour-vision deficiency.
_PLASMA = np.array(
    [
        (13, 8, 135),
        (70, 3, 159),
        (114, 1, 168),
        (156, 23, 158),
        (189, 55, 134),
        (216, 87, 107),
        (237, 121, 83),
        (251, 159, 58),
        (253, 202, 38),
        (240, 249, 33),
    ],
    dtype=np.float64,
)
_STRONGEST = 0.6  # opacity where the map has its maximum: the tissue below stays visible


def image_png(image: np.ndarray) -> bytes:
    """PNG of an image, uint8 (c, s, s) with c = 1 or 3, enlarged to SIDE x SIDE."""
    return _png(_enlarged(image))


def overlay_png(image: np.ndarray, heat: np.ndarray, *, outline: np.ndarray | None = None) -> bytes:
    """PNG of the image under its heat map, SIDE x SIDE.

    Parameters
    ----------
    image : uint8 (c, s, s), c = 1 or 3
    heat : float (s, s), at least 0; divided by its maximum, so colours compare places within one image and
        not images with each other. Colour and opacity both rise with the heat: cold places show the image.
    outline : bool (s, s); its border is drawn in white where given (lesion mask)
    """
    base = _enlarged(image).astype(np.float64)
    relative = _relative(heat)
    alpha = _STRONGEST * relative[..., None]
    mixed = (1 - alpha) * base + alpha * plasma(relative)
    if outline is not None and outline.any():
        mixed[mask_border(outline, SIDE)] = 255.0
    return _png(np.rint(mixed).astype(np.uint8))


def plasma(values: np.ndarray) -> np.ndarray:
    """Colours of values in [0, 1]: float (..., 3) on 0 to 255."""
    points = np.linspace(0.0, 1.0, len(_PLASMA))
    return np.stack([np.interp(values, points, _PLASMA[:, channel]) for channel in range(3)], axis=-1)


def _relative(heat: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(np.asarray(heat, dtype=np.float32))
    large = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float64)
    peak = large.max()
    return np.clip(large / peak, 0.0, 1.0) if peak > 0 else np.zeros_like(large)


def _enlarged(image: np.ndarray) -> np.ndarray:
    """uint8 (SIDE, SIDE, 3)."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"`image` must be uint8 with shape (1 or 3, s, s); got {image.dtype} {image.shape}.")
    rgb = np.repeat(image, 3, axis=0) if image.shape[0] == 1 else image
    picture = Image.fromarray(np.ascontiguousarray(rgb.transpose(1, 2, 0)))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
