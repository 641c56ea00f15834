"""The level `random`: a seeded initialisation that a frozen trunk can be used with.

Convolutions are drawn from N(0, 2 / fan_in) (He et al. 2015), BatchNorm scales are 1 and shifts 0. With the
default running statistics (mean 0, variance 1) the activations of a deep network in evaluation mode grow or
die, so the running statistics are set once to those of 64 fixed procedural images. The numbers come from
NumPy's PCG64, which gives the same tensors on every machine; the hash of the level covers these tensors and
the name of the calibration recipe. The calibrated statistics follow from both, up to the rounding of the
machine that computes them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from training.backbones import FrozenTrunk, Trunk, build_trunk
from training.preprocess import preprocess
from training.seeds import numpy_stream
from training.threads import torch_threads

CALIBRATION_IMAGES = 64
CALIBRATION_SIZE = 96
# Change it whenever initialisation or calibration give other numbers: it is part of the hash.
RECIPE = (
    f"random/1: he-normal fan-in, pcg64; batchnorm of {CALIBRATION_IMAGES} x {CALIBRATION_SIZE} px, caffe"
)


def initial_tensors(backbone: str, *, seed: int = 0) -> dict[str, Tensor]:
    """Seeded initial tensors under torchvision's names, without running statistics.

    Every tensor has a random stream of its own, keyed by (backbone, name, seed).
    """
    tensors = {}
    for name, parameter in build_trunk(backbone).net.named_parameters():
        if parameter.ndim == 4:
            fan_in = parameter[0].numel()
            rng = numpy_stream("random-weights", backbone, name, seed)
            drawn = rng.standard_normal(tuple(parameter.shape), dtype=np.float32)
            tensors[name] = torch.from_numpy(drawn * np.float32(math.sqrt(2.0 / fan_in)))
        else:
            tensors[name] = torch.full(parameter.shape, 1.0 if name.endswith("weight") else 0.0)
    return tensors


@lru_cache(maxsize=8)
def random_sha256(backbone: str, *, seed: int = 0) -> str:
    """SHA-256 of the level `random`: the initial tensors and the name of the calibration recipe."""
    return tensors_sha256(initial_tensors(backbone, seed=seed), salt=RECIPE)


def random_trunk(backbone: str, *, seed: int = 0) -> FrozenTrunk:
    """Frozen trunk of the level `random`; the first one of a process takes a pass of 64 images (seconds)."""
    trunk = FrozenTrunk(backbone)
    trunk.net.load_state_dict(_calibrated_tensors(backbone, seed), strict=True)
    return trunk


@lru_cache(maxsize=2)
def _calibrated_tensors(backbone: str, seed: int) -> dict[str, Tensor]:
    trunk = build_trunk(backbone)
    trunk.net.load_state_dict(initial_tensors(backbone, seed=seed), strict=False)
    with torch_threads(1):  # the same bits on a machine with more cores, or with busy ones
        calibrate_batchnorm(trunk, preprocess(calibration_images(), "caffe"))
    return trunk.net.state_dict()


def calibrate_batchnorm(trunk: Trunk, images: Tensor) -> None:
    """Set the running statistics of every BatchNorm layer to those of one batch of preprocessed images.

    One pass in train mode is enough: each layer already sees inputs normalised by the batch's own statistics.
    """
    layers = [module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 1.0  # running = batch
    trunk.train()
    with torch.no_grad():
        trunk(images)
    trunk.eval()
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def calibration_images() -> Tensor:
    """64 fixed grey images, uint8 (64, 1, 96, 96): smooth noise at several scales with one ellipse each."""
    side = CALIBRATION_SIZE
    rows, columns = np.mgrid[0:side, 0:side] / side
    images = np.empty((CALIBRATION_IMAGES, 1, side, side), dtype=np.uint8)
    for index in range(CALIBRATION_IMAGES):
        rng = numpy_stream("calibration-images", index)
        noise = rng.standard_normal((3, side, side))
        field = sum(
            _unit(ndimage.gaussian_filter(n, s)) for n, s in zip(noise, (1.0, 4.0, 16.0), strict=True)
        )
        centre, radius = rng.uniform(0.25, 0.75, size=2), rng.uniform(0.08, 0.25, size=2)
        inside = ((rows - centre[0]) / radius[0]) ** 2 + ((columns - centre[1]) / radius[1]) ** 2 < 1.0
        field = field + rng.choice([-3.0, 3.0]) * inside
        images[index, 0] = np.clip(rng.uniform(60, 140) + rng.uniform(15, 40) * field, 0, 255)
    return torch.from_numpy(images)


def tensors_sha256(tensors: Mapping[str, Tensor], *, salt: str = "") -> str:
    """SHA-256 over the sorted names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256(salt.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _unit(field: np.ndarray) -> np.ndarray:
    return (field - field.mean()) / field.std()
