"""Training, validation and test parts: counts of the paper, seeded, and no patient in two parts."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd

from data.splits.counts import PARTS, label_counts, split_counts
from data.splits.grouped import assign_groups
from data.splits.leaks import leak_share
from data.splits.notes import Group, split_notes, split_report

__all__ = [
    "PARTS",
    "Group",
    "check_labels",
    "draw_advice",
    "group_codes",
    "label_counts",
    "leak_share",
    "make_split",
    "split_counts",
    "split_hash",
    "split_notes",
    "split_report",
]


def make_split(
    manifest: pd.DataFrame,
    *,
    train: float,
    val: float,
    test: float,
    stratify: bool,
    group: Group,
    seed: int,
) -> pd.DataFrame:
    """Divide the images of a task into three parts.

    Parameters
    ----------
    manifest : frame with image_id, label and group_id
    train, val, test : shares above 0 with sum 1
    stratify : keep the share of positive images equal in all parts
    group : "patient" = images with one group_id stay together (images without an id stand alone);
        "image" = every image for itself, whatever group_id says
    seed : alone decides the draw; the order of rows, group names and classes do not matter

    Returns
    -------
    frame with image_id and split ("train", "val", "test"), sorted by image_id

    Raises
    ------
    ValueError : shares that do not sum to 1, an unknown `group`, or a part without positive or without
        negative images

    Notes
    -----
    Counts follow the original study (see `split_counts`). Where groups are kept together, the counts come as
    near as the groups allow; `split_notes` tells how near.
    """
    if group not in ("patient", "image"):
        raise ValueError(f"`group` must be 'patient' or 'image', but {group!r} came.")
    frame = manifest.sort_values("image_id", kind="stable", ignore_index=True)
    label = frame["label"].to_numpy(dtype=np.int64)
    target = _targets(label, stratify=stratify, shares=(train, val, test))
    rng = np.random.default_rng(seed)
    codes = group_codes(frame) if group == "patient" else np.arange(len(frame))
    if codes.max() + 1 == len(frame):
        part = _assign_images(label, target, rng, stratify=stratify)
    else:
        strata = label if stratify else np.zeros_like(label)
        part = assign_groups(codes, strata, target, rng)[codes]
    check_labels(label, part, advice=draw_advice(grouped=codes.max() + 1 < len(frame)))
    return pd.DataFrame({"image_id": frame["image_id"], "split": np.array(PARTS)[part]})


def split_hash(split: pd.DataFrame) -> str:
    """SHA-256 (hex) of which image is in which part; row order does not matter."""
    pairs = sorted(zip(split["image_id"].astype(str), split["split"].astype(str), strict=True))
    return hashlib.sha256(json.dumps(pairs, ensure_ascii=True).encode("ascii")).hexdigest()


def _targets(label: np.ndarray, *, stratify: bool, shares: tuple[float, float, float]) -> np.ndarray:
    """Images wanted per part (rows: train, val, test) and stratum (columns), int, shape (3, strata)."""
    train, val, test = shares
    if not stratify:
        parts = split_counts(len(label), train=train, val=val, test=test)
        return np.array([[parts[name]] for name in PARTS])
    counts = {str(value): int((label == value).sum()) for value in (0, 1)}
    wanted = label_counts(counts, train=train, val=val, test=test)
    return np.array([[wanted[name][value] for value in ("0", "1")] for name in PARTS])


def _assign_images(
    label: np.ndarray, target: np.ndarray, rng: np.random.Generator, *, stratify: bool
) -> np.ndarray:
    part = np.zeros(len(label), dtype=np.int64)
    for stratum in range(target.shape[1]):
        members = np.flatnonzero(label == stratum) if stratify else np.arange(len(label))
        order = rng.permutation(members)
        n_train, n_val, _ = target[:, stratum]
        part[order[n_train : n_train + n_val]] = 1
        part[order[n_train + n_val :]] = 2
    return part


def group_codes(frame: pd.DataFrame) -> np.ndarray:
    """Number the groups by their first image; images without an id are groups of their own."""
    alone = "image " + frame["image_id"].astype(str)
    known = "group " + frame["group_id"].astype("object").where(frame["group_id"].notna(), "").astype(str)
    return pd.factorize(known.where(frame["group_id"].notna(), alone))[0]


def check_labels(label: np.ndarray, part: np.ndarray, *, advice: str, where: str = "") -> None:
    """Refuse a part (0 = train, 1 = val, 2 = test) without positive or without negative images.

    `advice` : what to do about it; `{part}` in it becomes the name of the part
    """
    for index, name in enumerate(PARTS):
        here = label[part == index]
        for value, word in ((1, "positive"), (0, "negative")):
            if not (here == value).any():
                total = int((label == value).sum())
                raise ValueError(
                    f"The part '{name}' of the split{where} has no {word} image ({len(here)} images in it; "
                    f"{total} {word} of {len(label)} in all). {advice.format(part=name)}"
                )


def draw_advice(*, grouped: bool) -> str:
    """What to do where a drawn split leaves a part without a label."""
    return (
        "Give `{part}` a larger share, set stratify = true, "
        f"{'use more groups' if grouped else 'add images'}, or correct `positive`."
    )
