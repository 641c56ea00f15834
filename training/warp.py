"""Flips and warps of batches of uint8 images, with its own parameters for every image.

Flips, then rotation (corners filled with 128), then shift, scale and shear (filled with 0): two
nearest-neighbour warps, as in the original pipeline. Both are followed back from the output pixel in one
gather, so each pixel equals that of two warps in a row, and the image between them is never made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ROTATION_FILL = 128
AFFINE_FILL = 0

_CHUNK = 8  # images whose coordinates fit into the processor's cache together


@dataclass(frozen=True, slots=True, kw_only=True)
class Warps:
    """Parameters of n augmented images, each an array (n,).

    flip : bool, mirrored left to right
    flip_vertical : bool, mirrored top to bottom
    rotation : degrees, counter-clockwise on the screen
    shift_x, shift_y : whole pixels, to the right and down
    scale : factor
    shear : degrees along x
    """

    flip: np.ndarray
    flip_vertical: np.ndarray
    rotation: np.ndarray
    shift_x: np.ndarray
    shift_y: np.ndarray
    scale: np.ndarray
    shear: np.ndarray


def check_images(images: Tensor) -> None:
    """Refuse what cannot be augmented.

    Raises
    ------
    ValueError : the images are not square, shape (n, c, s, s)
    TypeError : the images are not uint8
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"`images` must be uint8 (0 to 255); got {images.dtype}.")
    if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
        raise ValueError(f"`images` must have shape (n, c, s, s); got {tuple(images.shape)}.")


def mirror(images: Tensor, warps: Warps) -> Tensor:
    """Mirror the images whose `flip` is set left to right, and those of `flip_vertical` top to bottom."""
    for chosen, axis in ((warps.flip, 3), (warps.flip_vertical, 2)):
        if np.any(chosen):
            mask = torch.from_numpy(np.asarray(chosen)).to(images.device)
            images = torch.where(mask.view(-1, 1, 1, 1), images.flip(axis), images)
    return images


def warp(images: Tensor, warps: Warps) -> Tensor:
    """Flip, rotate, then shift, scale and shear each image with its own parameters.

    Raises
    ------
    ValueError : the images are not square
    TypeError : the images are not uint8
    """
    check_images(images)
    mirrored = mirror(images, warps)
    # A frame of one pixel carries the rotation's fill, so that coordinates can simply be clamped to it.
    framed = functional.pad(mirrored, (1, 1, 1, 1), value=ROTATION_FILL)
    affine = _columns(_inverse_affine(warps, images.shape[3]), images.device)
    rotation = _columns(_inverse_rotation(warps, images.shape[3]), images.device)
    moved = torch.empty(images.shape, dtype=images.dtype, device=images.device)  # contiguous in any case
    for start in range(0, len(images), _CHUNK):
        part = slice(start, start + _CHUNK)
        _gather(framed[part], affine[:, part], rotation[:, part], out=moved[part])
    return moved


def _gather(framed: Tensor, affine: Tensor, rotation: Tensor, *, out: Tensor) -> None:
    """Fill `out` (n, c, s, s) from the framed images (n, c, s + 2, s + 2)."""
    n, channels, size, _ = out.shape
    grid = torch.arange(size, dtype=torch.float32, device=out.device) + 0.5
    across, down = grid.view(1, 1, -1), grid.view(1, -1, 1)
    # Back through the second warp. It has no term of x in y, so y is one value per line.
    a, b, c, _, e, f = affine
    x = (a * across + (b * down + c)).floor_()
    y = (e * down + f).floor_()
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    # Back through the first warp, from the centre of the pixel just found (hence the halves).
    a, b, c, d, e, f = rotation
    column = (a * x).add_(a * 0.5 + b * (y + 0.5) + c).floor_().clamp_(-1, size)
    line = x.mul_(d).add_(d * 0.5 + e * (y + 0.5) + f).floor_().clamp_(-1, size)
    width = size + 2
    source = line.mul_(width).add_(column).add_(width + 1).to(torch.int64).view(n, 1, -1)
    torch.gather(framed.flatten(2), 2, source.expand(-1, channels, -1), out=out.flatten(2))
    out.masked_fill_(~inside.unsqueeze(1), AFFINE_FILL)


def _columns(matrix: np.ndarray, device: torch.device) -> Tensor:
    """An array (n, 6) float64 as a tensor (6, n, 1, 1) float32."""
    return torch.from_numpy(matrix.T.astype(np.float32)).to(device).view(6, -1, 1, 1)


def _inverse_rotation(warps: Warps, size: int) -> np.ndarray:
    """(a, b, c, d, e, f) per image: source x = a x + b y + c, source y = d x + e y + f, about the centre."""
    angle = np.deg2rad(warps.rotation)
    cos, sin = np.cos(angle), np.sin(angle)
    middle = size / 2
    return np.stack(
        [cos, -sin, middle * (1 - cos + sin), sin, cos, middle * (1 - sin - cos)],
        axis=1,
    )


def _inverse_affine(warps: Warps, size: int) -> np.ndarray:
    """Inverse of: shift to the centre, shear along x and scale, shift back and by (shift_x, shift_y)."""
    tangent = np.tan(np.deg2rad(warps.shear))
    middle = size / 2
    one, zero = 1 / warps.scale, np.zeros_like(warps.scale)
    slant = tangent / warps.scale
    back_x, back_y = middle + warps.shift_x, middle + warps.shift_y
    return np.stack(
        [one, slant, middle - one * back_x - slant * back_y, zero, one, middle - one * back_y], axis=1
    )
