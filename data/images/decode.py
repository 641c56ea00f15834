"""Images of a data set as one array for training."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from data.dataset import Dataset

_THREADS = 2
# Bytes of decoded images that are held in memory; more of them lie in a temporary file.
MEMORY_LIMIT = 2**30
_PIECE = 256  # images that are decoded before the next ones are asked for


def decode_images(dataset: Dataset, image_ids: Sequence[str], size: int) -> np.ndarray:
    """Read images and resize them to a square with Pillow's bilinear filter (antialiased when shrinking).

    Parameters
    ----------
    image_ids : in the order wanted
    size : pixels per side; the image's proportions are not kept, as in the original study

    Returns
    -------
    uint8 array (n, channels, size, size); channels is 1 if every pixel of every image is grey, else 3 (RGB).
    An array above MEMORY_LIMIT (1 GiB: 16,384 grey images of 256 px) is memory-mapped: it lies in a file
    without a name in the temporary folder (TMPDIR), which goes with the array, and the system keeps in memory
    what is in use.

    Raises
    ------
    ValueError : `size` below 1, no image asked for, an image that cannot be read
    OSError : the temporary folder has no room for a memory-mapped array
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1 pixel, but {size} came.")
    if not len(image_ids):
        raise ValueError("`image_ids` is empty: name at least one image.")
    with ThreadPoolExecutor(_THREADS) as pool:
        stacked = _array((len(image_ids), 1, size, size))
        # In pieces, so that no more than these wait beside the array.
        for start in range(0, len(image_ids), _PIECE):
            piece = image_ids[start : start + _PIECE]
            decoded = pool.map(lambda image_id: square_image(dataset.read_image(image_id), size), piece)
            for row, image in enumerate(decoded, start=start):
                if image.ndim == 3 and stacked.shape[1] == 1:
                    stacked = _in_colour(stacked, n=row)
                # A grey image among coloured ones fills all three channels by broadcasting.
                stacked[row] = image if image.ndim == 2 else image.transpose(2, 0, 1)
    return stacked


def _array(shape: tuple[int, ...]) -> np.ndarray:
    """An empty uint8 array, memory-mapped above the limit."""
    if math.prod(shape) <= MEMORY_LIMIT:
        return np.empty(shape, dtype=np.uint8)
    with tempfile.TemporaryFile() as file:  # the map keeps the file until it ends itself
        if hasattr(os, "posix_fallocate"):
            # A full disk would end the process later, when a page that has no room is written.
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)


def _in_colour(gray: np.ndarray, *, n: int) -> np.ndarray:
    """The array with three channels; the first n images are copied."""
    colour = _array((len(gray), 3, *gray.shape[2:]))
    for row in range(n):
        colour[row] = gray[row]
    return colour


def square_image(image: np.ndarray, size: int) -> np.ndarray:
    """Resize pixels uint8 (h, w) or (h, w, 3) to a square; a colour image that is all grey becomes (h, w).

    Returns
    -------
    uint8 (size, size) or (size, size, 3)
    """
    if image.ndim == 3 and (image[..., :1] == image).all():
        image = np.ascontiguousarray(image[..., 0])
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
