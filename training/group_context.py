"""What a group needs before anything of it is trained: inputs that fit each other, and its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from torch import nn

from data.store import Store
from training.backends import check_backend
from training.fit import check_batch_size
from training.group_heads import CachedHeads
from training.group_input import check_jobs, group_images, resolve_device
from training.group_parts import GroupContext, GroupProgress
from training.settings import CellJob
from training.weights import Weights, load_backbone
from training.workers import default_workers


def group_context(
    jobs: Sequence[CellJob],
    *,
    images: np.ndarray,
    manifest: pd.DataFrame,
    split: pd.DataFrame,
    weights: Weights,
    store: Store,
    device: str = "auto",
    progress: GroupProgress | None = None,
    workers: int | None = None,
    backend: str = "torch",
    load_trunk: Callable[[Weights], nn.Module] = load_backbone,
) -> GroupContext:
    """Check what a group is given; parameters and errors as in `training.group.run_group`."""
    where = resolve_device(device)
    check_backend(backend, where)
    group = group_images(jobs, images=images, manifest=manifest, split=split)
    check_jobs(jobs, backbone=weights.backbone)
    for job in jobs:
        check_batch_size(job.settings, len(group.rows["train"]))
    return GroupContext(
        settings=jobs[0].settings,
        group=group,
        manifest=manifest,
        weights=weights,
        store=store,
        device=where,
        progress=progress,
        workers=workers or default_workers(where),
        backend=backend,
        load_trunk=load_trunk,
    )


def cached_heads(context: GroupContext, jobs: Sequence[CellJob]) -> CachedHeads:
    """Heads of these jobs on the cached features of a frozen trunk."""
    return CachedHeads(context, epochs=max(job.settings.epochs for job in jobs))


def features_are_there(context: GroupContext, jobs: Sequence[CellJob]) -> bool:
    """Whether these jobs find every feature in the cache, whole; true where they read no cache."""
    return not jobs[0].settings.has_fixed_features() or not cached_heads(context, jobs).missing()


def make_features(context: GroupContext, jobs: Sequence[CellJob]) -> None:
    """Compute what the cache lacks for these jobs; nothing where they read no cache.

    Raises
    ------
    ValueError, FrozenChangedError : see `training.features.FeatureCache.complete`
    """
    if jobs[0].settings.has_fixed_features():
        cached_heads(context, jobs).prepare()
