"""From a data set and its entry in the study file to images with labels and parts."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.audit.cache import cached_duplicates
from data.audit.duplicates import duplicate_groups
from data.dataset import Dataset
from data.labels import with_labels
from data.readers.places import below
from data.splits.fixed import given_split, read_split_file
from data.splits.folds import fold_split, make_folds
from data.splits.leaks import copy_notes
from data.splits.notes import split_notes
from data.splits.policies import apply_policies, shared_pictures, split_units, with_left_out
from data.splits.split import make_split
from study.config import SplitConfig, TaskConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The images of a task and where they stand.

    Attributes
    ----------
    manifest : the images that take part, with label and duplicate_group: the first image_id of those that
        show one picture, null where no other image at hand does
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


def divide(
    dataset: Dataset,
    config: TaskConfig,
    data_root: Path | None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Division:
    """Label the images of a data set, apply the policies for duplicates, and divide what takes part.

    Duplicates are searched for once; what was found lies in a cache (see `data.audit.cache`). While the
    search goes on, `progress` gets the images read and their number.

    Raises
    ------
    ValueError, OSError : a class does not exist; a part lacks a class; labels conflict where that is an
        error; the given split is absent or does not fit the images; an image cannot be read
    """
    labelled = with_labels(dataset.manifest, config.positive)
    pictures = duplicate_groups(list(labelled["image_id"]), cached_duplicates(dataset, progress=progress))
    cohort = apply_policies(
        labelled, pictures, duplicates=config.duplicates, label_conflicts=config.label_conflicts
    )
    manifest = cohort.manifest.assign(duplicate_group=shared_pictures(cohort.manifest, pictures))
    exclusions, notes = cohort.exclusions, list(cohort.notes)
    source: dict[str, str] = {}
    if config.split.fixed:
        table, name, source = _given_table(dataset, config.split, data_root)
        given = given_split(
            manifest,
            table,
            source=name,
            folds=config.split.folds,
            others=config.split.others,
            excluded=set(exclusions["image_id"]),
        )
        split = given.split
        if given.left_out:
            manifest = manifest[~manifest["image_id"].isin(given.left_out)].reset_index(drop=True)
            manifest["duplicate_group"] = shared_pictures(manifest, pictures)
            exclusions = with_left_out(exclusions, given.left_out)
            notes.append(f"{name} does not name {len(given.left_out)} image(s), which are left out.")
    else:
        split = _draw(manifest, config)
    return Division(
        manifest=manifest,
        split=split,
        exclusions=exclusions,
        source=source,
        notes=(*notes, *_grouping_notes(manifest, config), *_division_notes(split, manifest, config)),
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


def _draw(manifest: pd.DataFrame, config: TaskConfig) -> pd.DataFrame:
    """One split of the images (with labels), or one per fold."""
    split, rule = config.split, config.split.model_dump(include={"stratify", "group", "seed"})
    if config.duplicates == "group":
        units = split_units(manifest, by_patient=split.group == "patient")
        manifest, rule = manifest.assign(group_id=units), {**rule, "group": "patient"}
    if split.folds is not None:
        return make_folds(manifest, folds=split.folds, val=split.val, **rule)
    return make_split(manifest, train=split.train, val=split.val, test=split.test, **rule)


def _grouping_notes(manifest: pd.DataFrame, config: TaskConfig) -> list[str]:
    named = manifest["duplicate_group"].dropna()
    if config.duplicates != "group" or named.empty:
        return []
    return [
        f'duplicates = "group": {named.nunique()} picture(s) that {len(named)} images show stay in one part.'
    ]


def _division_notes(split: pd.DataFrame, manifest: pd.DataFrame, config: TaskConfig) -> tuple[str, ...]:
    """What a reader must know about the split; with folds, each note once and the folds it holds for."""
    rule = config.split
    group = None if rule.fixed else rule.group
    if rule.folds is None:
        asked = set() if rule.fixed else {"train", "val", "test", "stratify"}
        notes = split_notes(split, manifest, group=group, **rule.model_dump(include=asked))
        return (*notes, *copy_notes(split, manifest))
    # Counts per fold follow another rule than those of a single split: no shares, no note on deviations.
    folds_of: dict[str, list[str]] = {}
    for fold in range(rule.folds):
        own = fold_split(split, fold)
        for note in (*split_notes(own, manifest, group=group), *copy_notes(own, manifest)):
            folds_of.setdefault(note, []).append(str(fold))
    return tuple(
        note if len(folds) == rule.folds else f"Fold {', '.join(folds)}: {note}"
        for note, folds in folds_of.items()
    )
