"""Pictures of Grad-CAM maps: image and overlay of the chosen test images of a cell, with an index."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from data.store import Store
from stats.saliency.localisation import energy_inside
from study.gradcam.choice import choose_images, with_kind
from study.gradcam.files import FOLDER, write_part
from study.gradcam.masks import ReadMask, lesion_masks
from training.saliency.explained import ExplainedCell, cell_maps
from training.saliency.overlay import image_png, overlay_png


def write_pictures(
    store: Store,
    cell: ExplainedCell,
    *,
    read_mask: ReadMask,
    per_kind: int = 2,
    image_ids: list[str] | None = None,
) -> pd.DataFrame:
    """Write pictures, heat maps and index rows of one cell, and return its rows.

    Parameters
    ----------
    read_mask : image id -> bool (h, w) or None; gives `energy_in_mask`
    per_kind : the most confident images of each kind, so many at most
    image_ids : these images instead

    Returns
    -------
    INDEX_COLUMNS, one row per picture; paths are relative to the store's folder gradcam/. `energy_in_mask` is
    the share of the map's mass inside the mask (NaN for a map without evidence) and `mask_share` the mask's
    share of the image (what a map without any preference would give); both null without a lesion.

    Files: gradcam/<cell_id>/*.png, heatmaps.npz (image_id, heat float32 (n, s, s), raw peak per layer),
    rows.parquet, and gradcam/index.parquet with the rows of all cells.

    Raises
    ------
    ValueError : images of other cells; `per_kind` below 1; the network does not give the stored scores
    """
    if image_ids is None:
        chosen = choose_images(cell.test, per_kind=per_kind)
    else:
        chosen = with_kind(cell.test.iloc[cell.places(image_ids)].reset_index(drop=True))
    heat, peaks = cell_maps(cell, list(chosen["image_id"]))
    masks = lesion_masks(read_mask, chosen["image_id"], cell.settings.image_size)
    rows = _rows(cell, chosen, heat, masks)
    pictures = cell.pictures[cell.places(list(chosen["image_id"]))]
    # Pictures and maps first, the rows that name them last.
    for position, row in enumerate(rows.itertuples(index=False)):
        store.write_file(f"{FOLDER}/{row.image_path}", image_png(pictures[position]))
        overlay = overlay_png(pictures[position], heat[position], outline=masks.get(row.image_id))
        store.write_file(f"{FOLDER}/{row.overlay_path}", overlay)
    store.write_file(f"{FOLDER}/{cell.cell_id}/heatmaps.npz", _npz(rows, heat, peaks))
    write_part(store, cell.cell_id, "index", rows)
    return rows


def explained_cells(store: Store) -> set[str]:
    """Ids of the cells in the Grad-CAM index whose pictures are all there."""
    index = store.read_table(f"{FOLDER}/index.parquet")
    if index is None:
        return set()
    held = set(store.files(FOLDER))
    whole = index.groupby("cell_id")[["image_path", "overlay_path"]].agg(
        lambda paths: all(f"{FOLDER}/{name}" in held for name in paths)
    )
    return set(whole.index[whole.all(axis=1)])


def _rows(
    cell: ExplainedCell, chosen: pd.DataFrame, heat: np.ndarray, masks: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    rank = chosen.groupby("kind", sort=False).cumcount() + 1
    names = [f"{kind.replace(' ', '-')}-{r}" for kind, r in zip(chosen["kind"], rank, strict=True)]
    found = [masks.get(image_id) for image_id in chosen["image_id"]]
    energy = [None if m is None else energy_inside(h, m) for h, m in zip(heat, found, strict=True)]
    columns = {
        "task": cell.settings.task,
        "cell_id": cell.cell_id,
        "image_id": chosen["image_id"],
        "kind": chosen["kind"],
        "true_class": chosen["class"],
        "predicted_label": np.where(chosen["margin"] > 0, "positive", "negative"),
        "score": chosen["score"],
        "overlay_path": [f"{cell.cell_id}/{name}-overlay.png" for name in names],
        "image_path": [f"{cell.cell_id}/{name}-image.png" for name in names],
        "energy_in_mask": pd.array(energy, dtype="Float64"),
        "mask_share": pd.array([None if m is None else float(m.mean()) for m in found], dtype="Float64"),
    }
    return pd.DataFrame(columns)


def _npz(rows: pd.DataFrame, heat: np.ndarray, peaks: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"peak_{name}": values for name, values in peaks.items()}
    arrays |= {"image_id": rows["image_id"].to_numpy(dtype=str), "heat": heat}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
