"""Grey-level windows: from values of any range to 8 bits.

Source: DICOM PS3.3 C.11.2.1.2 (LINEAR) and C.11.2.1.3 (LINEAR_EXACT, SIGMOID).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Window = Literal["file", "full"] | tuple[float, float]
"""The file's own window, the full range of its stored bits, or (centre, width) in values after rescaling."""

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def parse_window(value: Any) -> Window:
    """The window that an option asks for: "file", "full", [centre, width], or the text "centre,width".

    Raises
    ------
    ValueError : anything else, or a width below 1
    """
    if value in ("file", "full"):
        return value
    parts = value.split(",") if isinstance(value, str) else value
    try:
        center, width = (float(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'it must be "file", "full", or centre and width such as [40, 400], but {value!r} came.'
        ) from error
    if not (np.isfinite(center) and np.isfinite(width) and width >= 1):
        raise ValueError(f"the width must be at least 1 and both numbers finite, but {value!r} came.")
    return center, width


def apply_window(values: np.ndarray, center: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Map values to 0 to 255.

    Parameters
    ----------
    values : float array of any shape, after rescaling
    center, width : in the same units; width at least 1 (LINEAR) or above 0 (the others)
    function : "LINEAR", "LINEAR_EXACT" or "SIGMOID"

    Returns
    -------
    float array of the same shape, range [0, 255], not rounded

    Raises
    ------
    ValueError : unknown function, width too small
    """
    if function not in FUNCTIONS:
        raise ValueError(f"the window function {function!r} is unknown; known are {', '.join(FUNCTIONS)}")
    if width < 1 and (function == "LINEAR" or width <= 0):
        raise ValueError(f"the window width {width:g} is too small")
    if function == "SIGMOID":
        # Beyond +-700 the exponential leaves float64; the sigmoid is 0 or 1 there to the last bit.
        return 255.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700.0, 700.0)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    low, high = center - width / 2, center + width / 2
    # A width of 0 has no values between the limits; the divisor only has to exist.
    inside = ((values - center) / (width or 1.0) + 0.5) * 255.0
    return np.where(values <= low, 0.0, np.where(values > high, 255.0, inside))


def full_range(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `low` to 0 and `high` to 255, linearly; float array of the same shape, range [0, 255]."""
    return np.clip((values - low) / (high - low), 0.0, 1.0) * 255.0
