"""The outline of a mask over a square image."""

from __future__ import annotations

import numpy as np
from PIL import Image


def mask_border(mask: np.ndarray, side: int) -> np.ndarray:
    """Inner border of a mask, one pixel wide, after resizing the mask to a square as images are.

    Parameters
    ----------
    mask : bool array (height, width)
    side : pixels per side of the square

    Returns
    -------
    bool array (side, side)
    """
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    large = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)) > 127
    inside = np.zeros_like(large)
    inside[1:-1, 1:-1] = (
        large[1:-1, 1:-1] & large[:-2, 1:-1] & large[2:, 1:-1] & large[1:-1, :-2] & large[1:-1, 2:]
    )
    return large & ~inside
