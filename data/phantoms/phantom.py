"""The result type of the phantoms and the checks of their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """One procedural image with the region that decides its class.

    Attributes
    ----------
    image : uint8 array, shape (size, size)   grey levels
    mask : bool array, shape (size, size)     lesion or ligament; all false where there is none
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def check_phantom(kind: str, classes: Sequence[str], *, size: int, difficulty: float) -> None:
    """Raise ValueError, one sentence, where an argument of a phantom is out of range."""
    if kind not in classes:
        raise ValueError(f"`kind` is {kind!r}; this phantom has {', '.join(classes)}. Give one of these.")
    check_size_and_difficulty(size=size, difficulty=difficulty)


def check_size_and_difficulty(*, size: int, difficulty: float) -> None:
    """Raise ValueError where `size` is below 32 or `difficulty` outside [0, 1] (NaN included)."""
    if size < MIN_SIZE:
        raise ValueError(f"`size` is {size} px; phantoms need at least {MIN_SIZE} px. Give a larger size.")
    if not 0.0 <= difficulty <= 1.0:
        raise ValueError(
            f"`difficulty` is {difficulty}; it must lie between 0 (easy) and 1 (chance). Give such a number."
        )
