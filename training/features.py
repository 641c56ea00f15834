"""The feature cache: what the frozen trunk sees of a group, computed once and kept as .npy files.

A folder `<store>/features/<group_key>/` holds `train_<epoch>.npy`, `val.npy` and `test.npy`, float32 (n, F)
in manifest order, each with its SHA-256 beside it, and `meta.json`, which says what the key was hashed from.
A file without a matching hash is computed again. Files can be deleted at any time.

Chunks of images go through the trunk on one thread each, several at once. Their bits depend neither on the
number of threads nor on what else is computed.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from data.atomic import write_bytes, write_json, write_text
from training.augment import augment
from training.feature_key import CHUNK, PARTS, FeatureKey, GroupImages
from training.frozen import FrozenChangedError, FrozenCheck
from training.preprocess import preprocess
from training.workers import CancelledError, default_workers, run_tasks

Item = tuple[str, int]  # part and epoch: one file


class FeatureProgress(Protocol):
    """What the feature stage reports to."""

    def features(self, done: int, total: int) -> None:
        """Images that went through the trunk, of all that this group needs."""

    def note(self, text: str) -> None:
        """A message about the group."""


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

    def missing(self, *, epochs: int, sizes: Mapping[str, int]) -> list[Item]:
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
        workers: int | None = None,
    ) -> None:
        """Compute what is missing; the trunk is loaded only then. A file is written once it is whole.

        Raises
        ------
        ValueError : the trunk is not frozen, or gives features that are not finite
        FrozenChangedError : a tensor of the trunk, running statistics included, has changed meanwhile
        """
        sizes = {part: len(group.rows[part]) for part in PARTS}
        todo = self.missing(epochs=epochs, sizes=sizes)
        total = sum(sizes[part] for part, _ in self._items(epochs))
        done = total - sum(sizes[part] for part, _ in todo)
        if not todo:
            _report(progress, total, total)
            return
        damaged = [path.name for path in (self._path(*item) for item in todo) if _has_checksum(path)]
        if damaged and progress is not None:
            progress.note(f"damaged features are computed again: {self.folder.name}/{', '.join(damaged)}")
        write_json(self.folder / "meta.json", {**asdict(self.key), "images_per_part": sizes})
        trunk = _ready(load_trunk(), device)
        check = FrozenCheck("The frozen trunk", trunk.state_dict)
        _report(progress, done, total)
        # One list of chunks over all files, so that no worker waits at the end of a file.
        places = [(item, start) for item in todo for start in range(0, sizes[item[0]], CHUNK)]
        tasks = [self._task(trunk, group, item, start, device) for item, start in places]
        parts: dict[Item, dict[int, np.ndarray]] = {item: {} for item in todo}
        with (
            exact_convolutions(device),
            closing(run_tasks(tasks, workers=workers or default_workers(device))) as ended,
        ):
            for position, result in ended:
                if isinstance(result, Exception):
                    raise result
                item, start = places[position]
                parts[item][start] = result
                done += len(result)
                if sum(len(chunk) for chunk in parts[item].values()) == sizes[item[0]]:
                    chunks = parts.pop(item)
                    self._write(item, np.concatenate([chunks[key] for key in sorted(chunks)]), group)
                _report(progress, done, total)
        try:
            check.check()
        except FrozenChangedError:
            for item in todo:
                self._path(*item).unlink(missing_ok=True)
            raise

    def _task(
        self, trunk: nn.Module, group: GroupImages, item: Item, start: int, device: torch.device
    ) -> Callable[[threading.Event], np.ndarray]:
        """A task that gives the features (n <= CHUNK, F) of one chunk of a file."""
        part, epoch = item

        def compute(stop: threading.Event) -> np.ndarray:
            if stop.is_set():
                raise CancelledError
            chosen = group.rows[part][start : start + CHUNK]
            filled = np.pad(chosen, (0, CHUNK - len(chosen)), mode="edge")
            images = torch.from_numpy(np.ascontiguousarray(group.images[filled])).to(device)
            if part == "train":
                ids = [group.image_ids[row] for row in filled]
                name, stream_seed = self.key.augmentation, self.key.stream_seed
                images = augment(images, ids, name=name, epoch=epoch, stream_seed=stream_seed)
            inputs = preprocess(images, self.key.preprocessing)
            with torch.inference_mode():
                features = trunk(inputs.contiguous(memory_format=torch.channels_last))
            return features[: len(chosen)].to("cpu", torch.float32).numpy()

        return compute

    def _write(self, item: Item, features: np.ndarray, group: GroupImages) -> None:
        _check_finite(features, item[0], [group.image_ids[row] for row in group.rows[item[0]]])
        buffer = io.BytesIO()
        np.save(buffer, features, allow_pickle=False)
        content = buffer.getvalue()
        path = self._path(*item)
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

    def _items(self, epochs: int) -> list[Item]:
        # Without augmentation every epoch sees the same features: one file serves all.
        n_train = 1 if self.key.augmentation == "none" else epochs
        return [("val", 0), ("test", 0), *(("train", epoch) for epoch in range(n_train))]

    def _path(self, part: str, epoch: int) -> Path:
        if part != "train":
            return self.folder / f"{part}.npy"
        return self.folder / f"train_{0 if self.key.augmentation == 'none' else epoch:03d}.npy"


def _has_checksum(path: Path) -> bool:
    """Whether a file was once written whole; an interrupted pass leaves no checksum."""
    return path.is_file() and path.with_suffix(".sha256").is_file()


def _report(progress: FeatureProgress | None, done: int, total: int) -> None:
    if progress is not None:
        progress.features(done, total)


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


def exact_convolutions(device: torch.device) -> AbstractContextManager[None]:
    """No TF32, no choice of algorithm by timing: otherwise the bits on a GPU change from run to run."""
    cuda = device.type == "cuda"
    return torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled, benchmark=False, deterministic=cuda, allow_tf32=not cuda
    )
