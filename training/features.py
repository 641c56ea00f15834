"""The feature cache: what the frozen trunk sees of a group, computed once and kept as .npy files.

A folder `<store>/features/<group_key>/` holds `train_<epoch>.npy`, `val.npy` and `test.npy`, float32 (n, F)
in manifest order, each with its SHA-256 beside it, and `meta.json`, which says what the key was hashed from.
A file without a matching hash is computed again. Files can be deleted at any time.

The trunk always sees whole chunks of 32 images (the last one is filled up): then its results do not change by
a bit with the number of threads or an image's place (measured for all backbones; with chunks of 8 they do).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from data.atomic import write_bytes, write_json, write_text
from training.augment import augment
from training.preprocess import preprocess
from training.threads import torch_threads

CHUNK = 32
_SCHEMA = 1
_PARTS = ("train", "val", "test")


class FeatureProgress(Protocol):
    """What the feature stage reports to."""

    def features(self, done: int, total: int) -> None:
        """Images that went through the trunk, of all that this group needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureKey:
    """Everything that decides the bits of a group's features.

    images : SHA-256 over pixels and shape of the decoded images
    samples : SHA-256 over image ids and split, in order
    weights : SHA-256 of the trunk's weights
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
        parts = {part: [self.image_ids[row] for row in self.rows[part]] for part in _PARTS}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def feature_key(
    group: GroupImages,
    *,
    augmentation: str,
    preprocessing: str,
    backbone: str,
    weights_sha256: str,
    device: torch.device,
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
        backend="torch channels_last float32",
        torch=torch.__version__,
        hardware=_hardware(device),
    )


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Cached features of one group in `folder`; `complete` fills it, `load` reads it memory-mapped."""

    folder: Path
    key: FeatureKey

    def load(self, part: str, epoch: int = 0) -> Tensor:
        """Features float32 (n, F) of "train" in one epoch, "val" or "test"; memory-mapped.

        Raises
        ------
        FileNotFoundError : that part was not computed
        """
        path = self._path(part, epoch)
        if not path.is_file():
            raise FileNotFoundError(f"'{path}' is missing from the feature cache; run the grid again.")
        # Copy-on-write, because torch refuses read-only arrays with a warning.
        return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))

    def missing(self, *, epochs: int, sizes: Mapping[str, int]) -> list[tuple[str, int]]:
        """(part, epoch) of every file that is absent, incomplete or altered; sizes = images per part."""
        return [item for item in self._items(epochs) if not self._is_whole(*item, n=sizes[item[0]])]

    def complete(
        self,
        group: GroupImages,
        *,
        epochs: int,
        load_trunk: Callable[[], nn.Module],
        device: torch.device,
        progress: FeatureProgress | None = None,
    ) -> None:
        """Compute what is missing. The trunk is loaded only then.

        Raises
        ------
        ValueError : the trunk is not frozen, or gives features that are not finite
        """
        sizes = {part: len(group.rows[part]) for part in _PARTS}
        todo = self.missing(epochs=epochs, sizes=sizes)
        total = sum(sizes[part] for part, _ in self._items(epochs))
        done = total - sum(sizes[part] for part, _ in todo)
        if todo:
            write_json(self.folder / "meta.json", {**asdict(self.key), "images_per_part": sizes})
            trunk = _ready(load_trunk(), device)
        for part, epoch in todo:
            if progress is not None:
                progress.features(done, total)
            write = _Counter(progress, done, total)
            features = self._compute(trunk, group, part, epoch, device=device, tick=write)
            self._write(part, epoch, features)
            done += sizes[part]
        if progress is not None:
            progress.features(total, total)

    def _compute(
        self,
        trunk: nn.Module,
        group: GroupImages,
        part: str,
        epoch: int,
        *,
        device: torch.device,
        tick: Callable[[int], None],
    ) -> np.ndarray:
        rows = group.rows[part]
        chunks = []
        for start in range(0, len(rows), CHUNK):
            chosen = rows[start : start + CHUNK]
            filled = np.pad(chosen, (0, CHUNK - len(chosen)), mode="edge")
            images = torch.from_numpy(np.ascontiguousarray(group.images[filled])).to(device)
            # Elementwise work on small tensors: more threads cost more than they bring.
            with torch_threads(1):
                if part == "train":
                    ids = [group.image_ids[row] for row in filled]
                    images = augment(
                        images,
                        ids,
                        name=self.key.augmentation,
                        epoch=epoch,
                        stream_seed=self.key.stream_seed,
                    )
                inputs = preprocess(images, self.key.preprocessing)
            with torch.inference_mode(), _exact_convolutions(device):
                features = trunk(inputs.contiguous(memory_format=torch.channels_last))
            chunks.append(features[: len(chosen)].to("cpu", torch.float32).numpy())
            tick(start + len(chosen))
        result = np.concatenate(chunks)
        _check_finite(result, part, [group.image_ids[row] for row in rows])
        return result

    def _write(self, part: str, epoch: int, features: np.ndarray) -> None:
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(features), allow_pickle=False)
        content = buffer.getvalue()
        path = self._path(part, epoch)
        write_bytes(path, content)
        write_text(path.with_suffix(".sha256"), hashlib.sha256(content).hexdigest() + "\n")

    def _is_whole(self, part: str, epoch: int, *, n: int) -> bool:
        path = self._path(part, epoch)
        try:
            expected = path.with_suffix(".sha256").read_text(encoding="ascii").strip()
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    return False
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (FileNotFoundError, ValueError):
            return False
        return array.ndim == 2 and len(array) == n and array.dtype == np.float32

    def _items(self, epochs: int) -> list[tuple[str, int]]:
        # Without augmentation every epoch sees the same features: one file serves all.
        n_train = 1 if self.key.augmentation == "none" else epochs
        return [("val", 0), ("test", 0), *(("train", epoch) for epoch in range(n_train))]

    def _path(self, part: str, epoch: int) -> Path:
        if part != "train":
            return self.folder / f"{part}.npy"
        return self.folder / f"train_{0 if self.key.augmentation == 'none' else epoch:03d}.npy"


@dataclass(frozen=True, slots=True)
class _Counter:
    progress: FeatureProgress | None
    before: int
    total: int

    def __call__(self, images: int) -> None:
        if self.progress is not None:
            self.progress.features(self.before + images, self.total)


def _ready(trunk: nn.Module, device: torch.device) -> nn.Module:
    """The trunk on its device, checked to be frozen: a live BatchNorm would mix the images of a batch."""
    if any(module.training for module in trunk.modules()):
        raise ValueError("The trunk is in train mode; features need a frozen trunk in evaluation mode.")
    if any(parameter.requires_grad for parameter in trunk.parameters()):
        raise ValueError("The trunk has parameters that take gradients; features need a frozen trunk.")
    return trunk.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _check_finite(features: np.ndarray, part: str, image_ids: Sequence[str]) -> None:
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        first = ", ".join(repr(image_ids[row]) for row in bad[:3])
        raise ValueError(
            f"The trunk gives features that are not finite for {len(bad)} of {len(features)} {part} images "
            f"(first: {first}); check the weights file and the declared preprocessing."
        )


def _exact_convolutions(device: torch.device) -> AbstractContextManager[None]:
    """No TF32, no choice of algorithm by timing: otherwise the bits on a GPU change from run to run."""
    cuda = device.type == "cuda"
    return torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled, benchmark=False, deterministic=cuda, allow_tf32=not cuda
    )


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"
