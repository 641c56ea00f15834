"""Augmentation presets: which of the paper's transformations a training image goes through, and how far.

Order: flips, rotation, affine, brightness and contrast, blur. The ranges of flip, rotation and affine are
those of the original code; the paper names colour jitter and blur (Appendix E) without values: theirs are
torchvision's customary ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from training.photometric import Jitter, blur, jitter
from training.seeds import numpy_stream
from training.settings import AUGMENTATIONS
from training.warp import Warps, check_images, mirror, warp

FLIP_PROBABILITY = 0.5
ROTATION_DEGREES = 10.0
TRANSLATION = 0.1  # share of the width and of the height
SCALE = (0.9, 1.1)
SHEAR_DEGREES = 0.1
BRIGHTNESS = CONTRAST = (0.8, 1.2)
BLUR_SIGMA = (0.1, 2.0)  # pixels

_N_DRAWS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Which transformations act."""

    flip: bool = False
    flip_vertical: bool = False
    rotation: bool = False
    affine: bool = False
    jitter: bool = False
    blur: bool = False


PRESETS = {
    "paper": Preset(flip=True, rotation=True, affine=True),
    "none": Preset(),
    "flips": Preset(flip=True, flip_vertical=True),
    "rotation": Preset(rotation=True),
    "affine": Preset(affine=True),
    "color-jitter": Preset(jitter=True),
    "blur": Preset(blur=True),
    "all": Preset(flip=True, flip_vertical=True, rotation=True, affine=True, jitter=True, blur=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Parameters of n augmented images; those of a transformation that does not act leave it out.

    sigma : of the blur in pixels, (n,)
    """

    warps: Warps
    jitter: Jitter
    sigma: np.ndarray


def draw(
    image_ids: Sequence[str], *, name: str = "all", epoch: int, size: int, stream_seed: int = 0
) -> Draws:
    """Parameters of each image in one epoch.

    They are keyed by (stream seed, epoch, image id) alone, so batch size, order and workers do not matter,
    and presets share them: an image is rotated by the same angle under "rotation", "paper" and "all".
    """
    preset = PRESETS[name]
    rows = [numpy_stream("augment", stream_seed, epoch, image_id).random(_N_DRAWS) for image_id in image_ids]
    columns = np.array(rows, dtype=np.float64).reshape(-1, _N_DRAWS).T
    flip, rotation, shift_x, shift_y, scale, shear, vertical, bright, contrast, order, sigma = columns
    turned, affine, still = float(preset.rotation), float(preset.affine), np.zeros(len(rows))
    warps = Warps(
        flip=(flip < FLIP_PROBABILITY) & preset.flip,
        flip_vertical=(vertical < FLIP_PROBABILITY) & preset.flip_vertical,
        rotation=turned * (2 * rotation - 1) * ROTATION_DEGREES,
        shift_x=affine * np.rint((2 * shift_x - 1) * TRANSLATION * size),
        shift_y=affine * np.rint((2 * shift_y - 1) * TRANSLATION * size),
        scale=_between(scale, SCALE) if preset.affine else still + 1,
        shear=affine * (2 * shear - 1) * SHEAR_DEGREES,
    )
    photometric = Jitter(
        brightness=_between(bright, BRIGHTNESS),
        contrast=_between(contrast, CONTRAST),
        contrast_first=order < 0.5,
    )
    return Draws(warps=warps, jitter=photometric, sigma=_between(sigma, BLUR_SIGMA))


def augment(
    images: Tensor, image_ids: Sequence[str], *, name: str, epoch: int, stream_seed: int = 0
) -> Tensor:
    """Augmented images of one epoch, same shape and type.

    Parameters
    ----------
    images : uint8 tensor (n, c, s, s) on any device, square, c = 1 or 3
    image_ids : one id per image
    name : a preset, one of `training.settings.AUGMENTATIONS`; "none" gives the images as they are

    Raises
    ------
    ValueError : unknown name, images not square, or not one id per image
    TypeError : the images are not uint8
    """
    if name not in AUGMENTATIONS:
        raise ValueError(f"`augmentation` is {name!r}; allowed are {', '.join(AUGMENTATIONS)}.")
    if len(image_ids) != len(images):
        raise ValueError(f"`image_ids` has {len(image_ids)} ids for {len(images)} images.")
    if name == "none":
        return images
    check_images(images)
    preset = PRESETS[name]
    draws = draw(image_ids, name=name, epoch=epoch, size=images.shape[-1], stream_seed=stream_seed)
    images = (warp if preset.rotation or preset.affine else mirror)(images, draws.warps)
    if preset.jitter:
        images = jitter(images, draws.jitter)
    return blur(images, draws.sigma) if preset.blur else images


def _between(uniform: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Uniform numbers in [0, 1) stretched to the limits."""
    low, high = limits
    return low + uniform * (high - low)
