"""How alike the maps of a cell stay when its network becomes random, and when another seed trained it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stats.saliency.agreement import rank_correlation, structural_similarity
from study.gradcam.files import OTHER_IMAGE, TABLES
from training.saliency.explained import ExplainedCell, network_maps
from training.saliency.randomise import randomised_networks


def randomisation_rows(cell: ExplainedCell, image_ids: Sequence[str], *, draws: int = 1) -> pd.DataFrame:
    """Agreement of each image's map with its map after every step of the cascade.

    Parameters
    ----------
    image_ids : test images, 2 or more
    draws : random weights so many times

    Returns
    -------
    the columns of the table `randomisation`: `depth` 0 is the head, 1 the head and the last layer group, and
    so on. Depth -1, part "another image", is the agreement with the map of the next image: what maps that do
    not belong together have in common, since all are smooth. A rank correlation is NaN where a map has the
    same value everywhere.

    Raises
    ------
    ValueError : fewer than 2 images or 1 draw; a fusion of several trunks
    """
    if draws < 1:
        raise ValueError(f"`draws` is {draws}; allowed are whole numbers from 1.")
    x, target = cell.inputs(image_ids), cell.targets(image_ids)
    original, _ = network_maps(cell.trunk, cell.head, x, target)
    parts = [
        _agreement(original, np.roll(original, 1, axis=0), image_ids, draw=0, depth=-1, part=OTHER_IMAGE)
    ]
    for draw in range(draws):
        for depth, (part, trunk, head) in enumerate(randomised_networks(cell, x, draw=draw)):
            found, _ = network_maps(trunk, head, x, target)
            parts.append(_agreement(original, found, image_ids, draw=draw, depth=depth, part=part))
    return _named(cell, pd.concat(parts, ignore_index=True), "randomisation")


def stability_rows(cell: ExplainedCell, other: ExplainedCell, image_ids: Sequence[str]) -> pd.DataFrame:
    """Agreement of the maps of two cells that differ in the seed; the columns of the table `stability`.

    Both maps explain the class that `cell` predicts, so that they answer the same question.
    """
    target = cell.targets(image_ids)
    first, _ = network_maps(cell.trunk, cell.head, cell.inputs(image_ids), target)
    second, _ = network_maps(other.trunk, other.head, other.inputs(image_ids), target)
    rows = _agreement(
        first,
        second,
        image_ids,
        other_cell_id=other.cell_id,
        seed=cell.settings.seed,
        other_seed=other.settings.seed,
    )
    return _named(cell, rows, "stability")


def _agreement(
    first: np.ndarray, second: np.ndarray, image_ids: Sequence[str], **labels: str | int
) -> pd.DataFrame:
    pairs = list(zip(first, second, strict=True))
    return pd.DataFrame(
        {
            "image_id": list(image_ids),
            "rank_correlation": [rank_correlation(a, b) for a, b in pairs],
            "ssim": [structural_similarity(a, b) for a, b in pairs],
            **labels,
        }
    )


def _named(cell: ExplainedCell, rows: pd.DataFrame, table: str) -> pd.DataFrame:
    groups = dict(zip(cell.test["image_id"], cell.test["group_id"], strict=True))
    rows = rows.assign(
        task=cell.settings.task, cell_id=cell.cell_id, group_id=rows["image_id"].map(groups).astype(object)
    )
    return rows[list(TABLES[table])]
