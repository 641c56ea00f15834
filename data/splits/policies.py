"""Images that show one picture: which of them take part in a task, and which must not be parted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data.readers.notes import some
from data.tables import EXCLUSION_COLUMNS

DuplicatePolicy = Literal["keep", "drop", "group"]
LabelConflictPolicy = Literal["keep", "drop", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The images of a task after the policies.

    Attributes
    ----------
    manifest : rows of the images that take part, sorted by image_id
    exclusions : the others, in EXCLUSION_COLUMNS, sorted by image_id; `reason` is "duplicate" (of the image
        `duplicate_of`, which takes part) or "label conflict" (with the image `duplicate_of`)
    notes : what the policies did, and pictures under both labels that take part
    """

    manifest: pd.DataFrame
    exclusions: pd.DataFrame
    notes: tuple[str, ...]


def apply_policies(
    manifest: pd.DataFrame,
    pictures: pd.Series,
    *,
    duplicates: DuplicatePolicy = "keep",
    label_conflicts: LabelConflictPolicy = "keep",
) -> Cohort:
    """Leave out what the policies of a task leave out.

    Parameters
    ----------
    manifest : frame with image_id and label (0 or 1)
    pictures : image_id -> name of the picture that several images show, null for an image without duplicate
    duplicates : "drop" keeps the first image by image_id of each picture and label; "keep" and "group"
        leave out none (see `split_units`)
    label_conflicts : what becomes of pictures that stand under both labels: "keep", "drop" all their
        images (which label is right is not known), or "error"

    Raises
    ------
    ValueError : label_conflicts = "error" and a picture stands under both labels

    Notes
    -----
    Dropping duplicates never chooses a label: where conflicts are kept, one image of each label stays.
    """
    frame = manifest.sort_values("image_id", kind="stable", ignore_index=True)
    named = frame.assign(picture=frame["image_id"].map(pictures))
    notes = []
    conflicts = _conflicts(named)
    if len(conflicts):
        text = _conflict_text(conflicts)
        if label_conflicts == "error":
            raise ValueError(
                f"{text} Take them out of the data, correct the labels, or write "
                'label_conflicts = "drop" (leaves all of these images out) or "keep".'
            )
        what = "all of these images are left out" if label_conflicts == "drop" else "they take part"
        notes.append(f'{text} label_conflicts = "{label_conflicts}": {what}.')
    lost = _conflict_rows(conflicts) if label_conflicts == "drop" else _no_rows()
    rest = named[~named["image_id"].isin(lost["image_id"])]
    copies = _copy_rows(rest) if duplicates == "drop" else _no_rows()
    if len(copies):
        pairs = [f"'{row.image_id}' (as '{row.duplicate_of}')" for row in copies.itertuples()]
        notes.append(
            f'duplicates = "drop": {len(copies)} image(s) that show a picture once more are left out: '
            f"{some(pairs)}."
        )
    exclusions = pd.concat([lost, copies]).sort_values("image_id", ignore_index=True)
    kept = frame[~frame["image_id"].isin(exclusions["image_id"])].reset_index(drop=True)
    if kept.empty:
        raise ValueError(f"The policies leave no image: {notes[0]}")
    return Cohort(manifest=kept, exclusions=exclusions, notes=tuple(notes))


def shared_pictures(manifest: pd.DataFrame, pictures: pd.Series) -> pd.Series:
    """Name of the picture of each image; null where no other image of `manifest` shows it."""
    named = manifest["image_id"].map(pictures).astype("object")
    return named.where(named.notna() & named.duplicated(keep=False), None)


def with_left_out(exclusions: pd.DataFrame, image_ids: Sequence[str]) -> pd.DataFrame:
    """The exclusions and the images that a given split does not name."""
    rows = _rows(image_ids, "not in the split", [None] * len(image_ids))
    return pd.concat([exclusions, rows]).sort_values("image_id", ignore_index=True)


def split_units(manifest: pd.DataFrame, *, by_patient: bool) -> pd.Series:
    """Units that a split must not divide where duplicates are grouped.

    Two images belong to one unit if they show one picture or, with `by_patient`, are of one patient, or if a
    chain of such images leads from one to the other (connected components).

    Parameters
    ----------
    manifest : frame with image_id, duplicate_group (name of the picture) and group_id (patient or exam), null
        where there is none

    Returns
    -------
    Series, index as `manifest` : first image_id of the unit; null for an image that stands alone
    """
    ends, n_nodes = [], len(manifest)
    for name in ("duplicate_group", "group_id") if by_patient else ("duplicate_group",):
        codes, names = pd.factorize(manifest[name].astype("object"))  # -1 where null
        known = np.flatnonzero(codes >= 0)
        ends.append(np.stack([known, n_nodes + codes[known]]))
        n_nodes += len(names)
    rows, columns = np.concatenate(ends, axis=1)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n_nodes, n_nodes))
    component = connected_components(graph, directed=False)[1][: len(manifest)]
    of_unit = manifest["image_id"].astype("object").groupby(component)
    return of_unit.transform("min").where(of_unit.transform("size") > 1, None)


def _conflicts(named: pd.DataFrame) -> pd.DataFrame:
    """Rows of the pictures that stand under both labels."""
    n_labels = named.groupby("picture")["label"].transform("nunique")
    return named[named["picture"].notna() & (n_labels > 1)]


def _conflict_text(conflicts: pd.DataFrame) -> str:
    pictures = [
        " = ".join(
            f"'{row.image_id}' ({'positive' if row.label else 'negative'})" for row in same.itertuples()
        )
        for _, same in conflicts.groupby("picture", sort=True)
    ]
    return (
        f"{len(pictures)} picture(s) stand under both labels ({len(conflicts)} images): {some(pictures)}. "
        "At least one label of each is wrong."
    )


def _conflict_rows(conflicts: pd.DataFrame) -> pd.DataFrame:
    first = conflicts.groupby(["picture", "label"])["image_id"].first()
    keys = conflicts[["picture", "label"]].itertuples(index=False, name=None)
    other = [first[picture, 1 - label] for picture, label in keys]
    return _rows(list(conflicts["image_id"]), "label conflict", other)


def _copy_rows(rest: pd.DataFrame) -> pd.DataFrame:
    known = rest[rest["picture"].notna()]
    first = known.groupby(["picture", "label"])["image_id"].transform("first")
    copies = known["image_id"] != first
    return _rows(list(known.loc[copies, "image_id"]), "duplicate", list(first[copies]))


def _rows(image_ids: Sequence[str], reason: str, duplicate_of: Sequence[str | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {"image_id": list(image_ids), "reason": reason, "duplicate_of": list(duplicate_of)},
        columns=list(EXCLUSION_COLUMNS),
        dtype="object",
    )


def _no_rows() -> pd.DataFrame:
    return _rows([], "", [])
