"""What a store holds per task: manifest, split, and the images that take no part."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from data.place.base import Place
from data.store.files import existing, read_frame, write_frame
from data.store.layout import stem, task_name
from data.tables import EXCLUSION_COLUMNS, EXCLUSION_TYPES, MANIFEST_TYPES, SPLIT_TYPES, parse_table

TASK_TYPES: Mapping[str, Mapping[str, pa.DataType]] = {
    "manifest": MANIFEST_TYPES,
    "splits": SPLIT_TYPES,
    "exclusions": EXCLUSION_TYPES,
}
NEEDED = {
    "manifest": ("image_id", "group_id", "class", "label", "sha256", "width", "height"),
    "splits": ("image_id", "split"),
    "exclusions": EXCLUSION_COLUMNS,
}


def write_task(place: Place, folder: str, task: str, frame: pd.DataFrame) -> None:
    """Write the table of a task; `folder` is manifest, splits or exclusions."""
    write_frame(place, task_name(folder, task), frame, TASK_TYPES[folder])


def read_task(place: Place, folder: str, task: str) -> pd.DataFrame:
    """Return the table of a task; FileNotFoundError names the tasks that have one."""
    name = task_name(folder, task)
    present = ", ".join(map(stem, place.names(folder, ".parquet"))) or "none"
    content = existing(place, name, f"no {folder} for task '{task}' (tasks: {present})")
    return parse_table(content, place.full(name), types=TASK_TYPES[folder], needed=NEEDED[folder])


def read_exclusions(place: Place, task: str) -> pd.DataFrame:
    """Return the images that take no part in a task; none where the store holds no such table."""
    try:
        return read_frame(place, task_name("exclusions", task))
    except FileNotFoundError:
        return pd.DataFrame(columns=list(EXCLUSION_COLUMNS))
