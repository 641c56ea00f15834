"""Small pictures of the images and of their Grad-CAM maps, within a budget of bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from PIL import Image

from data.images.pixels import read_pixels
from data.names import inside

SMALLEST, LARGEST = 32, 1024
_QUALITY = 85
_THREADS = 2
_PIECE = 64  # pictures that are made before the budget is looked at again

Key = TypeVar("Key")


@dataclass(slots=True)
class Budget:
    """Room for pictures in the page, counted as they stand in it (base64)."""

    room: int
    used: int = 0

    def take(self, text: str) -> bool:
        """Count a picture; False where it does not fit any more."""
        if self.used + len(text) > self.room:
            return False
        self.used += len(text)
        return True


def thumbnails(
    read_image: Callable[[str], np.ndarray], image_ids: Sequence[str], *, pixels: int, budget: Budget
) -> dict[str, str]:
    """Return small pictures by image_id, as base64 of JPEG, in the order given until the budget is spent.

    Parameters
    ----------
    read_image : image_id -> uint8 array (height, width) or (height, width, 3)
    pixels : longest side; proportions are kept, and nothing is enlarged

    Raises
    ------
    ValueError : an image cannot be read
    """

    def small(image_id: str) -> str:
        return jpeg_text(Image.fromarray(read_image(image_id)), pixels)

    return _within(budget, [(image_id, partial(small, image_id)) for image_id in image_ids])


def map_pictures(
    folder: Path, index: pd.DataFrame, *, pixels: int, budget: Budget
) -> dict[tuple[str, str], str]:
    """Return the Grad-CAM overlays that `index` (cell_id, image_id, overlay_path) names, in its order.

    Keys are (cell_id, image_id), values base64 of JPEG; the budget may end the list early.

    Raises
    ------
    FileNotFoundError : an overlay of the index is gone
    ValueError : the index names a file outside of the folder, or one that is no picture
    """

    def small(name: str) -> str:
        path = inside(folder, name)
        if not path.is_file():
            raise FileNotFoundError(
                f"The Grad-CAM index names '{path}', which is gone. "
                f"Run `study gradcam {folder.parent}` again."
            )
        return jpeg_text(Image.fromarray(read_pixels(path)), pixels)

    rows = index[["cell_id", "image_id", "overlay_path"]].itertuples(index=False, name=None)
    return _within(budget, [((cell, image), partial(small, name)) for cell, image, name in rows])


def jpeg_text(picture: Image.Image, pixels: int) -> str:
    """Return a picture as base64 of a JPEG with a longest side of at most `pixels`; grey has one channel."""
    if picture.mode == "RGB":
        colours = np.asarray(picture)
        if (colours[..., :1] == colours).all():
            picture = Image.fromarray(np.ascontiguousarray(colours[..., 0]))
    picture.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _within(budget: Budget, asked: Sequence[tuple[Key, Callable[[], str]]]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for key, text in _made(asked) if budget.room else ():
        if not budget.take(text):
            break
        found[key] = text
    return found


def _made(asked: Sequence[tuple[Key, Callable[[], str]]]) -> Iterator[tuple[Key, str]]:
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(asked), _PIECE):
            piece = asked[start : start + _PIECE]
            texts = pool.map(lambda entry: entry[1](), piece)
            yield from zip((key for key, _ in piece), texts, strict=True)
