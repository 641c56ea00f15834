"""From augmented uint8 images to the input of a backbone; what is right belongs to the weights."""

from __future__ import annotations

import torch
from torch import Tensor

from training.settings import PREPROCESSINGS

# Keras "caffe": channel means of ImageNet in BGR order, on 0..255.
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
# torchvision's ImageNet statistics, RGB order, on 0..1.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


def preprocess(images: Tensor, name: str) -> Tensor:
    """Input of the backbone, float32 (n, 3, h, w) on the images' device.

    Parameters
    ----------
    images : uint8 tensor, (n, c, h, w), c = 1 (repeated to three channels) or 3 (RGB)
    name : "caffe": x / 255, RGB -> BGR, minus (103.939, 116.779, 123.68) / 255, over (.225, .224, .229), as
        the original study did for all weights; "imagenet-rgb": x / 255, torchvision's statistics, RGB;
        "minus-one-one": (x - 127.5) * 2 / 255, BGR, as RadImageNet's PyTorch notebook does

    Raises
    ------
    ValueError : unknown name; the images have neither one nor three channels
    TypeError : the images are not uint8
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"`images` must be uint8 (0 to 255); got {images.dtype}.")
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"`images` must have shape (n, 1 or 3, h, w); got {tuple(images.shape)}.")
    bgr, scale, shift = _constants(name)
    rgb = images.expand(-1, 3, -1, -1)
    ordered = rgb.flip(1) if bgr and images.shape[1] == 3 else rgb
    weight = torch.tensor(scale, dtype=torch.float32, device=images.device).view(1, 3, 1, 1)
    offset = torch.tensor(shift, dtype=torch.float32, device=images.device).view(1, 3, 1, 1)
    return ordered.to(torch.float32).mul_(weight).add_(offset)


def _constants(name: str) -> tuple[bool, tuple[float, ...], tuple[float, ...]]:
    """Whether the order is BGR, and the factor and offset of each channel: out = x * factor + offset."""
    if name == "caffe":
        std = tuple(reversed(_IMAGENET_STD))
        scale = tuple(1 / (255 * s) for s in std)
        return True, scale, tuple(-m / 255 / s for m, s in zip(_CAFFE_MEAN_BGR, std, strict=True))
    if name == "imagenet-rgb":
        scale = tuple(1 / (255 * s) for s in _IMAGENET_STD)
        return False, scale, tuple(-m / s for m, s in zip(_IMAGENET_MEAN, _IMAGENET_STD, strict=True))
    if name == "minus-one-one":
        return True, (2 / 255,) * 3, (-1.0,) * 3
    raise ValueError(f"`preprocessing` is {name!r}; allowed are {', '.join(PREPROCESSINGS)}.")
