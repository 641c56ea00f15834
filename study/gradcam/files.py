"""What `study gradcam` leaves in the store: a folder per cell, and one table over all cells."""

import pandas as pd
import pyarrow as pa

from data.store import Store
from study.stores import planned_cells

GRADCAM = "Grad-CAM"
FOLDER = "gradcam"
UNIFORM, CENTRE, MEAN_MASK = "uniform", "centre prior", "mean training mask"
REFERENCES = (UNIFORM, CENTRE, MEAN_MASK)
OTHER_IMAGE = "another image"  # the part of the table `randomisation` that compares maps of two images

_CELL = {"task": pa.string(), "cell_id": pa.string()}
TABLES: dict[str, dict[str, pa.DataType]] = {
    "index": _CELL
    | {
        "image_id": pa.string(),
        "kind": pa.string(),
        "true_class": pa.string(),
        "predicted_label": pa.string(),
        "score": pa.float64(),
        "overlay_path": pa.string(),
        "image_path": pa.string(),
        "energy_in_mask": pa.float64(),
        "mask_share": pa.float64(),
    },
    "measures": _CELL
    | {
        "fold": pa.int64(),
        "image_id": pa.string(),
        "group_id": pa.string(),
        "class": pa.string(),
        "label": pa.int8(),
        "kind": pa.string(),
        "score": pa.float64(),
        "map": pa.string(),
        "mask_share": pa.float64(),
        "energy": pa.float64(),
        "pointing": pa.float64(),
        "iou": pa.float64(),
        "threshold": pa.float64(),
        "tolerance": pa.float64(),
    },
    "randomisation": _CELL
    | {
        "draw": pa.int64(),
        "depth": pa.int64(),
        "part": pa.string(),
        "image_id": pa.string(),
        "group_id": pa.string(),
        "rank_correlation": pa.float64(),
        "ssim": pa.float64(),
    },
    "stability": _CELL
    | {
        "other_cell_id": pa.string(),
        "seed": pa.int64(),
        "other_seed": pa.int64(),
        "image_id": pa.string(),
        "group_id": pa.string(),
        "rank_correlation": pa.float64(),
        "ssim": pa.float64(),
    },
}
INDEX_COLUMNS = tuple(TABLES["index"])
# The index has had this name since there are pictures; the others are named as their table.
_PART_NAMES = {"index": "rows"}


def write_part(store: Store, cell_id: str, table: str, rows: pd.DataFrame) -> None:
    """Write the rows of one cell, then the table over all cells (`gradcam/<table>.parquet`)."""
    name = f"{_PART_NAMES.get(table, table)}.parquet"
    own = f"{FOLDER}/{cell_id}/{name}"
    store.write_table(own, rows[list(TABLES[table])], TABLES[table])
    found = [file for file in store.files(FOLDER) if file.count("/") == 2 and file.endswith(f"/{name}")]
    parts = [part for file in found if (part := store.read_table(file)) is not None]
    filled = [part for part in parts if len(part)] or parts[:1]
    store.write_table(f"{FOLDER}/{table}.parquet", pd.concat(filled, ignore_index=True), TABLES[table])


def read_planned(store: Store, table: str) -> pd.DataFrame:
    """Rows of the done cells of the present grid, in its order; empty where `study gradcam` has not run."""
    rows = store.read_table(f"{FOLDER}/{table}.parquet")
    if rows is None:
        return pd.DataFrame(columns=list(TABLES[table]))
    cells = planned_cells(store).query("status == 'done'")["cell_id"]
    rows = rows[rows["cell_id"].isin(cells)]
    place = rows["cell_id"].map(dict(zip(cells, range(len(cells)), strict=True)))
    return (
        rows.assign(place=place).sort_values("place", kind="stable", ignore_index=True).drop(columns="place")
    )
