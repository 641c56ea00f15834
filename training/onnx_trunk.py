"""The frozen trunk in ONNX Runtime, which runs it faster on a CPU than torch does (extra `onnx`).

The trunk is exported once per group, for chunks of `CHUNK` images of the group's size, and compared with
torch on images of the group before any feature is written. Sessions have one thread: as with torch, chunks
are what runs side by side, and bits depend neither on threads nor on the place of an image.
"""

from __future__ import annotations

import importlib.util
import io
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

TOLERANCE = 1e-4  # largest difference from torch, relative to torch's largest feature
_OPSET = 17  # the newest that torch's exporter writes without further packages
_PROVIDER = "CPUExecutionProvider"


def check_onnx(device: torch.device) -> None:
    """Refuse the backend where it cannot run.

    Raises
    ------
    ModuleNotFoundError : onnx or onnxruntime is not installed
    ValueError : the device is not the CPU
    """
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"The backend onnx needs {' and '.join(missing)}, which this Python lacks; install the extra "
            "`pip install 'transfer-study[onnx]'`, or take the backend torch.",
            name=missing[0],
        )
    if device.type != "cpu":
        raise ValueError(
            f"The backend onnx runs on the CPU, but the device is {device}; take the device cpu, or the "
            "backend torch."
        )


def onnx_description() -> str:
    """Name, version and settings of the backend, for the feature key."""
    return f"onnxruntime {version('onnxruntime')} {_PROVIDER} opset {_OPSET} float32"


class OnnxTrunk(nn.Module):
    """A trunk exported to ONNX Runtime: images (CHUNK, 3, s, s) -> features (CHUNK, F) on the CPU.

    A module without parameters, so that the feature cache takes it as it takes a torch trunk.
    """

    def __init__(self, trunk: nn.Module, images: Tensor) -> None:
        super().__init__()
        self.eval()
        self._session = _session(_exported(trunk, images))

    def forward(self, x: Tensor) -> Tensor:
        """Features float32 of preprocessed images of the exported shape; safe in many threads at once."""
        (features,) = self._session.run(None, {"images": np.ascontiguousarray(x.numpy())})
        return torch.from_numpy(features)


def onnx_trunk(trunk: nn.Module, images: Tensor) -> OnnxTrunk:
    """Export a frozen trunk and hold it against torch on the images that it was exported with.

    Parameters
    ----------
    trunk : evaluation mode, on the CPU
    images : float32 (CHUNK, 3, s, s), preprocessed images of the group

    Raises
    ------
    ValueError : the features differ from torch's by more than TOLERANCE, with the numbers
    """
    exported = OnnxTrunk(trunk, images)
    with torch.inference_mode():
        expected = trunk(images).numpy()
        found = exported(images).numpy()
    _check_close(found, expected)
    return exported


def _check_close(found: np.ndarray, expected: np.ndarray) -> None:
    scale = float(np.abs(expected).max())
    largest = float(np.abs(found - expected).max())
    # Negated, so that values which are not finite are refused too.
    if not largest <= TOLERANCE * scale:
        raise ValueError(
            f"ONNX Runtime's features differ from torch's by up to {largest:.3g}, where the largest feature "
            f"is {scale:.3g}; allowed is a share of {TOLERANCE:g}. Take the backend torch for these weights."
        )


def _exported(trunk: nn.Module, images: Tensor) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter announces its successor, and the check of the image size is constant in the trace.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            trunk,
            (images,),
            buffer,  # type: ignore[arg-type]  # a buffer works with this exporter
            input_names=["images"],
            output_names=["features"],
            opset_version=_OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=[_PROVIDER])
