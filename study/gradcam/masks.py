"""The lesion's mask on the grid of the map."""

from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

ReadMask = Callable[[str], np.ndarray | None]


def lesion_masks(read_mask: ReadMask, image_ids: Iterable[str], size: int) -> dict[str, np.ndarray]:
    """Masks of the images that have a lesion, bool (size, size), by image id in the given order.

    Images without a mask, or with an empty one, have no entry.
    """
    found = {}
    for image_id in image_ids:
        mask = read_mask(image_id)
        if mask is not None and mask.any():
            found[image_id] = square_mask(mask, size)
    return found


def square_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """A mask (h, w) at the size at which the network saw the image, bool (size, size).

    The mask goes to the map and not the map to the mask: the map has no more detail than that, and images of
    larger files would count for no more. Nearest pixel, so that no value between lesion and none arises. A
    lesion that falls between the pixels keeps one, under its centre of mass.
    """
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    square = np.asarray(picture.resize((size, size), Image.Resampling.NEAREST)) > 127
    if mask.any() and not square.any():
        square = square.copy()
        row, column = (np.mean(places) + 0.5 for places in np.nonzero(mask))
        square[int(row * size / mask.shape[0]), int(column * size / mask.shape[1])] = True
    return square
