"""Per test image with a lesion: how well the map of a cell finds it, beside maps that know nothing of it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stats.saliency.localisation import THRESHOLD, localise
from stats.saliency.reference_maps import centre_prior, mean_mask, uniform_map
from study.gradcam.choice import with_kind
from study.gradcam.files import CENTRE, GRADCAM, MEAN_MASK, TABLES, UNIFORM
from training.saliency.explained import CHUNK, ExplainedCell, cell_maps


def reference_maps(size: int, training_masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Maps that are the same for every image; without training masks there is no mean of them."""
    maps = {UNIFORM: uniform_map(size), CENTRE: centre_prior(size)}
    return maps | ({MEAN_MASK: mean_mask(training_masks.values())} if training_masks else {})


def measure_cell(
    cell: ExplainedCell,
    *,
    masks: Mapping[str, np.ndarray],
    references: Mapping[str, np.ndarray],
    threshold: float = THRESHOLD,
    tolerance: float = 0.0,
) -> pd.DataFrame:
    """Measures of the cell's maps and of the reference maps, one row per image and map.

    Parameters
    ----------
    masks : lesion of each test image that has one, bool (s, s), by image id
    references : name -> float (s, s)
    threshold, tolerance : of `overlap` (share of the maximum) and `pointing_game` (pixels)

    Returns
    -------
    the columns of the table `measures`; a measure is NaN where the map holds no evidence

    Raises
    ------
    ValueError : a mask of an image that is no test image; the network does not give the stored scores
    """
    images = with_kind(cell.test.iloc[cell.places(list(masks))].reset_index(drop=True))
    base = images[["image_id", "group_id", "class", "label", "kind", "score", "fold"]]
    parts = []
    for start in range(0, len(images), CHUNK):
        part = base.iloc[start : start + CHUNK]
        heat, _ = cell_maps(cell, list(part["image_id"]))
        for place, image_id in enumerate(part["image_id"]):
            maps = {GRADCAM: heat[place], **references}
            found = [
                localise(m, masks[image_id], threshold=threshold, tolerance=tolerance) for m in maps.values()
            ]
            parts.append(
                pd.DataFrame(
                    {
                        "image_id": image_id,
                        "map": list(maps),
                        "energy": [values.energy for values in found],
                        "pointing": [values.pointing for values in found],
                        "iou": [values.iou for values in found],
                        "mask_share": [values.mask_share for values in found],
                    }
                )
            )
    if not parts:
        return pd.DataFrame(columns=list(TABLES["measures"]))
    rows = base.merge(pd.concat(parts, ignore_index=True), on="image_id", validate="1:m")
    rows = rows.assign(
        task=cell.settings.task, cell_id=cell.cell_id, threshold=threshold, tolerance=tolerance
    )
    return rows[list(TABLES["measures"])]
