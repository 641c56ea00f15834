"""Image facts that are kept: a data set is measured once, however often it is audited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from data.atomic import write_parquet
from data.audit.cache_folder import audit_cache
from data.audit.facts import FACTS_VERSION, image_facts
from data.dataset import Dataset
from data.tables import read_table


def cached_facts(
    dataset: Dataset,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return `image_facts`, from the cache where these images were measured before.

    Parameters
    ----------
    folder : of the cache; default `$STUDY_CACHE` or ~/.cache/study

    Notes
    -----
    The address is the SHA-256 of all image hashes, ids and modes and of FACTS_VERSION. A damaged file is
    made anew; a folder that cannot be written means that the images are measured again next time.
    """
    path = facts_path(dataset, folder=folder)
    if path.is_file():
        try:
            return read_table(path)
        except ValueError:
            path.unlink(missing_ok=True)
    facts = image_facts(dataset, progress=progress)
    try:
        write_parquet(path, facts, types={"annotations": pa.string()})
        return read_table(path)  # as the next call will: a column of texts has one dtype, empty or not
    except (OSError, ValueError):
        return facts


def facts_path(dataset: Dataset, *, folder: Path | None = None) -> Path:
    """File that holds, or will hold, the facts of these images."""
    rows = dataset.manifest[["image_id", "sha256", "mode"]].astype(str).to_numpy().tolist()
    digest = hashlib.sha256(json.dumps([FACTS_VERSION, rows]).encode("ascii")).hexdigest()
    return audit_cache(folder) / f"facts-{digest[:32]}.parquet"
