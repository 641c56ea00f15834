"""Which weights files exist, where they are looked for, and the exact steps to get one (no torch here).

Sources: torchvision 0.29 (addresses, sizes; the eight hex digits in a file name open its SHA-256), the
RadImageNet repository BMEII-AI/RadImageNet and its Hugging Face mirror Lab-Rasool/RadImageNet.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data.fetch.download import Progress, download
from data.fetch.source import SourceFile

_TORCHVISION = "https://download.pytorch.org/models"
_RADIMAGENET_ZIP = "https://drive.google.com/uc?id=1RHt2GnuOYlc_gcoTETtBDSW73mFyRAtR"
_RADIMAGENET_MIRROR = "https://huggingface.co/Lab-Rasool/RadImageNet/resolve/main"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """A public weights file.

    name : file name, relative to the weights folder
    size_mb : size in MB (10^6 bytes), as published
    sha256 : the whole hash or its first digits, as published; "" = none published
    made_with : input preprocessing of the training that made it; "undocumented" where its authors say nothing
    """

    level: str
    backbone: str
    name: str
    url: str
    size_mb: float
    sha256: str
    licence: str
    made_with: str


def _imagenet(backbone: str, name: str, size_mb: float, made_with: str = "imagenet-rgb") -> WeightsFile:
    return WeightsFile(
        level="ImageNet",
        backbone=backbone,
        name=name,
        url=f"{_TORCHVISION}/{name}",
        size_mb=size_mb,
        sha256=name.rpartition("-")[2].partition(".")[0],
        licence="BSD-3-Clause (torchvision); ImageNet's own terms for the images",
        made_with=made_with,
    )


def _radimagenet(backbone: str, size_mb: float, sha256: str = "") -> WeightsFile:
    return WeightsFile(
        level="RadImageNet",
        backbone=backbone,
        name=f"RadImageNet_pytorch/{backbone}.pt",
        url=f"{_RADIMAGENET_MIRROR}/{backbone}.pt",
        size_mb=size_mb,
        sha256=sha256,
        licence="MIT (repository); images by request",
        made_with="undocumented",
    )


# V1 by name: torchvision's DEFAULT is V2, another training with other features.
PUBLIC_FILES = (
    _imagenet("ResNet18", "resnet18-f37072fd.pth", 46.8),
    _imagenet("ResNet50", "resnet50-0676ba61.pth", 102.5),
    _imagenet("DenseNet121", "densenet121-a639ec97.pth", 32.3),
    _imagenet("InceptionV3", "inception_v3_google-0cc3c7bd.pth", 108.9, "minus-one-one"),
    _radimagenet("ResNet50", 94.3, "08629f7e7bd3e29b8ee9522ca3f65ce4d010a7ddf74f0ea3c7e3f3d0bbab0734"),
    _radimagenet("DenseNet121", 29.0),
    _radimagenet("InceptionV3", 88.0),
)


def default_weights_dir() -> Path:
    """Folder of weights files: $STUDY_WEIGHTS, else ~/.cache/study/weights. It need not exist."""
    chosen = os.environ.get("STUDY_WEIGHTS", "")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "study" / "weights"


def hub_cache_dir() -> Path:
    """Where torch.hub keeps downloads: $TORCH_HOME, else $XDG_CACHE_HOME/torch, else ~/.cache/torch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser() / "hub" / "checkpoints"


def public_file(level: str, backbone: str) -> WeightsFile:
    """The public file of a level and backbone.

    ValueError : there is none, e.g. RadImageNet never trained a ResNet18
    """
    for file in PUBLIC_FILES:
        if (file.level, file.backbone) == (level, backbone):
            return file
    has = ", ".join(file.backbone for file in PUBLIC_FILES if file.level == level)
    raise ValueError(f"There are no {level} weights for {backbone}; they exist for {has}.")


def find_public_file(file: WeightsFile, weights_dir: Path) -> Path | None:
    """Path of the file in the weights folder, or for torchvision files in torch.hub's cache; else None."""
    places = [Path(weights_dir) / file.name]
    if file.level == "ImageNet":
        places.append(hub_cache_dir() / file.name)
    return next((place for place in places if place.is_file()), None)


def steps_to_get(file: WeightsFile, weights_dir: Path) -> str:
    """One paragraph: file name, address, size and where to put it."""
    target = Path(weights_dir) / file.name
    steps = (
        f"Fetch {target.name} ({file.size_mb:g} MB) from {file.url} and put it at {target}, or run "
        f"`study weights fetch {file.level} --backbone {file.backbone}` where there is internet access"
    )
    if file.level == "ImageNet":
        return f"{steps}."
    known = f" SHA-256 {file.sha256}." if file.sha256 else ""
    return (
        f"{steps}, or take RadImageNet_pytorch.zip (186 MB), which the README of "
        f"github.com/BMEII-AI/RadImageNet links ({_RADIMAGENET_ZIP}) and unpack it in {weights_dir}.{known}"
    )


def fetch_weights_file(file: WeightsFile, weights_dir: Path, *, progress: Progress | None = None) -> Path:
    """Download a public file into the weights folder, as `data.fetch.download` does, and return its path.

    Raises
    ------
    FileNotFoundError : the address cannot be reached; the message holds the steps by hand
    ValueError : what came has another hash than published; nothing is kept
    """
    target = Path(weights_dir) / file.name
    source = SourceFile(name=target.name, url=file.url, sha256=file.sha256)
    try:
        return download(source, target.parent, progress=progress)
    except OSError as error:
        raise FileNotFoundError(
            f"{file.level} weights for {file.backbone} cannot be downloaded here: {error} "
            f"{steps_to_get(file, weights_dir)}"
        ) from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file; remembered until its size or time of change differs."""
    status = Path(path).stat()
    return _hash_file(str(Path(path).resolve()), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash_file(path: str, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check_published_hash(file: WeightsFile, path: Path) -> str:
    """SHA-256 of a torchvision file after comparing it with the digits in its name.

    ValueError : the content is not what the name promises, e.g. after an interrupted download
    """
    found = file_sha256(path)
    if file.level == "ImageNet" and not found.startswith(file.sha256):
        raise ValueError(
            f"{path} is truncated or altered: its SHA-256 begins with {found[:8]}, its name promises "
            f"{file.sha256}. Delete it. {steps_to_get(file, path.parent)}"
        )
    return found
