"""Predict any images with a stored cell: its pretraining, its head, its preprocessing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from training.checkpoints import UNREADABLE, load_model, parse_metadata
from training.feature_key import CHUNK
from training.features import exact_convolutions
from training.fit import score
from training.preprocess import preprocess
from training.settings import CellSettings
from training.threads import torch_threads
from training.weights import Weights, resolve_weights
from training.workers import CancelledError, default_workers, run_tasks

# Images that are decoded and scored at once; the same number as in training, so that the bits are the same.
BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCell:
    """A trained cell, ready to predict.

    trunk : images as `training.preprocess` gives them -> features;  head : features -> logits (n, 2)
    settings, cell_id, epoch : of the cell; epoch (0-based) is the one that was kept
    weights : what the trunk was loaded from
    """

    trunk: nn.Module
    head: nn.Module
    settings: CellSettings
    cell_id: str
    epoch: int
    weights: Weights


def load_cell(path: Path, *, weights_dir: Path) -> StoredCell:
    """The cell of a checkpoint with the weights that it was trained on.

    Raises
    ------
    FileNotFoundError : no such checkpoint; the weights are not on this machine (the message says how to get
        them)
    ValueError : the checkpoint is damaged or of another version; the weights here have another SHA-256 than
        those of the run
    """
    settings, metadata = read_metadata(path)
    weights = resolve_weights(settings.pretrain, settings.backbone, weights_dir=weights_dir)
    if metadata["weights_sha256"] != weights.sha256:
        raise ValueError(
            f"Cell {metadata['cell_id']} was trained with {settings.pretrain} weights of {settings.backbone} "
            f"with SHA-256 {metadata['weights_sha256']}; those here have {weights.sha256} "
            f"({weights.source}). Put the weights of the run into the weights folder, "
            "or name their folder with --weights-dir."
        )
    trunk, head, _, _ = load_model(path, weights)
    return StoredCell(
        trunk=trunk,
        head=head,
        settings=settings,
        cell_id=str(metadata["cell_id"]),
        epoch=int(metadata["epoch"]),
        weights=weights,
    )


def read_metadata(path: Path) -> tuple[CellSettings, Mapping[str, Any]]:
    """Settings and metadata of a checkpoint, without its tensors.

    Raises
    ------
    FileNotFoundError : there is no such file
    ValueError : it is no checkpoint of a cell
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no checkpoint '{path}'. Checkpoints are in the folder `checkpoints` of a store, "
            "one of the best cell of each group."
        )
    try:
        with safe_open(path, framework="pt") as file:
            return parse_metadata(file.metadata())
    except UNREADABLE as error:
        raise ValueError(
            f"'{path}' is no checkpoint of a cell, or damaged, or of another version ({error})."
        ) from error


def predict_images(
    cell: StoredCell, images: np.ndarray, *, device: torch.device, workers: int | None = None
) -> np.ndarray:
    """Logits of the cell, float32 (n, 2).

    Parameters
    ----------
    images : uint8 (n, 1 or 3, s, s), s = `cell.settings.image_size`
    device : where the trunk and the head run

    Notes
    -----
    On the CPU the test images of the run, together and in their order, give the stored logits bit for bit
    where the trunk stayed frozen. Other companies of images in a batch, a trunk that was trained (it was
    scored in larger batches), or features that ONNX Runtime computed may move the last bits.

    Raises
    ------
    ValueError : another size of images;  TypeError : not uint8
    """
    size = cell.settings.image_size
    if images.ndim != 4 or images.shape[2:] != (size, size):
        raise ValueError(f"`images` must have shape (n, 1 or 3, {size}, {size}); got {images.shape}.")
    trunk = cell.trunk.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    head = cell.head.to(device)
    logits = []
    for start in range(0, len(images), BATCH):
        features = _features(trunk, images[start : start + BATCH], cell.settings, device, workers)
        with torch_threads(1):  # as in training: the same bits whatever the number of cores
            logits.append(score(head, torch.from_numpy(features).to(device)))
    return np.concatenate(logits) if logits else np.empty((0, 2), dtype=np.float32)


def _features(
    trunk: nn.Module,
    images: np.ndarray,
    settings: CellSettings,
    device: torch.device,
    workers: int | None,
) -> np.ndarray:
    """Features float32 (n, F) in chunks of the size that training used."""
    starts = range(0, len(images), CHUNK)
    tasks = [_task(trunk, images[start : start + CHUNK], settings, device) for start in starts]
    found: dict[int, np.ndarray] = {}
    with (
        exact_convolutions(device),
        closing(run_tasks(tasks, workers=workers or default_workers(device))) as ended,
    ):
        for position, result in ended:
            if isinstance(result, Exception):
                raise result
            found[position] = result
    return np.concatenate([found[position] for position in range(len(tasks))])


def _task(
    trunk: nn.Module, images: np.ndarray, settings: CellSettings, device: torch.device
) -> Callable[[threading.Event], np.ndarray]:
    def compute(stop: threading.Event) -> np.ndarray:
        if stop.is_set():
            raise CancelledError
        filled = _filled(images)
        inputs = preprocess(torch.from_numpy(filled).to(device), settings.preprocessing)
        with torch.inference_mode():
            features = trunk(inputs.contiguous(memory_format=torch.channels_last))
        return features[: len(images)].to("cpu", torch.float32).numpy()

    return compute


def _filled(images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """The chunk with its last image repeated: every pass has CHUNK images."""
    rows = np.pad(np.arange(len(images)), (0, CHUNK - len(images)), mode="edge")
    return np.ascontiguousarray(np.asarray(images)[rows])
