"""What decides the bits of a group's features, and the key that is hashed from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

# Images per forward pass, always filled up: with one batch size an image's features do not depend on its
# place (measured for all backbones); another batch size can change their last bits.
CHUNK = 16
PARTS = ("train", "val", "test")
TORCH = "torch channels_last float32"
_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureKey:
    """Everything that decides the bits of a group's features.

    images : SHA-256 over pixels and shape of the decoded images
    samples : SHA-256 over image ids and split, in order
    weights : SHA-256 of the trunk's weights
    backend : what runs the trunk, with everything that can change its bits
    hardware : processor type that torch uses ("cpu AVX2") or name of the GPU
    """

    images: str
    samples: str
    image_size: int
    augmentation: str
    preprocessing: str
    stream_seed: int
    backbone: str
    weights: str
    backend: str
    torch: str
    hardware: str
    chunk: int = CHUNK
    schema: int = _SCHEMA

    def group_key(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical JSON of all fields."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupImages:
    """Decoded images of a task and the rows of each part of the split.

    images : uint8 array (n, c, s, s), c = 1 or 3; may be memory-mapped
    image_ids : n ids
    rows : for "train", "val" and "test" the int64 rows into `images`, ascending
    """

    images: np.ndarray
    image_ids: Sequence[str]
    rows: Mapping[str, np.ndarray]

    def pixels_hash(self) -> str:
        """SHA-256 over shape and pixels."""
        digest = hashlib.sha256(repr((self.images.shape, str(self.images.dtype))).encode())
        for start in range(0, len(self.images), 256):
            digest.update(np.ascontiguousarray(self.images[start : start + 256]).data)
        return digest.hexdigest()

    def samples_hash(self) -> str:
        """SHA-256 over the ids of each part, in order."""
        parts = {part: [self.image_ids[row] for row in self.rows[part]] for part in PARTS}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def feature_key(
    group: GroupImages,
    *,
    augmentation: str,
    preprocessing: str,
    backbone: str,
    weights_sha256: str,
    device: torch.device,
    backend: str = TORCH,
    stream_seed: int = 0,
) -> FeatureKey:
    """Key of a group's features on this machine."""
    return FeatureKey(
        images=group.pixels_hash(),
        samples=group.samples_hash(),
        image_size=int(group.images.shape[-1]),
        augmentation=augmentation,
        preprocessing=preprocessing,
        stream_seed=stream_seed,
        backbone=backbone,
        weights=weights_sha256,
        backend=backend,
        torch=torch.__version__,
        hardware=_hardware(device),
    )


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"
