"""Images of a data set that show the same picture, exactly or changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from data.audit.fingerprints import Fingerprints, Progress, read_fingerprints
from data.audit.near import NearPair, find_near
from data.dataset import Dataset

PAIR_COLUMNS = ("image_a", "image_b", "kind", "similarity", "change")
# Of more images with the same pixels only the pairs with the first one are listed: n - 1, not n (n - 1) / 2.
MAX_LISTED = 50


def find_duplicates(dataset: Dataset, *, progress: Progress | None = None) -> pd.DataFrame:
    """Find all pairs of images that show the same picture.

    Parameters
    ----------
    progress : called with (images read, images in all)

    Returns
    -------
    One row per pair with PAIR_COLUMNS, image_a < image_b as text, sorted. kind is "exact" (identical bytes
    or pixels) or "near" (the same picture resized, cropped by up to a tenth of each side, mirrored, with
    other brightness, contrast or gamma, compressed, or with marks burnt in). similarity is the mean SSIM
    after alignment, 1 for exact pairs. change says what was done, as far as it can be seen. Blank and
    constant images are compared by their pixels only. Of more than MAX_LISTED images with the same pixels
    the pairs with the first are listed, and `change` says so.

    Raises
    ------
    ValueError, OSError : an image cannot be read

    Notes
    -----
    Method and measured recall and precision: docs/data.md, "Duplicates".
    """
    prints = read_fingerprints(dataset, progress=progress)
    same = _same_pixels(prints)
    rows = [row for rows in same.values() for row in _exact_rows(prints, rows)]
    first = np.array([members[0] for members in same.values() if not prints.flat[members[0]]], dtype=np.int64)
    for pair in find_near(dataset, prints, first):
        rows += _near_rows(prints, pair, same)
    frame = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    frame["similarity"] = frame["similarity"].astype("float64")
    return frame.sort_values(["image_a", "image_b"], ignore_index=True)


def duplicate_groups(image_ids: Sequence[str], pairs: pd.DataFrame) -> pd.Series:
    """Group images that pairs connect, directly or through others.

    Parameters
    ----------
    image_ids : all images, each once
    pairs : table with the columns image_a and image_b, as from `find_duplicates`

    Returns
    -------
    One value per image, index image_id: the first image_id (as text) of its group, None for an image
    without duplicate

    Raises
    ------
    ValueError : a pair names an image that is not among `image_ids`; an image_id comes twice
    """
    index = pd.Index(list(image_ids), name="image_id", dtype="object")
    if not index.is_unique:
        doubled = index[index.duplicated()][0]
        raise ValueError(f"`image_ids` holds '{doubled}' more than once; every image has one row.")
    ends = [index.get_indexer(pairs[name]) for name in ("image_a", "image_b")]
    for name, place in zip(("image_a", "image_b"), ends, strict=True):
        if (place < 0).any():
            unknown = pairs[name].to_numpy()[place < 0]
            raise ValueError(
                f"`pairs` names {len(unknown)} image(s) in `{name}` that are not among `image_ids` "
                f"(first '{unknown[0]}'). Find the pairs again on the same data set."
            )
    graph = coo_matrix((np.ones(len(pairs)), ends), shape=(len(index), len(index)))
    _, label = connected_components(graph, directed=False)
    members = pd.Series(index, index=index, dtype="object").groupby(label)
    group = members.transform("min").astype("object")
    return group.where(members.transform("size") > 1, None).rename("duplicate_group")


def _same_pixels(prints: Fingerprints) -> dict[int, list[int]]:
    """Rows of the images with the same pixels, sorted by image_id, by their first row."""
    by_hash: dict[str, list[int]] = {}
    for row in sorted(range(len(prints.image_ids)), key=lambda row: prints.image_ids[row]):
        by_hash.setdefault(prints.pixel_hashes[row], []).append(row)
    return {rows[0]: rows for rows in by_hash.values()}


def _exact_rows(prints: Fingerprints, members: list[int]) -> list[tuple[str, str, str, float, str]]:
    pairs = list(combinations(members, 2))
    note = ""
    if len(members) > MAX_LISTED:
        pairs = [(members[0], row) for row in members[1:]]
        note = f"; {len(members)} such images, each listed with the first"
    rows = []
    for a, b in pairs:
        change = "same file" if prints.file_hashes[a] == prints.file_hashes[b] else "same pixels"
        rows.append(_row(prints, a, b, "exact", 1.0, change + note))
    return rows


def _near_rows(
    prints: Fingerprints, pair: NearPair, same: dict[int, list[int]]
) -> list[tuple[str, str, str, float, str]]:
    """A near pair for all images with the pixels of its two images, of large groups for the first only."""
    sides = [same[row] if len(same[row]) <= MAX_LISTED else same[row][:1] for row in (pair.a, pair.b)]
    return [_row(prints, a, b, "near", pair.similarity, pair.change) for a, b in product(*sides)]


def _row(
    prints: Fingerprints, a: int, b: int, kind: str, similarity: float, change: str
) -> tuple[str, str, str, float, str]:
    first, second = sorted((prints.image_ids[a], prints.image_ids[b]))
    return first, second, kind, similarity, change
