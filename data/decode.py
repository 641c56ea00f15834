"""Images of a data set as one array for training."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from data.dataset import Dataset

_THREADS = 2


def decode_images(dataset: Dataset, image_ids: Sequence[str], size: int) -> np.ndarray:
    """Read images and resize them to a square with Pillow's bilinear filter (antialiased when shrinking).

    Parameters
    ----------
    image_ids : in the order wanted
    size : pixels per side; the image's proportions are not kept, as in the original study

    Returns
    -------
    uint8 array (n, channels, size, size); channels is 1 if every pixel of every image is grey, else 3 (RGB)

    Raises
    ------
    ValueError : `size` below 1, no image asked for, an image that cannot be read
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1 pixel, but {size} came.")
    if not len(image_ids):
        raise ValueError("`image_ids` is empty: name at least one image.")
    with ThreadPoolExecutor(_THREADS) as pool:
        images = list(pool.map(lambda image_id: square_image(dataset.read_image(image_id), size), image_ids))
    channels = max(1 if image.ndim == 2 else 3 for image in images)
    stacked = np.empty((len(images), channels, size, size), dtype=np.uint8)
    for target, image in zip(stacked, images, strict=True):
        # A grey image among coloured ones fills all three channels by broadcasting.
        target[:] = image if image.ndim == 2 else image.transpose(2, 0, 1)
    return stacked


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
