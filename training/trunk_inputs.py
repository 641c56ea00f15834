"""What the cells of a group read where layers of the trunk are trained: maps behind the shared frozen layers.

The frozen layers run once per epoch over all training images, in chunks of one size, so that an image's maps
depend neither on the batches nor on the cells that read them. The maps of one epoch are kept in memory, or in
a file without a name where they are larger, until the next epoch replaces them. Where no layer is shared, the
augmented images themselves take their place.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.augment import augment
from training.backbones import FrozenTrunk
from training.feature_key import CHUNK, GroupImages
from training.features import exact_convolutions
from training.preprocess import preprocess
from training.workers import CancelledError, run_tasks

# Maps of one epoch beyond this many bytes lie in a file.
MEMORY_LIMIT = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTable:
    """Inputs of n images, in manifest order.

    values : float32 maps (n, c, h, w), or uint8 images (n, 1 or 3, s, s)
    preprocessing : of the images; None where the values are maps
    """

    values: Tensor
    preprocessing: str | None

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, rows: Tensor | slice, device: torch.device) -> Tensor:
        """Inputs of some rows as float32 on the device, channels last."""
        chosen = self.values[rows].to(device)
        x = chosen if self.preprocessing is None else preprocess(chosen, self.preprocessing)
        return x.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkInputs:
    """Makes the input tables of a group.

    trunk : frozen; stop : first child that the cells own, None = they own the whole trunk
    folder : where maps beyond `memory_limit` bytes are put; the file disappears with the table
    """

    group: GroupImages
    trunk: FrozenTrunk
    stop: str | None
    augmentation: str
    preprocessing: str
    device: torch.device
    workers: int
    folder: Path
    memory_limit: int = MEMORY_LIMIT
    stream_seed: int = 0

    def table(self, part: str, epoch: int = 0) -> InputTable:
        """Inputs of "train" in one epoch (augmented), "val" or "test".

        Raises
        ------
        ValueError : the frozen layers give maps that are not finite
        """
        n = len(self.group.rows[part])
        tasks = [self._task(part, epoch, start) for start in range(0, n, CHUNK)]
        values: Tensor | None = None
        with (
            exact_convolutions(self.device),
            closing(run_tasks(tasks, workers=self.workers)) as ended,
        ):
            for position, result in ended:
                if isinstance(result, Exception):
                    raise result
                if values is None:
                    values = self._buffer((n, *result.shape[1:]), result.dtype)
                values[position * CHUNK : position * CHUNK + len(result)] = result
        assert values is not None
        maps = self.stop is not None
        if maps and not all(bool(torch.isfinite(chunk).all()) for chunk in values.split(CHUNK)):
            raise ValueError(
                f"The frozen layers give maps that are not finite for {part} images; check the weights file "
                "and the declared preprocessing."
            )
        return InputTable(values=values, preprocessing=None if maps else self.preprocessing)

    def _task(self, part: str, epoch: int, start: int) -> Callable[[threading.Event], Tensor]:
        def compute(stop: threading.Event) -> Tensor:
            if stop.is_set():
                raise CancelledError
            chosen = self.group.rows[part][start : start + CHUNK]
            filled = np.pad(chosen, (0, CHUNK - len(chosen)), mode="edge")
            images = torch.from_numpy(np.ascontiguousarray(self.group.images[filled])).to(self.device)
            if part == "train":
                ids = [self.group.image_ids[row] for row in filled]
                images = augment(
                    images, ids, name=self.augmentation, epoch=epoch, stream_seed=self.stream_seed
                )
            if self.stop is None:
                return images[: len(chosen)].cpu()
            x = preprocess(images, self.preprocessing).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                return self.trunk.maps(x, stop=self.stop)[: len(chosen)].to("cpu", torch.float32)

        return compute

    def _buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        size = int(np.prod(shape)) * dtype.itemsize
        if size <= self.memory_limit:
            return torch.empty(shape, dtype=dtype)
        self.folder.mkdir(parents=True, exist_ok=True)
        # On POSIX the file has no name, so that its space is free again whatever ends the process.
        with tempfile.TemporaryFile(dir=self.folder) as file:
            kind = np.dtype(str(dtype).removeprefix("torch."))
            return torch.from_numpy(np.memmap(file, dtype=kind, mode="w+", shape=shape))
