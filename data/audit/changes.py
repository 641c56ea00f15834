"""What was done to a picture, told from two images that lie over each other."""

from __future__ import annotations

import numpy as np

from data.audit.alignment import NO_CHANGE
from data.audit.similarity import MARK

# Smallest changes that are named: of scale or shift (1 is half the image), and of the grey levels' distance.
_CROP = 0.02
_GREY = 5.0
# Share of pixels drawn over that is named.
_MARK_SHARE = 0.003
_TURNS = {(False, True): "mirrored", (True, False): "upside down", (True, True): "turned by 180 degrees"}


def describe_change(
    *,
    flip: tuple[bool, bool],
    place: np.ndarray,
    template: np.ndarray,
    warped: np.ndarray,
    fitted: np.ndarray,
    inside: np.ndarray,
) -> str:
    """Say what differs between two images of one picture, the largest things first.

    Parameters
    ----------
    flip : whether one of them was turned upside down, and left to right
    place : float (4,), scale and shift down, scale and shift across, as in `Alignment`
    template, warped, fitted : float (s, s); the first image, the second laid over it, and that with its grey
        levels fitted to the first
    inside : bool (s, s), where both are defined

    Returns
    -------
    words joined by commas; "resized or recompressed" where nothing else is seen
    """
    words = [_TURNS[flip]] if flip in _TURNS else []
    if np.abs(place - NO_CHANGE).max() > _CROP:
        words.append("cropped")
    marked = np.abs(template - fitted) > MARK
    before, after = (_distance(template, image, inside & ~marked) for image in (warped, fitted))
    if before - after > _GREY:
        words.append("brightness or contrast")
    if marked[inside].mean() > _MARK_SHARE:
        words.append("text or marks")
    return ", ".join(words) or "resized or recompressed"


def _distance(template: np.ndarray, image: np.ndarray, inside: np.ndarray) -> float:
    """Root mean square difference in grey levels."""
    return float(np.sqrt(np.mean((template - image)[inside] ** 2)))
