"""The factor `pretrain`: from a level and a backbone to a frozen trunk, with its source and SHA-256.

Levels
    ImageNet      torchvision's first release (V1), from the weights folder or torch.hub's cache
    RadImageNet   the PyTorch files of Mei et al. 2022, put into the weights folder by the user
    phantom       a short training on procedural images (training/pretrain.py), made once and cached
    random        a seeded initialisation with calibrated BatchNorm statistics (training/weights_random.py)
    file:PATH     any .pt, .pth or .safetensors file in torchvision's or RadImageNet's key layout
    A+B           two or more of these on one backbone, their pooled features joined (training/fusion.py)

This module imports torch only where tensors are read or made.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.fusion import LEVELS, fused_sha256, pretrain_parts
from training.settings import BACKBONES
from training.weights_files import (
    check_published_hash,
    default_weights_dir,
    fetch_weights_file,
    file_sha256,
    find_public_file,
    public_file,
    steps_to_get,
)

if TYPE_CHECKING:
    from training.backbones import FrozenTrunk, FusedTrunk

__all__ = [
    "LEVELS",
    "Weights",
    "combine_weights",
    "default_weights_dir",
    "load_backbone",
    "phantom_path",
    "read_phantom_metadata",
    "resolve_weights",
    "weights_available",
]

_FILE = "file:"
# Part of the name of cached phantom weights: another recipe never reads the files of this one.
PHANTOM_RECIPE = "v3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Which tensors a trunk starts from.

    Attributes
    ----------
    name : the level as written in the study file
    backbone : network that the tensors belong to
    sha256 : of the file; of the tensors for `random` and `phantom`; of the parts' hashes for a fusion
    source : where they come from, one sentence
    path : the file; None for `random`
    preprocessing : input preprocessing that they were made with ("undocumented" where nobody says);
        what a cell uses is its own protocol field `preprocessing`
    fused : the single weights of a fusion, else empty
    """

    name: str
    backbone: str
    sha256: str
    source: str
    path: Path | None
    preprocessing: str
    fused: tuple[Weights, ...] = ()

    @property
    def parts(self) -> tuple[Weights, ...]:
        """The weights of each trunk: those that are fused, else these alone."""
        return self.fused or (self,)


def combine_weights(weights: Sequence[Weights]) -> Weights:
    """Weights of a fusion, in the given order; one alone is returned as it is.

    ValueError : they belong to different backbones
    """
    if len(weights) == 1:
        return weights[0]
    backbones = sorted({part.backbone for part in weights})
    if len(backbones) > 1:
        raise ValueError(f"A fusion needs weights of one backbone; got {', '.join(backbones)}.")
    made_with = dict.fromkeys(part.preprocessing for part in weights)
    return Weights(
        name="+".join(part.name for part in weights),
        backbone=backbones[0],
        sha256=fused_sha256([part.sha256 for part in weights]),
        source="; ".join(f"{part.name}: {part.source} (SHA-256 {part.sha256})" for part in weights),
        path=None,
        preprocessing=" and ".join(made_with),
        fused=tuple(weights),
    )


def resolve_weights(pretrain: str, backbone: str, *, weights_dir: Path, allow_make: bool = False) -> Weights:
    """Find the weights of a level without loading them.

    Parameters
    ----------
    pretrain : a level (see the module)
    backbone : one of BACKBONES
    weights_dir : folder of weights files; need not exist
    allow_make : make what can be made here: download ImageNet, train `phantom`

    Raises
    ------
    ValueError : unknown level or backbone; a file whose content is not what its name promises
    FileNotFoundError : not on this machine; the message holds the exact steps to get it
    """
    parts = pretrain_parts(pretrain)
    if len(parts) > 1:
        return combine_weights(
            [
                resolve_weights(part, backbone, weights_dir=weights_dir, allow_make=allow_make)
                for part in parts
            ]
        )
    _check_names(pretrain, backbone)
    if pretrain == "random":
        return _random(backbone)
    if pretrain == "phantom":
        return _phantom(backbone, weights_dir, allow_make=allow_make)
    if pretrain.startswith(_FILE):
        return _own_file(pretrain, backbone, weights_dir)
    file = public_file(pretrain, backbone)
    path = find_public_file(file, weights_dir)
    if path is None and allow_make and file.level == "ImageNet":
        path = fetch_weights_file(file, weights_dir)
    if path is None:
        raise FileNotFoundError(
            f"{pretrain} weights for {backbone} are not on this machine. {steps_to_get(file, weights_dir)}"
        )
    sha256 = check_published_hash(file, path)
    source = file.url
    if file.level == "RadImageNet" and file.sha256 and sha256 != file.sha256:
        source = f"{path.name} of unknown origin (not the published file, SHA-256 {file.sha256[:12]}…)"
    return Weights(
        name=pretrain,
        backbone=backbone,
        sha256=sha256,
        source=source,
        path=path,
        preprocessing=file.made_with,
    )


def load_backbone(weights: Weights) -> FrozenTrunk | FusedTrunk:
    """Frozen trunk (evaluation mode, no gradients) with exactly these weights; of a fusion all trunks.

    Raises
    ------
    FileNotFoundError : the file has gone since `resolve_weights`
    ValueError : the file has changed since then, or does not fit the backbone (training/weights_read.py)
    """
    if weights.fused:
        from training.backbones import FusedTrunk

        return FusedTrunk([_load_single(part) for part in weights.fused])
    return _load_single(weights)


def _load_single(weights: Weights) -> FrozenTrunk:
    if weights.path is None:
        from training.weights_random import random_trunk

        return random_trunk(weights.backbone)
    from training.weights_read import trunk_from_file

    if weights.name != "phantom":
        if weights.path.is_file() and file_sha256(weights.path) != weights.sha256:
            raise ValueError(f"{weights.path} has changed since the study began; put the first file back.")
        return trunk_from_file(weights.path, weights.backbone)
    trunk = trunk_from_file(weights.path, weights.backbone)
    _check_phantom_tensors(trunk, weights)
    return trunk


def weights_available(pretrain: str, backbone: str, weights_dir: Path) -> tuple[bool, str]:
    """Whether `resolve_weights` would find the weights, and if not, the steps to get them.

    ValueError : unknown level or backbone
    """
    parts = pretrain_parts(pretrain)
    if len(parts) > 1:
        found = [weights_available(part, backbone, weights_dir) for part in parts]
        missing = [f"{part}: {how}" for part, (there, how) in zip(parts, found, strict=True) if not there]
        return not missing, " ".join(missing)
    _check_names(pretrain, backbone)
    if pretrain == "random":
        return True, ""
    if pretrain == "phantom":
        return phantom_path(backbone, weights_dir).is_file(), _phantom_steps(backbone)
    if pretrain.startswith(_FILE):
        path = _own_path(pretrain, weights_dir)
        return path.is_file(), f"Put the weights file at {path}."
    try:
        file = public_file(pretrain, backbone)
    except ValueError as error:
        return False, str(error)
    return find_public_file(file, weights_dir) is not None, steps_to_get(file, weights_dir)


def phantom_path(backbone: str, weights_dir: Path) -> Path:
    """Where the weights of the level `phantom` are cached."""
    return Path(weights_dir) / f"phantom-{backbone}-{PHANTOM_RECIPE}.safetensors"


def read_phantom_metadata(path: Path) -> dict[str, str]:
    """Header of a safetensors file (8 bytes of length, then JSON): its metadata, without loading tensors."""
    try:
        with Path(path).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise ValueError("header longer than the file")
            metadata = json.loads(file.read(length))["__metadata__"]
    except (struct.error, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} is truncated or was not made by this program. Delete it; it will be made again."
        ) from error
    return dict(metadata)


def _random(backbone: str) -> Weights:
    from training.weights_random import RECIPE, random_sha256

    return Weights(
        name="random",
        backbone=backbone,
        sha256=random_sha256(backbone),
        source=RECIPE,
        path=None,
        preprocessing="caffe",
    )


def _phantom(backbone: str, weights_dir: Path, *, allow_make: bool) -> Weights:
    path = phantom_path(backbone, weights_dir)
    if not path.is_file():
        if not allow_make:
            raise FileNotFoundError(
                f"phantom weights for {backbone} are not on this machine. {_phantom_steps(backbone)}"
            )
        from training.pretrain import make_phantom_weights

        return make_phantom_weights(backbone, weights_dir=weights_dir)
    metadata = read_phantom_metadata(path)
    if metadata.get("backbone") != backbone:
        raise ValueError(
            f"{path} holds phantom weights of {metadata.get('backbone')}. Delete it; it will be made again."
        )
    return Weights(
        name="phantom",
        backbone=backbone,
        sha256=metadata["sha256"],
        source=metadata["source"],
        path=path,
        preprocessing=metadata["preprocessing"],
    )


def _own_file(pretrain: str, backbone: str, weights_dir: Path) -> Weights:
    path = _own_path(pretrain, weights_dir)
    if not path.is_file():
        raise FileNotFoundError(
            f"`pretrain` names {path}, which is not a file. Give the path of a weights file."
        )
    return Weights(
        name=pretrain,
        backbone=backbone,
        sha256=file_sha256(path),
        source=f"file {path.name}",
        path=path,
        preprocessing="undocumented",
    )


def _own_path(pretrain: str, weights_dir: Path) -> Path:
    """`file:PATH`: as given, else relative to the weights folder."""
    path = Path(pretrain.removeprefix(_FILE)).expanduser()
    beside = Path(weights_dir) / path
    return beside if not path.is_file() and beside.is_file() else path


def _phantom_steps(backbone: str) -> str:
    return f"Run `study weights make-phantom --backbone {backbone}` (needs no download)."


def _check_names(pretrain: str, backbone: str) -> None:
    if backbone not in BACKBONES:
        raise ValueError(f"Unknown backbone '{backbone}'; available: {', '.join(BACKBONES)}.")
    if pretrain not in LEVELS and not (pretrain.startswith(_FILE) and len(pretrain) > len(_FILE)):
        raise ValueError(f"Unknown `pretrain` level '{pretrain}'; available: {', '.join(LEVELS)}, file:PATH.")


def _check_phantom_tensors(trunk: FrozenTrunk, weights: Weights) -> None:
    from training.weights_random import tensors_sha256

    found = tensors_sha256(trunk.net.state_dict())
    if found != weights.sha256:
        raise ValueError(
            f"{weights.path} is damaged: its tensors have SHA-256 {found[:12]}…, recorded was "
            f"{weights.sha256[:12]}…. Delete it; it will be made again."
        )
