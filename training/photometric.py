"""Brightness, contrast and blur of batches of uint8 images, with its own parameters for every image.

Each operation is that of torchvision on uint8 tensors, values between 0 and 255 cut off towards zero, and
works pixel by pixel or on whole numbers: the result of an image does not depend on its batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

BLUR_RADIUS = 4  # two standard deviations of the widest blur

_CHUNK = 8  # images whose float32 copies fit into the processor's cache together
_GRAY = (0.2989, 0.587, 0.114)  # weights of R, G, B in torchvision's contrast


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """Parameters of n images, each an array (n,).

    brightness : factor
    contrast : factor of the distance from the image's mean
    contrast_first : bool, whether contrast comes before brightness
    """

    brightness: np.ndarray
    contrast: np.ndarray
    contrast_first: np.ndarray


def jitter(images: Tensor, parameters: Jitter) -> Tensor:
    """Images uint8 (n, c, s, s), c = 1 or 3, with other brightness and contrast, in each image's order."""
    if len(images) > _CHUNK:
        starts = range(0, len(images), _CHUNK)
        return torch.cat([jitter(images[i : i + _CHUNK], _part(parameters, i)) for i in starts])
    result = images.clone(memory_format=torch.contiguous_format)
    for contrast_first in (False, True):
        rows = np.flatnonzero(parameters.contrast_first == contrast_first)
        if len(rows):
            steps = [(_brighten, parameters.brightness[rows]), (_stretch, parameters.contrast[rows])]
            part = images[rows]
            for step, factor in reversed(steps) if contrast_first else steps:
                part = step(part, _column(factor, images.device))
            result[rows] = part
    return result


def blur(images: Tensor, sigma: np.ndarray) -> Tensor:
    """Images uint8 (n, c, s, s) under a Gaussian of 9 x 9 pixels, sigma (n,) in pixels; borders reflected."""
    out = torch.empty(images.shape, dtype=torch.uint8, device=images.device)
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK].to(torch.float32)
        weights = _kernel(sigma[start : start + _CHUNK], images.device)
        padded = functional.pad(part, [BLUR_RADIUS] * 4, mode="reflect")
        blurred = _smooth(_smooth(padded, weights, 3), weights, 2)
        out[start : start + _CHUNK] = blurred.round_().clamp_(0, 255).to(torch.uint8)
    return out


def _smooth(images: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Weighted sum of shifted images along an axis; it is shorter by the kernel's two radii afterwards.

    A fixed order of additions: a convolution picks its algorithm by the batch.
    """
    size = images.shape[axis] - 2 * BLUR_RADIUS
    total = images.narrow(axis, BLUR_RADIUS, size) * weights[0]
    for distance in range(1, BLUR_RADIUS + 1):
        pair = images.narrow(axis, BLUR_RADIUS - distance, size) + images.narrow(
            axis, BLUR_RADIUS + distance, size
        )
        total.addcmul_(pair, weights[distance])
    return total


def _kernel(sigma: np.ndarray, device: torch.device) -> Tensor:
    """Weights (radius + 1, n, 1, 1, 1) at distance 0, 1, ... that sum to 1 over both sides."""
    distance = np.arange(BLUR_RADIUS + 1)[:, None]
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum(axis=0)
    return torch.from_numpy(weights.astype(np.float32)).to(device).view(BLUR_RADIUS + 1, -1, 1, 1, 1)


def _brighten(images: Tensor, factor: Tensor) -> Tensor:
    return (images * factor).clamp_(0, 255).to(torch.uint8)


def _stretch(images: Tensor, factor: Tensor) -> Tensor:
    mean = _mean_gray(images).view(-1, 1, 1, 1)
    return (images * factor).add_(mean * (1 - factor)).clamp_(0, 255).to(torch.uint8)


def _mean_gray(images: Tensor) -> Tensor:
    """Mean gray value, float32 (n,): a sum of whole numbers, whose order does not matter."""
    gray = images[:, :1]
    if images.shape[1] == 3:
        red, green, blue = images.to(torch.float32).unbind(1)
        gray = (red * _GRAY[0] + green * _GRAY[1] + blue * _GRAY[2]).floor_()
    total = gray.to(torch.int32).flatten(1).sum(1, dtype=torch.int64)
    return total.to(torch.float32) / (images.shape[-1] * images.shape[-2])


def _column(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device).view(-1, 1, 1, 1)


def _part(parameters: Jitter, start: int) -> Jitter:
    rows = slice(start, start + _CHUNK)
    return Jitter(
        brightness=parameters.brightness[rows],
        contrast=parameters.contrast[rows],
        contrast_first=parameters.contrast_first[rows],
    )
