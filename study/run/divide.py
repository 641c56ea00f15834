"""From a data set and its entry in the study file to images with labels and parts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.dataset import Dataset
from data.labels import with_labels
from data.readers.places import below
from data.splits.fixed import given_split, read_split_file
from data.splits.folds import fold_split, make_folds
from data.splits.notes import split_notes
from data.splits.split import make_split
from data.tables import EXCLUSION_COLUMNS
from study.config import SplitConfig, TaskConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The images of a task and where they stand.

    Attributes
    ----------
    manifest : the images that take part, with label
    split : image_id and split, with cross-validation fold too (a row per image and fold)
    exclusions : images of the data set that take no part, in EXCLUSION_COLUMNS
    source : what gives the split: {"file", "sha256"} or {"published"}; empty where it was drawn
    notes : what a reader must know about the split and the images that are left out
    """

    manifest: pd.DataFrame
    split: pd.DataFrame
    exclusions: pd.DataFrame
    source: Mapping[str, str]
    notes: tuple[str, ...]


def divide(dataset: Dataset, config: TaskConfig, data_root: Path | None) -> Division:
    """Label the images of a data set and divide them as the study file asks.

    Raises
    ------
    ValueError, OSError : a class does not exist; a part lacks a class; the given split is absent or does not
        fit the images
    """
    manifest = with_labels(dataset.manifest, config.positive)
    exclusions = pd.DataFrame(columns=list(EXCLUSION_COLUMNS), dtype="object")
    notes: list[str] = []
    source: dict[str, str] = {}
    if config.split.fixed:
        table, name, source = _given_table(dataset, config.split, data_root)
        given = given_split(
            manifest, table, source=name, folds=config.split.folds, others=config.split.others
        )
        split = given.split
        if given.left_out:
            manifest = manifest[~manifest["image_id"].isin(given.left_out)].reset_index(drop=True)
            rows = {"image_id": given.left_out, "reason": "not in the split", "duplicate_of": None}
            exclusions = pd.concat([exclusions, pd.DataFrame(rows)], ignore_index=True)
            notes.append(f"{name} does not name {len(given.left_out)} images, which are left out.")
    else:
        split = _draw(manifest, config.split)
    return Division(
        manifest=manifest,
        split=split,
        exclusions=exclusions,
        source=source,
        notes=(*notes, *_division_notes(split, manifest, config.split)),
    )


def _given_table(
    dataset: Dataset, split: SplitConfig, data_root: Path | None
) -> tuple[pd.DataFrame, str, dict[str, str]]:
    """The table of a given split, its name in errors, and where it came from."""
    name = dataset.info.name
    if split.file is not None:
        path = below(data_root, split.file)
        table = read_split_file(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return table, f"The split file '{path}'", {"file": split.file, "sha256": digest}
    if dataset.published_split is None:
        raise ValueError(
            f"The data set '{name}' brings no split that can be used, but the study asks for the published "
            "one. Take a split that is drawn, or name a file with `file`."
        )
    return dataset.published_split, f"The published split of '{name}'", {"published": name}


def _draw(manifest: pd.DataFrame, split: SplitConfig) -> pd.DataFrame:
    """One split of the images (with labels), or one per fold."""
    if split.folds is not None:
        return make_folds(manifest, **split.model_dump(include={"folds", "val", "stratify", "group", "seed"}))
    return make_split(
        manifest, **split.model_dump(include={"train", "val", "test", "stratify", "group", "seed"})
    )


def _division_notes(split: pd.DataFrame, manifest: pd.DataFrame, config: SplitConfig) -> tuple[str, ...]:
    """What a reader must know about the split; with folds, each note once and the folds it holds for."""
    group = None if config.fixed else config.group
    if config.folds is None:
        asked = set() if config.fixed else {"train", "val", "test", "stratify"}
        return split_notes(split, manifest, group=group, **config.model_dump(include=asked))
    # Counts per fold follow another rule than those of a single split: no shares, no note on deviations.
    folds_of: dict[str, list[str]] = {}
    for fold in range(config.folds):
        for note in split_notes(fold_split(split, fold), manifest, group=group):
            folds_of.setdefault(note, []).append(str(fold))
    return tuple(
        note if len(folds) == config.folds else f"Fold {', '.join(folds)}: {note}"
        for note, folds in folds_of.items()
    )
