"""What runs the frozen trunk: torch, or ONNX Runtime on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from training.feature_key import CHUNK, TORCH, GroupImages
from training.onnx_trunk import check_onnx, onnx_description, onnx_trunk
from training.preprocess import preprocess
from training.settings import BACKENDS
from training.threads import torch_threads


def check_backend(backend: str, device: torch.device) -> None:
    """Refuse a backend that is unknown or cannot run here.

    Raises
    ------
    ValueError : unknown name; the device is not the CPU, for "onnx"
    ModuleNotFoundError : "onnx" without its packages
    """
    if backend not in BACKENDS:
        raise ValueError(f"`backend` is {backend!r}; allowed are {', '.join(BACKENDS)}.")
    if backend == "onnx":
        check_onnx(device)


def backend_description(backend: str) -> str:
    """The backend in the feature key: name, version and layout."""
    return TORCH if backend == "torch" else onnx_description()


def on_backend(backend: str, trunk: nn.Module, group: GroupImages, *, preprocessing: str) -> nn.Module:
    """The frozen trunk as the backend runs it; ONNX Runtime's is held against torch on validation images.

    ValueError : the two differ (see `training.onnx_trunk.onnx_trunk`)
    """
    if backend == "torch":
        return trunk
    chosen = group.rows["val"][:CHUNK]
    filled = np.pad(chosen, (0, CHUNK - len(chosen)), mode="edge")
    images = torch.from_numpy(np.ascontiguousarray(group.images[filled]))
    with torch_threads(1):
        return onnx_trunk(trunk, preprocess(images, preprocessing).contiguous())
