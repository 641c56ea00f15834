"""Does a weights file fit a backbone, and does it give usable features?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.backbones import FrozenTrunk
from training.preprocess import preprocess
from training.settings import PREPROCESSINGS
from training.threads import torch_threads
from training.weights_files import file_sha256
from training.weights_random import calibration_images
from training.weights_read import fit_tensors, read_tensors

# Above this the features of procedural images are far from what trained networks give (at most tens).
_EXTREME = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsReport:
    """What `check_file` found.

    n_tensors : tensors that the trunk took
    layout : "torchvision" or "RadImageNet"
    mean, spread, largest : of the features of n_images procedural images, preprocessed as "caffe"; spread is
        the mean over features of the standard deviation over images
    notes : what deserves a look
    """

    n_tensors: int
    layout: str
    sha256: str
    n_images: int
    n_features: int
    mean: float
    spread: float
    largest: float
    notes: tuple[str, ...]


def check_file(path: Path, backbone: str) -> WeightsReport:
    """Load a file strictly (errors as `training.weights_read.trunk_from_file`) and run a few images."""
    tensors = read_tensors(path)
    trunk = FrozenTrunk(backbone)
    fitted = fit_tensors(tensors, trunk, Path(path))
    trunk.net.load_state_dict(fitted, strict=True)
    images = calibration_images()
    with torch_threads(1), torch.no_grad():
        features = {name: trunk(preprocess(images, name)) for name in PREPROCESSINGS}
    caffe = features["caffe"]
    return WeightsReport(
        n_tensors=len(fitted),
        layout=_layout(tensors),
        sha256=file_sha256(path),
        n_images=len(images),
        n_features=trunk.n_features,
        mean=float(caffe.mean()),
        spread=float(caffe.std(dim=0).mean()),
        largest=float(caffe.abs().max()),
        notes=tuple(_notes(features)),
    )


def _layout(names: Iterable[str]) -> str:
    return "RadImageNet" if any(name.startswith("backbone.") for name in names) else "torchvision"


def _notes(features: dict[str, Tensor]) -> Iterable[str]:
    for name, values in features.items():
        if not torch.isfinite(values).all():
            yield f"with preprocessing `{name}` some features are not finite."
        elif float(values.abs().max()) > _EXTREME:
            yield (
                f"with preprocessing `{name}` features reach {float(values.abs().max()):.3g}; the running "
                "statistics of BatchNorm do not fit such images."
            )
