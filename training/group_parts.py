"""What the two ways of training a group share: its context, a trained cell, the trunks of a pretraining."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn

from data.atomic import write_json
from data.store import Store
from training.backends import backend_description
from training.bn_probe import PROBE_IMAGES, LayerFit, probe_batchnorm, probe_note
from training.feature_key import CHUNK, FeatureKey, GroupImages, feature_key
from training.fit import FitResult
from training.preprocess import preprocess
from training.settings import CellJob, CellSettings
from training.threads import torch_threads
from training.weights import Weights


class GroupProgress(Protocol):
    """What a group reports while it works."""

    def features(self, done: int, total: int) -> None:
        """Images that went through the trunk, of all that this group needs."""

    def cell(self, cell_id: str, status: str) -> None:
        """A cell has ended: "done" or "failed"."""

    def note(self, text: str) -> None:
        """A message about the whole group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained cell and the seconds that it took."""

    result: FitResult
    seconds: float


class TrainingWay(Protocol):
    """How the cells of a group are trained; `prepare` comes first.

    group_key : names what the cells share
    n_features : width that the heads see
    notes : about the whole group, for every cell's row
    """

    group_key: str
    n_features: int
    notes: tuple[str, ...]

    def prepare(self) -> None:
        """What all cells need; an error here fails them all."""

    def train(self, jobs: Sequence[CellJob]) -> Generator[tuple[int, Trained | Exception], None, None]:
        """(position, trained cell or error) in the order in which the cells end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupContext:
    """A group's images, weights and place in the store, and how to work."""

    settings: CellSettings
    group: GroupImages
    manifest: pd.DataFrame
    weights: Weights
    store: Store
    device: torch.device
    progress: GroupProgress | None
    workers: int
    backend: str
    load_trunk: Callable[[Weights], nn.Module]

    def key(self, weights: Weights) -> FeatureKey:
        """Key of the features that one trunk gives."""
        return feature_key(
            self.group,
            augmentation=self.settings.augmentation,
            preprocessing=self.settings.preprocessing,
            backbone=self.settings.backbone,
            weights_sha256=weights.sha256,
            device=self.device,
            backend=backend_description(self.backend),
        )


class LoadedTrunk:
    """The trunk of one pretraining, loaded once and only if something asks for it."""

    def __init__(self, context: GroupContext, weights: Weights) -> None:
        self._context, self.weights = context, weights
        self.key = context.key(weights)
        self._trunk: nn.Module | None = None

    def get(self) -> nn.Module:
        """The frozen trunk."""
        if self._trunk is None:
            self._trunk = self._context.load_trunk(self.weights)
        return self._trunk

    def release(self) -> None:
        """Forget the trunk."""
        self._trunk = None

    def batchnorm_note(self) -> str | None:
        """Where BatchNorm's statistics do not fit the training images; kept beside the cached features."""
        rows = self._context.group.rows["train"]
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(PROBE_IMAGES, len(rows))).astype(int))]
        path = self._context.store.features_dir(self.key.group_key()) / "batchnorm.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            fits = [LayerFit(**layer) for layer in stored["layers"]]
        except (OSError, ValueError, KeyError, TypeError):
            fits = self._probe(chosen)
            write_json(path, {"n_images": len(chosen), "layers": [fit.to_dict() for fit in fits]})
        return probe_note(self.weights.name, fits, n_images=len(chosen))

    def _probe(self, rows: np.ndarray) -> list[LayerFit]:
        context, trunk = self._context, self.get()
        device = context.device

        def batches() -> Generator[torch.Tensor, None, None]:
            for start in range(0, len(rows), CHUNK):
                pixels = np.ascontiguousarray(context.group.images[rows[start : start + CHUNK]])
                images = torch.from_numpy(pixels).to(device)
                inputs = preprocess(images, context.settings.preprocessing)
                yield inputs.contiguous(memory_format=torch.channels_last)

        # The same numbers on every run: one thread, and one layout, which a trunk that computed features
        # before has already.
        trunk.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch_threads(1):
            return probe_batchnorm(trunk, batches())


def probed_notes(context: GroupContext, trunks: Sequence[LoadedTrunk]) -> tuple[str, ...]:
    """The notes of the BatchNorm probe over all trunks, reported to the run once per group."""
    notes = tuple(note for trunk in trunks if (note := trunk.batchnorm_note()) is not None)
    if context.progress is not None:
        for note in notes:
            context.progress.note(note)
    return notes
