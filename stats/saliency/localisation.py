"""How well a heat map finds a lesion: energy inside its mask, pointing game, overlap at a threshold.

All three lie in [0, 1] and depend neither on the scale of the map nor on its unit. A map without any
preference (the same value everywhere) gets the lesion's share of the area in each of them: that is chance.
A map that is 0 everywhere holds no evidence and has no value (NaN).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LOCALISATION_MEASURES = ("energy", "pointing", "iou")
THRESHOLD = 0.5  # share of the map's maximum from which a pixel counts as marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Localisation:
    """The three measures of one map and lesion; NaN where the map is 0 everywhere.

    Attributes
    ----------
    energy, pointing, iou : see `energy_inside`, `pointing_game`, `overlap`
    mask_share : the lesion's share of the area, what a map without preference gets
    """

    energy: float
    pointing: float
    iou: float
    mask_share: float


def localise(
    heat: NDArray[np.floating], mask: Mask, *, threshold: float = THRESHOLD, tolerance: float = 0.0
) -> Localisation:
    """Return all measures of one map; parameters and errors as the functions below."""
    return Localisation(
        energy=energy_inside(heat, mask),
        pointing=pointing_game(heat, mask, tolerance=tolerance),
        iou=overlap(heat, mask, threshold=threshold),
        mask_share=float(mask.mean()),
    )


def energy_inside(heat: NDArray[np.floating], mask: Mask) -> float:
    """Return the share of a map's sum that lies inside the mask.

    Parameters
    ----------
    heat : float array, shape (h, w)   0 or more
    mask : bool array, shape (h, w)    True = lesion, somewhere

    Raises
    ------
    ValueError : other shapes than each other; an empty mask; a value below 0 or not finite

    Notes
    -----
    The energy-based pointing game of Wang et al. 2020 (Score-CAM, CVPR Workshops, section 4.3).
    """
    wide = _checked(heat, mask)
    total = wide.sum()
    # Rounding of the two sums must not lead out of [0, 1].
    return min(1.0, float(wide[mask].sum() / total)) if total > 0 else float("nan")


def pointing_game(heat: NDArray[np.floating], mask: Mask, *, tolerance: float = 0.0) -> float:
    """Return 1 if the map's maximum lies inside the lesion, else 0; ties give the share of maxima inside.

    Parameters
    ----------
    tolerance : pixels outside the lesion that still count as a hit (straight distance); Zhang et al. allow 15

    Raises
    ------
    ValueError : as `energy_inside`; a tolerance below 0

    Notes
    -----
    Zhang et al. 2018 (Int J Comput Vis 126:1084). The share among ties is the expected value of a random
    choice between them.
    """
    wide = _checked(heat, mask)
    if not tolerance >= 0.0:
        raise ValueError(f"`tolerance` is {tolerance}; allowed are pixels from 0.")
    peak = wide.max()
    if peak <= 0:
        return float("nan")
    near = mask if tolerance == 0.0 else distance_transform_edt(~mask) <= tolerance
    return float(np.asarray(near)[wide == peak].mean())


def overlap(heat: NDArray[np.floating], mask: Mask, *, threshold: float = THRESHOLD) -> float:
    """Return the intersection over union of the lesion and the marked pixels.

    Parameters
    ----------
    threshold : a pixel is marked from this share of the map's maximum on; in (0, 1]

    Raises
    ------
    ValueError : as `energy_inside`; a threshold outside (0, 1]

    Notes
    -----
    The value depends on the threshold; compare maps at the same one, fixed before.
    """
    wide = _checked(heat, mask)
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"`threshold` is {threshold}; allowed are shares of the maximum in (0, 1].")
    peak = wide.max()
    if peak <= 0:
        return float("nan")
    marked = wide >= threshold * peak
    return float((marked & mask).sum() / (marked | mask).sum())


def _checked(heat: NDArray[np.floating], mask: Mask) -> Floats:
    if heat.shape != mask.shape or heat.ndim != 2:
        raise ValueError(f"`heat` has shape {heat.shape}, `mask` {mask.shape}; both must be (h, w), equal.")
    if mask.dtype != bool:
        raise ValueError(f"`mask` is {mask.dtype}; give bool, True = lesion.")
    if not mask.any():
        raise ValueError("`mask` is empty; an image without a lesion cannot be measured.")
    wide = np.asarray(heat, dtype=np.float64)
    if not np.isfinite(wide).all() or (wide < 0).any():
        raise ValueError("`heat` has values below 0 or not finite; give a map of evidence, 0 or more.")
    return wide
