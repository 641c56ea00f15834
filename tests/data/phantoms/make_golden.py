"""Rewrite golden.json: `python tests/data/phantoms/make_golden.py`. A difference in it means new pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from data.phantoms.breast import BREAST_CLASSES, breast_phantom
from data.phantoms.knee import KNEE_CLASSES, knee_phantom
from data.phantoms.phantom import Phantom

GOLDEN = Path(__file__).with_name("golden.json")
SIZE = 64
BLOCK = 8


def draw(kind: str) -> Phantom:
    """The one image per class that is kept."""
    maker = breast_phantom if kind in BREAST_CLASSES else knee_phantom
    return maker(np.random.default_rng(11), kind=kind, size=SIZE, difficulty=0.25, patient=7)


def block_means(image: np.ndarray) -> list[list[float]]:
    """Means of 8 x 8 pixel blocks: they hide a grey level of rounding and show any change of the drawing."""
    n = SIZE // BLOCK
    return image.astype(float).reshape(n, BLOCK, n, BLOCK).mean(axis=(1, 3)).tolist()


def main() -> None:
    """Write block means and mask areas of one image per class."""
    phantoms = {kind: draw(kind) for kind in (*BREAST_CLASSES, *KNEE_CLASSES)}
    content = {
        "script": "tests/data/phantoms/make_golden.py",
        "numpy": np.__version__,
        "block_means": {kind: block_means(phantom.image) for kind, phantom in phantoms.items()},
        "mask_pixels": {kind: int(phantom.mask.sum()) for kind, phantom in phantoms.items()},
    }
    GOLDEN.write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
