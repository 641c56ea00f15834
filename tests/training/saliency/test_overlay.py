"""Overlays: one size, and colour where the map is warm."""

import io

import numpy as np
import pytest
from PIL import Image

from training.saliency.overlay import SIDE, overlay_png


def test_overlay_has_one_size_and_leaves_cold_places_alone():
    image = np.full((1, 48, 48), 90, dtype=np.uint8)
    heat = np.zeros((48, 48), dtype=np.float32)
    heat[30:40, 30:40] = 2.0
    pixels = np.asarray(Image.open(io.BytesIO(overlay_png(image, heat))))
    assert pixels.shape == (SIDE, SIDE, 3)
    assert (pixels[:100, :100] == 90).all()
    hot = pixels[SIDE * 35 // 48, SIDE * 35 // 48]
    assert hot[0] > 150 > hot[2], "the hottest place is yellow"
    with pytest.raises(ValueError, match=r"`image` must be uint8 with shape"):
        overlay_png(image.astype(float), heat)
