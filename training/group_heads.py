"""Train the cells of a group with a frozen trunk: cached features, then every head as a job of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from training.allocator import release_memory
from training.backends import on_backend
from training.features import FeatureCache
from training.fit import HeadData, train_head
from training.fit_unfrozen import level_note
from training.group_input import part_labels
from training.group_parts import GroupContext, LoadedTrunk, Trained, probed_notes
from training.heads import head_parameters
from training.settings import CellJob
from training.workers import run_tasks

# Heads train at the same time while their tensors fit into this; a larger one trains alone.
HEAD_MEMORY = 4 * 10**9
# Parameters, gradients and two moments of Adam, float32; the tensors of the best epoch lie in a file.
BYTES_PER_PARAMETER = 4 * 4


class CachedHeads:
    """Heads on the cached features of one trunk, or of several side by side (fusion).

    Each pretraining of a fusion has the cache that it has alone, so cells that use it alone share it.
    """

    def __init__(self, context: GroupContext, *, epochs: int) -> None:
        self._context, self._epochs = context, epochs
        self._trunks = [LoadedTrunk(context, part) for part in context.weights.parts]
        self.group_key = "+".join(trunk.key.group_key() for trunk in self._trunks)
        self.n_features = 0
        self.notes: tuple[str, ...] = ()
        self._data: HeadData | None = None

    def prepare(self) -> None:
        """Compute the features that are missing, and probe the trunks' BatchNorm.

        Raises
        ------
        ValueError, FrozenChangedError : see `FeatureCache.complete`
        """
        context = self._context
        caches = self._caches()
        for position, (trunk, cache) in enumerate(zip(self._trunks, caches, strict=True)):
            cache.complete(
                context.group,
                epochs=self._epochs,
                load_trunk=partial(self._on_backend, trunk),
                device=context.device,
                progress=_Share(context, position, len(self._trunks)),
                workers=context.workers,
            )
            context.store.keep_features(trunk.key.group_key())
        self.notes = probed_notes(context, self._trunks)
        for trunk in self._trunks:
            trunk.release()
        release_memory()
        labels = part_labels(context.group, context.manifest)
        self._data = HeadData(
            train=lambda epoch: _joined(caches, "train", epoch),
            val=_joined(caches, "val"),
            test=_joined(caches, "test"),
            train_labels=labels["train"],
            val_labels=labels["val"],
            test_labels=labels["test"],
        )
        self.n_features = self._data.val.shape[1]

    def missing(self) -> bool:
        """Whether the cache lacks features that these heads read; whole files are read for it."""
        sizes = {part: len(rows) for part, rows in self._context.group.rows.items()}
        return any(cache.missing(epochs=self._epochs, sizes=sizes) for cache in self._caches())

    def _caches(self) -> list[FeatureCache]:
        caches, store = [], self._context.store
        for trunk in self._trunks:
            store.fetch_features(trunk.key.group_key())
            caches.append(FeatureCache(store.features_dir(trunk.key.group_key()), trunk.key))
        return caches

    def _on_backend(self, trunk: LoadedTrunk) -> nn.Module:
        context = self._context
        return on_backend(
            context.backend, trunk.get(), context.group, preprocessing=context.settings.preprocessing
        )

    def train(self, jobs: Sequence[CellJob]) -> Generator[tuple[int, Trained | Exception], None, None]:
        """Train heads, as many at once as there are workers and memory."""
        sizes = [BYTES_PER_PARAMETER * head_parameters(job.settings, self.n_features) for job in jobs]
        tasks = [self._task(job) for job in jobs]
        yield from run_tasks(tasks, workers=self._context.workers, sizes=sizes, budget=HEAD_MEMORY)

    def _task(self, job: CellJob) -> Callable[[threading.Event], Trained]:
        def train(stop: threading.Event) -> Trained:
            assert self._data is not None
            start = time.perf_counter()
            result = train_head(job, self._data, device=self._context.device, stop=stop)
            note = level_note(job.settings)
            if note is not None:
                result = replace(result, notes=(*result.notes, note))
            return Trained(result=result, seconds=time.perf_counter() - start)

        return train


class _Share:
    """Progress of one trunk of several, as a share of all."""

    def __init__(self, context: GroupContext, position: int, n: int) -> None:
        self._progress, self._position, self._n = context.progress, position, n

    def features(self, done: int, total: int) -> None:
        """Images of this trunk; the trunks before it are through."""
        if self._progress is not None:
            self._progress.features(self._position * total + done, self._n * total)

    def note(self, text: str) -> None:
        """A message about the group."""
        if self._progress is not None:
            self._progress.note(text)


def _joined(caches: Sequence[FeatureCache], part: str, epoch: int = 0) -> Tensor:
    """Features (n, sum of widths), the trunks' side by side; one trunk's stay memory-mapped."""
    loaded = [cache.load(part, epoch) for cache in caches]
    return loaded[0] if len(loaded) == 1 else torch.cat(loaded, dim=1)
