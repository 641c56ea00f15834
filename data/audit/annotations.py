"""What was drawn onto an image: text, the crosses of calipers, coloured overlays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.audit.letters import find_text
from data.audit.windows import running_min

ANNOTATION_KINDS = ("text", "caliper", "colour")
SMALLEST = 48  # pixels of the shorter side; letters and crosses cannot be told from pixels below
_LARGEST = 1024
_HALVED = 320  # an image above this is searched at half its size too
_ARM = 3  # pixels from the middle of a cross to the ends of its arms
_CROSS_BRIGHT, _CROSS_CONTRAST = 150, 30
_COLOURED = 60  # grey levels between the channels of a coloured pixel; compression makes less
_COLOURED_PIXELS = 12
_MOSTLY_GREY = 0.25  # share of coloured pixels up to which colour is an overlay, not the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What is drawn onto one image.

    Attributes
    ----------
    kinds : those of ANNOTATION_KINDS that were found, in this order
    share : part of the image's area that the boxes of text and crosses and the coloured pixels take, [0, 1]
    """

    kinds: tuple[str, ...]
    share: float


def find_annotations(image: np.ndarray) -> Annotations | None:
    """Find text, crosses of calipers, and colour in an otherwise grey image.

    Parameters
    ----------
    image : uint8 array (height, width) or (height, width, 3)

    Returns
    -------
    Annotations; None for an image with a side below SMALLEST, which cannot be searched

    Notes
    -----
    Classical image processing: letters by `find_text`, crosses as a bright pixel with four thin arms. Text
    that is slanted, dark, faint or of one letter, and dotted lines without crosses, are not found. Of the 780
    images of BUSI at 256 px it flags 115 for text and 110 for calipers. Looked at one by one, all of these
    bear what they are flagged for; of 300 others about one in fifty bears a short or faint mark.
    """
    if min(image.shape[:2]) < SMALLEST:
        return None
    coloured = _coloured(image)
    grey = brightest(image).astype(np.int16)
    area = np.zeros(grey.shape, dtype=bool)
    found = {"colour": coloured is not None, "text": False, "caliper": False}
    if coloured is not None:
        area |= coloured
    for step in _steps(max(grey.shape)):
        small = _shrunk(grey, step)
        for kind, boxes in (("text", find_text(small)), ("caliper", find_crosses(small))):
            found[kind] |= len(boxes) > 0
            for left, top, right, bottom in boxes * step:
                area[max(top, 0) : bottom, max(left, 0) : right] = True
    return Annotations(
        kinds=tuple(kind for kind in ANNOTATION_KINDS if found[kind]), share=float(area.mean())
    )


def find_crosses(grey: np.ndarray) -> np.ndarray:
    """Find the upright crosses (plus signs) that mark the ends of a measurement.

    Parameters
    ----------
    grey : int16 array (height, width), 0 to 255; arms are about 3 pixels long

    Returns
    -------
    int array (n, 4) : left, top, right, bottom (the ends exclusive)
    """
    size, inner = 2 * _ARM + 1, slice(_ARM, -_ARM)
    arms = np.minimum(running_min(grey, size, axis=0)[:, inner], running_min(grey, size, axis=1)[inner, :])
    y, x = np.nonzero(arms >= _CROSS_BRIGHT)
    lowest = arms[y, x]
    y, x = y + _ARM, x + _ARM
    # Between the arms it is darker, but for one of eight places: a dotted line ends at the cross.
    between = np.sort([grey[y + a * k, x + b * k] for a in (-1, 1) for b in (-1, 1) for k in (2, 3)], axis=0)
    clear = lowest - between[-2] >= _CROSS_CONTRAST if len(y) else np.empty(0, dtype=bool)
    y, x = y[clear], x[clear]
    return np.column_stack([x - _ARM, y - _ARM, x + _ARM + 1, y + _ARM + 1]).astype(np.int64)


def brightest(image: np.ndarray) -> np.ndarray:
    """The brightest channel of every pixel, uint8 (height, width)."""
    if image.ndim == 2:
        return image
    return np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])


def _coloured(image: np.ndarray) -> np.ndarray | None:
    """Coloured pixels of an image that is grey elsewhere, else None."""
    if image.ndim == 2:
        return None
    lowest = np.minimum(np.minimum(image[..., 0], image[..., 1]), image[..., 2])
    pixels = brightest(image) - lowest >= _COLOURED
    n = int(pixels.sum())
    return pixels if _COLOURED_PIXELS <= n <= _MOSTLY_GREY * pixels.size else None


def _steps(side: int) -> list[int]:
    """Whole factors by which an image is shrunk for the search."""
    first = -(-side // _LARGEST)
    steps = [first]
    while side // steps[-1] > _HALVED:
        steps.append(2 * steps[-1])
    return steps


def _shrunk(grey: np.ndarray, step: int) -> np.ndarray:
    """Means of blocks of step x step pixels."""
    if step == 1:
        return grey
    height, width = (side // step for side in grey.shape)
    blocks = grey[: height * step, : width * step].reshape(height, step, width, step)
    return blocks.mean(axis=(1, 3)).astype(np.int16)
