"""Grad-CAM maps as arrays: one layer, and the average over layers.

Selvaraju et al. 2017, by captum's LayerGradCam: the mean gradient of a class's logit weights the channels of
a layer; negative sums are cut. Where there are two layers (ResNet: layer3 and layer4), each map is enlarged
to the image, divided by its sum, and the two are averaged: both layers count the same, and the result is a
distribution of evidence over the image (sum 1), whatever its raw magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional


def layer_gradcam(model: nn.Module, layer: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Grad-CAM of one layer: ReLU(sum_k mean(dlogit/dA_k) A_k), float (n, h, w) at the layer's resolution.

    Parameters
    ----------
    model : images (n, 3, s, s) -> logits (n, classes), in evaluation mode
    target : int64 (n,), the class whose logit is explained
    """
    from captum.attr import LayerGradCam

    # A frozen trunk has no parameter that takes gradients, so the graph must begin at the input.
    inputs = x.detach().clone().requires_grad_(True)
    maps = LayerGradCam(model, layer).attribute(inputs, target=target, relu_attributions=True)
    return maps.detach().squeeze(1)


def average_maps(maps: Mapping[str, Tensor], *, size: int) -> Tensor:
    """Mean over layers of maps enlarged to (size, size) and divided by their sum: (n, size, size), sum 1.

    A layer whose map is zero everywhere is left out for that image; where all are, the result is zero.
    """
    total: Tensor | float = 0.0
    layers: Tensor | float = 0.0
    for layer_maps in maps.values():
        large = functional.interpolate(
            layer_maps.unsqueeze(1).double(), size=(size, size), mode="bilinear", align_corners=False
        ).squeeze(1)
        mass = large.sum(dim=(1, 2), keepdim=True)
        total = total + large / mass.clamp_min(torch.finfo(torch.float64).tiny)
        layers = layers + (mass > 0).double()
    assert isinstance(total, Tensor)
    assert isinstance(layers, Tensor)
    return (total / layers.clamp_min(1.0)).float()
