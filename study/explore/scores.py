"""The predictions of the cells, by cell and part, and as one table of images per task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from data.store import Store
from stats.pairing import PairedPredictions, paired_predictions

PARTS = ("test", "val")
_ROW = ["fold", "split", "image_id"]


def read_scores(store: Store, task: str, cell_ids: list[str]) -> pd.DataFrame:
    """Return the validation and test predictions of done cells of a task.

    Raises
    ------
    ValueError : two cells give an image another label or patient
    """
    rows = store.read_predictions(task=task, cell_ids=cell_ids, splits=PARTS)
    facts = rows[[*_ROW, "label", "group_id"]].drop_duplicates()
    doubled = facts[facts.duplicated(_ROW)]
    if len(doubled):
        raise ValueError(
            f"Task `{task}`: {len(doubled)} images have another label or patient in one cell than in another "
            f"(first '{doubled['image_id'].iloc[0]}'); the cells were made from different data. "
            "Run them again on one data set."
        )
    return rows


def predictions_by_part(rows: pd.DataFrame) -> dict[tuple[str, str], PairedPredictions]:
    """Return the predictions of every cell and part ("test", "val") as arrays."""
    return {
        (str(cell_id), str(split)): paired_predictions({f"cell {cell_id}": part})
        for (cell_id, split), part in rows.groupby(["cell_id", "split"], sort=False)
    }


def image_table(rows: pd.DataFrame, manifest: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the images that were scored, and their scores.

    Returns
    -------
    images : fold, split, image_id, label, group_id, class (None where the manifest does not know the image);
        test before validation, sorted by fold and image_id; with cross-validation a row per image and fold
    scores : a column per cell, aligned with `images`; NaN where a cell did not score the image
    """
    scores = rows.pivot(index=_ROW, columns="cell_id", values="score")
    facts = rows.drop_duplicates(_ROW).set_index(_ROW)[["label", "group_id"]]
    images = facts.join(manifest.set_index("image_id")["class"], on="image_id").reset_index()
    images["place"] = images["split"].map(PARTS.index)
    images = images.sort_values(["place", "fold", "image_id"], ignore_index=True).drop(columns="place")
    aligned = scores.reindex(pd.MultiIndex.from_frame(images[_ROW]))
    return images, aligned.reset_index(drop=True)


def widest_first(images: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """Return the image ids in the order in which pictures are worth their room.

    Test images first, then by the range of the scores over all cells, the widest first: on these the models
    disagree most.
    """
    if scores.empty:
        return []
    span = scores.max(axis=1) - scores.min(axis=1)
    order = images.assign(span=span, place=images["split"].map(PARTS.index))
    order = order.sort_values(["place", "span", "image_id"], ascending=[True, False, True])
    return list(dict.fromkeys(order["image_id"]))


def task_content(images: pd.DataFrame, scores: pd.DataFrame) -> dict[str, Any]:
    """Return images and scores of a task as lists for the page; scores keep every digit."""
    folded = images["fold"].nunique() > 1
    columns = [*(["fold"] if folded else []), "split", "image_id", "label", "group_id", "class"]
    return {
        "folded": folded,
        "images": [_plain(row) for row in images[columns].to_dict("records")],
        "scores": {str(cell_id): _numbers(scores[cell_id].to_numpy()) for cell_id in scores},
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    values = {str(key): None if pd.isna(value) else value for key, value in row.items()}
    return values | {"label": int(row["label"])}
