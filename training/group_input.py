"""Checks of what a group is given: jobs, images, manifest, split and device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from training.feature_key import PARTS, GroupImages
from training.settings import GROUP_FIELDS, CellJob

_DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """The device of a name; "auto" takes cuda, else mps, else cpu.

    Raises
    ------
    ValueError : unknown name, or the device is not there
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if name not in there:
        raise ValueError(f"`device` is {name!r}; allowed are {', '.join(_DEVICES)}.")
    if not there[name]:
        raise ValueError(f'`device` is {name!r}, which torch does not find here; take "cpu" or "auto".')
    return torch.device(name)


def check_jobs(jobs: Sequence[CellJob], *, backbone: str) -> None:
    """Refuse cells that do not share what the frozen layers of their trunk give.

    Raises
    ------
    ValueError : names the field or the setting
    """
    if not jobs:
        raise ValueError("A group needs at least one cell.")
    first = jobs[0].settings
    for name in GROUP_FIELDS:
        levels = sorted({str(getattr(job.settings, name)) for job in jobs})
        if len(levels) > 1:
            raise ValueError(f"The cells of a group must agree on `{name}`; got {', '.join(levels)}.")
    if len({job.cell_id for job in jobs}) < len(jobs):
        raise ValueError("Two cells of the group have the same cell_id.")
    if backbone != first.backbone:
        raise ValueError(f"The weights are for {backbone}, but the cells have `backbone` {first.backbone!r}.")


def group_images(
    jobs: Sequence[CellJob], *, images: np.ndarray, manifest: pd.DataFrame, split: pd.DataFrame
) -> GroupImages:
    """Images with the rows of each part, in manifest order.

    Raises
    ------
    TypeError : the images are not uint8
    ValueError : images, manifest and split do not fit each other or the cells' image size
    """
    if images.dtype != np.uint8:
        raise TypeError(f"`images` must be uint8 (0 to 255); got {images.dtype}.")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.shape[2] != images.shape[3]:
        raise ValueError(f"`images` must have shape (n, 1 or 3, s, s); got {images.shape}.")
    size = {job.settings.image_size for job in jobs}
    if size and size != {images.shape[2]}:
        raise ValueError(
            f"`images` are {images.shape[2]} px wide, but the cells have `image_size` {sorted(size)}."
        )
    ids = manifest["image_id"].tolist()
    if len(ids) != len(images) or len(set(ids)) != len(ids):
        raise ValueError(
            f"`manifest` has {len(ids)} rows with {len(set(ids))} different ids for {len(images)} images."
        )
    part_of = dict(zip(split["image_id"], split["split"], strict=True))
    unknown = sorted(set(part_of) - set(ids))
    if unknown:
        raise ValueError(
            f"`split` names {len(unknown)} images that the manifest lacks (first: {unknown[0]!r})."
        )
    rows = {
        part: np.array([i for i, name in enumerate(ids) if part_of.get(name) == part], dtype=np.int64)
        for part in PARTS
    }
    empty = [part for part, chosen in rows.items() if len(chosen) == 0]
    if empty:
        raise ValueError(f"`split` has no image in {', '.join(empty)}; every part needs both classes.")
    return GroupImages(images=images, image_ids=ids, rows=rows)


def part_labels(group: GroupImages, manifest: pd.DataFrame) -> dict[str, Tensor]:
    """Labels int64 (n,) of each part.

    Raises
    ------
    ValueError : a label is neither 0 nor 1
    """
    labels = manifest["label"].to_numpy()
    bad = sorted({str(value) for value in labels} - {"0", "1"})
    if bad:
        raise ValueError(f"`label` must be 0 or 1; the manifest also holds {', '.join(bad[:3])}.")
    return {part: torch.from_numpy(labels[rows].astype(np.int64)) for part, rows in group.rows.items()}
