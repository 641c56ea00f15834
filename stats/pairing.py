"""Join the predictions of several models by image, never by position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedPredictions:
    """Predictions of K models on the same n images.

    Attributes
    ----------
    names : the models;  image_id : (n,) text;  labels : (n,) bool
    ranking : (n, K) float, for AUCs: the logit difference where it is stored, else the score
    scores : (n, K) float, probability of the positive class
    groups : (n,) patient ids, None where no image has one
    """

    names: tuple[str, ...]
    image_id: NDArray[np.object_]
    labels: NDArray[np.bool_]
    ranking: NDArray[np.float64]
    scores: NDArray[np.float64]
    groups: NDArray[np.object_] | None


def paired_predictions(models: Mapping[str, pd.DataFrame]) -> PairedPredictions:
    """Return the predictions of all models in the image order of the first.

    Parameters
    ----------
    models : name -> frame with image_id, label, score and, where known, group_id, logit_0, logit_1

    Raises
    ------
    ValueError : an image twice in a model; images missing in or added by a model; unequal labels or patients.
        Each names the model and the first images.
    """
    if not models:
        raise ValueError("`models` is empty; give the predictions of at least one model.")
    names = tuple(models)
    first = _by_image(names[0], models[names[0]])
    frames = [first]
    for name in names[1:]:
        frame = _by_image(name, models[name])
        _same_images(names[0], first.index, name, frame.index)
        frame = frame.loc[first.index]
        _same_values(names[0], first, name, frame, "label")
        if "group_id" in first and "group_id" in frame:
            _same_values(names[0], first, name, frame, "group_id")
        frames.append(frame)
    groups = first["group_id"].to_numpy(dtype=object) if "group_id" in first else None
    has_groups = groups is not None and bool(pd.notna(groups).any())
    return PairedPredictions(
        names=names,
        image_id=first.index.to_numpy(dtype=object),
        labels=first["label"].to_numpy() == 1,
        ranking=np.column_stack(_rankings(frames)),
        scores=np.column_stack([frame["score"].to_numpy(dtype=np.float64) for frame in frames]),
        groups=groups if has_groups else None,
    )


def ranking_scores(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return what to rank images by, shape (n,): logit_1 - logit_0 in float64 where stored, else the score.

    The probability rounds to 0 or 1 for large logits and would tie images that the model tells apart.
    """
    if {"logit_0", "logit_1"} <= set(frame.columns):
        logits = frame["logit_1"].to_numpy(dtype=np.float64) - frame["logit_0"].to_numpy(dtype=np.float64)
        if np.isfinite(logits).all():
            return logits
    return frame["score"].to_numpy(dtype=np.float64)


def _rankings(frames: list[pd.DataFrame]) -> list[NDArray[np.float64]]:
    return [ranking_scores(frame) for frame in frames]


def _by_image(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    indexed = frame.set_index("image_id")
    doubled = indexed.index[indexed.index.duplicated()]
    if len(doubled):
        raise ValueError(
            f"Predictions of {name} hold {doubled.nunique()} images more than once, first {doubled[0]!r}; "
            "each image may stand once. Run the cell again."
        )
    return indexed


def _same_images(first: str, known: pd.Index, name: str, images: pd.Index) -> None:
    missing, extra = known.difference(images, sort=False), images.difference(known, sort=False)
    if len(missing) or len(extra):
        parts = []
        if len(missing):
            parts.append(f"lack {len(missing)} images of {first} (first {missing[0]!r})")
        if len(extra):
            parts.append(f"have {len(extra)} images that {first} lacks (first {extra[0]!r})")
        raise ValueError(
            f"Predictions of {name} {' and '.join(parts)}; a paired comparison needs the same images. "
            "Run both cells on the same split."
        )


def _same_values(first: str, known: pd.DataFrame, name: str, frame: pd.DataFrame, column: str) -> None:
    a, b = known[column], frame[column]
    unequal = ~((a == b) | (a.isna() & b.isna())).to_numpy(dtype=bool, na_value=False)
    if unequal.any():
        image = known.index[int(np.flatnonzero(unequal)[0])]
        raise ValueError(
            f"{int(unequal.sum())} images have another {column} in {name} than in {first} (first {image!r}: "
            f"{b[image]} against {a[image]}); the cells were made from different data."
        )
