"""Pairs of duplicates that were found before."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa

from data.atomic import write_parquet
from data.audit.cache_folder import audit_cache
from data.audit.duplicates import PAIR_COLUMNS, find_duplicates
from data.audit.fingerprints import Progress
from data.dataset import Dataset

# Raised whenever the same images may give other pairs.
ALGORITHM = 2
_TYPES = {name: pa.float64() if name == "similarity" else pa.string() for name in PAIR_COLUMNS}


def cached_duplicates(
    dataset: Dataset, *, folder: Path | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """As `find_duplicates`, from the cache if the same images were searched before.

    A result is addressed by the SHA-256 of all image ids and image hashes and by the version of the
    algorithm. A file that cannot be read is made again; a folder that cannot be written means that the images
    are searched again next time.

    Parameters
    ----------
    folder : of the cache; default `$STUDY_CACHE`, else `~/.cache/study`. Results lie in `audit/` in it

    Raises
    ------
    ValueError, OSError : an image cannot be read
    """
    path = audit_cache(folder) / f"duplicates-{_key(dataset)}.parquet"
    try:
        return _read(path)
    except (OSError, ValueError, KeyError):
        pairs = find_duplicates(dataset, progress=progress)
    try:
        write_parquet(path, pairs, types=_TYPES)
    except OSError:
        return pairs
    return _read(path)


def _key(dataset: Dataset) -> str:
    digest = hashlib.sha256(f"duplicates {ALGORITHM}\n".encode("ascii"))
    for image_id, image_hash in zip(dataset.manifest["image_id"], dataset.manifest["sha256"], strict=True):
        digest.update(f"{image_id}\t{image_hash}\n".encode())
    return digest.hexdigest()


def _read(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    return frame.loc[:, list(PAIR_COLUMNS)].astype({"similarity": "float64"})
