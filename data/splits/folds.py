"""Cross-validation: every image is tested in exactly one fold, and no patient is in two parts of a fold."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd

from data.splits.grouped import assign_groups
from data.splits.notes import Group
from data.splits.split import check_labels, draw_advice, group_codes

MAX_FOLDS = 20


def make_folds(
    manifest: pd.DataFrame, *, folds: int, val: float, stratify: bool, group: Group, seed: int
) -> pd.DataFrame:
    """Divide the images of a task `folds` times: test parts partition the images.

    Parameters
    ----------
    manifest : frame with image_id, label and group_id
    folds : number of folds, 2 to 20; each tests 1 / folds of the images
    val : share of all images for validation in every fold, above 0 and below 1 - 1 / folds
    stratify : keep the share of positive images equal in all parts of all folds
    group : "patient" = images with one group_id stay together (images without an id stand alone);
        "image" = every image for itself
    seed : alone decides the draw; the order of rows does not matter

    Returns
    -------
    frame with image_id, fold (0 ... folds - 1) and split ("train", "val", "test"): one row per image and
    fold, sorted by fold and image_id

    Raises
    ------
    ValueError : `folds` or `val` out of range, an unknown `group`, or a part of a fold without positive or
        without negative images
    """
    _check(folds, val, group)
    frame = manifest.sort_values("image_id", kind="stable", ignore_index=True)
    label = frame["label"].to_numpy(dtype=np.int64)
    codes = group_codes(frame) if group == "patient" else np.arange(len(frame))
    strata = label if stratify else np.zeros_like(label)
    tested = _assign(codes, strata, _fold_targets(strata, folds), np.random.default_rng([seed, 0]))
    grouped = bool(codes.max() + 1 < len(frame))
    parts = []
    for fold in range(folds):
        part = np.full(len(frame), 2, dtype=np.int64)
        rest = np.flatnonzero(tested != fold)
        # A stream of its own per fold, so that one fold says nothing of another's draw.
        rng = np.random.default_rng([seed, 1 + fold])
        target = _rest_targets(strata[rest], n=len(frame), val=val)
        part[rest] = _assign(codes[rest], strata[rest], target, rng)
        check_labels(label, part, advice=draw_advice(grouped=grouped), where=f" in fold {fold}")
        names = np.array(["train", "val", "test"])[part]
        parts.append(pd.DataFrame({"image_id": frame["image_id"], "fold": fold, "split": names}))
    return pd.concat(parts, ignore_index=True)


def fold_split(split: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Return image_id and split of one fold; a split without folds has fold 0 alone.

    Raises
    ------
    ValueError : there is no such fold
    """
    known = [0] if "fold" not in split else sorted(int(value) for value in split["fold"].unique())
    if fold not in known:
        raise ValueError(f"`fold` is {fold}; the split has the folds {', '.join(map(str, known))}.")
    own = split if "fold" not in split else split[split["fold"] == fold]
    return own[["image_id", "split"]].reset_index(drop=True)


def fold_counts(n: int, *, folds: int, val: float) -> list[dict[str, int]]:
    """Images per part of every fold where each image stands alone, from their number."""
    tested = _spread(n, folds, first=0)
    n_val = round(Fraction(repr(float(val))) * n)
    return [{"train": n - size - n_val, "val": n_val, "test": int(size)} for size in tested]


def _assign(
    codes: np.ndarray, strata: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Part of every image; where each image is its own group, the counts are met exactly."""
    _, own = np.unique(codes, return_inverse=True)
    if own.max() + 1 < len(own):
        return assign_groups(own, strata, target, rng)[own]
    part = np.zeros(len(own), dtype=np.int64)
    for stratum in range(target.shape[1]):
        order = rng.permutation(np.flatnonzero(strata == stratum))
        part[order] = np.repeat(np.arange(len(target)), target[:, stratum])
    return part


def _fold_targets(strata: np.ndarray, folds: int) -> np.ndarray:
    """Images wanted per fold (rows) and stratum (columns); what does not divide goes on where it ended."""
    counts = np.bincount(strata)
    columns, first = [], 0
    for count in counts:
        columns.append(_spread(int(count), folds, first=first))
        first = (first + int(count)) % folds
    return np.column_stack(columns)


def _rest_targets(strata: np.ndarray, *, n: int, val: float) -> np.ndarray:
    """Images wanted for training and validation (rows) of those that a fold does not test."""
    counts = np.bincount(strata)
    wanted = round(Fraction(repr(float(val))) * n)
    exact = [Fraction(int(count) * wanted, int(counts.sum())) for count in counts]
    shares = [int(value) for value in exact]
    # Largest remainder; a tie goes to the rarer stratum.
    order = sorted(range(len(counts)), key=lambda s: (shares[s] - exact[s], counts[s], s))
    for stratum in order[: wanted - sum(shares)]:
        shares[stratum] += 1
    held = np.array(shares)
    return np.vstack([counts - held, held])


def _spread(count: int, folds: int, *, first: int) -> np.ndarray:
    sizes = np.full(folds, count // folds)
    sizes[(first + np.arange(count % folds)) % folds] += 1
    return sizes


def _check(folds: int, val: float, group: str) -> None:
    if group not in ("patient", "image"):
        raise ValueError(f"`group` must be 'patient' or 'image', but {group!r} came.")
    if not isinstance(folds, int) or isinstance(folds, bool) or not 2 <= folds <= MAX_FOLDS:
        raise ValueError(f"`folds` is {folds!r}; allowed are whole numbers from 2 to {MAX_FOLDS}.")
    if not 0 < val < 1 - 1 / folds:
        raise ValueError(
            f"`val` is {val:g}; with {folds} folds it must be above 0 and below {1 - 1 / folds:.3g}, "
            "so that images are left for training."
        )
