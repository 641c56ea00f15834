"""Predictions of some cells on the images of one split, joined by image."""

from __future__ import annotations

from collections.abc import Sequence

from data.store import Store
from stats.pairing import PairedPredictions, paired_predictions
from study.models.scored import ScoredModels


def scored_models(found: PairedPredictions, names: Sequence[str], *, patients: bool) -> ScoredModels:
    """Return predictions joined by image as models with the given names."""
    groups = tuple(found.groups.tolist()) if patients and found.groups is not None else None
    return ScoredModels(
        names=tuple(names),
        labels=found.labels,
        scores=found.ranking,
        probabilities=found.scores,
        group=groups,
    )


def split_predictions(store: Store, task: str, cell_ids: Sequence[str], split: str) -> PairedPredictions:
    """Return the predictions of cells on the images of one split, joined by image.

    Raises
    ------
    ValueError : a cell without such images; cells on different images
    """
    rows = store.read_predictions(task=task, cell_ids=list(cell_ids), splits=(split,))
    parts = dict(iter(rows.groupby("cell_id", sort=False)))
    without = [cell_id for cell_id in cell_ids if cell_id not in parts]
    if without:
        raise ValueError(f"cell {without[0]} has no predictions of {split} images")
    return paired_predictions({f"cell {cell_id}": parts[cell_id] for cell_id in cell_ids})
