"""The audit of a data set or of a task: from facts and duplicates to findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from data.audit.cache import cached_duplicates
from data.audit.duplicates import duplicate_groups
from data.audit.facts_cache import cached_facts, facts_path
from data.dataset import Dataset
from data.labels import check_positive
from data.splits.policies import split_units
from data.tables import EXCLUSION_COLUMNS
from stats.findings import sorted_findings
from study.data_audit.findings import Finding
from study.data_audit.image_findings import image_findings
from study.data_audit.parts import Straddling, part_balance, straddling
from study.data_audit.shortcut import Shortcut, best_shortcut, shortcut
from study.data_audit.task_findings import task_findings
from study.run.prepare import PreparedTask

_FROM_MANIFEST = ["image_id", "path", "class", "group_id", "sha256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAudit:
    """What is known of a data set before anything is trained on it.

    Attributes
    ----------
    name : of the data set; task : of the study, None where the data set itself was audited
    images : a row per image: image_id, path, class, group_id, sha256, FACT_COLUMNS, duplicate_group (the
        first image of its group, else null) and unit (first image of what must not be divided)
    pairs : duplicates, PAIR_COLUMNS
    unreadable : path, reason
    conflicts : groups of duplicates whose images are of more than one class
    left_out : images of the data set that take no part in the task, EXCLUSION_COLUMNS
    split : image_id and split, with folds fold too, or None; split_of : words for it
    crossed, balance : the parts of the split against each other; None without a split
    findings : errors first
    """

    dataset: Dataset
    name: str
    task: str | None
    images: pd.DataFrame
    pairs: pd.DataFrame
    unreadable: pd.DataFrame
    conflicts: tuple[tuple[str, ...], ...]
    shortcut: Shortcut
    left_out: pd.DataFrame
    split: pd.DataFrame | None
    split_of: str | None
    crossed: Straddling | None
    balance: pd.DataFrame | None
    findings: tuple[Finding, ...]


def audit_dataset(
    dataset: Dataset,
    *,
    name: str,
    positive: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> DataAudit:
    """Audit a data set; the parts are those of its published split, where it has one.

    Parameters
    ----------
    positive : classes that count as positive in the shortcut figure; () leaves the choice to `best_shortcut`
    progress : gets the images done and their number, for images and again for duplicates

    Raises
    ------
    ValueError : a class of `positive` does not exist, or all classes are positive; an image cannot be read
    """
    if positive:
        check_positive(list(positive), sorted(dataset.manifest["class"].unique()))
    split = dataset.published_split
    split_of = None if split is None else "the split that the data set brings"
    return _audited(
        dataset,
        image_ids=dataset.manifest["image_id"],
        left_out=pd.DataFrame(columns=list(EXCLUSION_COLUMNS)),
        name=name,
        task=None,
        positive=tuple(positive),
        split=split,
        split_of=split_of,
        progress=progress,
    )


def audit_task(task: PreparedTask, *, progress: Callable[[int, int], None] | None = None) -> DataAudit:
    """Audit the images that take part in a task, their labels and their split."""
    return _audited(
        task.dataset,
        image_ids=task.manifest["image_id"],
        left_out=task.division.exclusions,
        name=task.config.dataset,
        task=task.name,
        positive=tuple(task.config.positive),
        split=task.split,
        split_of=f"the split of task {task.name}",
        progress=progress,
    )


def audit_if_known(task: PreparedTask) -> DataAudit | None:
    """Audit a task whose images were measured before, else None: for what must not take time."""
    return audit_task(task) if facts_path(task.dataset).is_file() else None


def _audited(
    dataset: Dataset,
    *,
    image_ids: pd.Series,
    left_out: pd.DataFrame,
    name: str,
    task: str | None,
    positive: tuple[str, ...],
    split: pd.DataFrame | None,
    split_of: str | None,
    progress: Callable[[int, int], None] | None,
) -> DataAudit:
    pairs = cached_duplicates(dataset, progress=progress)
    # Facts and pairs are kept for the whole data set, whatever a task leaves out.
    pairs = pairs[pairs["image_a"].isin(image_ids) & pairs["image_b"].isin(image_ids)].reset_index(drop=True)
    facts = cached_facts(dataset, progress=progress)
    images = _images(dataset.manifest[dataset.manifest["image_id"].isin(image_ids)], facts, pairs)
    conflicts = _conflicts(images)
    if positive:
        figure = shortcut(images, positive)
    else:
        figure = best_shortcut(images, sorted(images["class"].unique()))
    crossed = None if split is None else straddling(images, split)
    kept_together = crossed is not None and not crossed.duplicates
    balance = None if split is None else part_balance(images, split)
    return DataAudit(
        dataset=dataset,
        name=name,
        task=task,
        images=images,
        pairs=pairs,
        unreadable=dataset.unreadable,
        conflicts=conflicts,
        shortcut=figure,
        left_out=left_out,
        split=split,
        split_of=split_of,
        crossed=crossed,
        balance=balance,
        findings=sorted_findings(
            [
                *image_findings(
                    images,
                    pairs,
                    dataset.unreadable,
                    conflicts,
                    positive=positive,
                    kept_together=kept_together,
                ),
                *task_findings(images, figure, crossed, balance),
            ]
        ),
    )


def _images(manifest: pd.DataFrame, facts: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    images = manifest[_FROM_MANIFEST].merge(facts, on="image_id", validate="one_to_one")
    groups = duplicate_groups(images["image_id"], pairs)
    images["duplicate_group"] = groups.loc[images["image_id"]].to_numpy()
    return images.assign(unit=split_units(images, by_patient=True).fillna(images["image_id"]))


def _conflicts(images: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    groups = images[images["duplicate_group"].notna()].groupby("duplicate_group", sort=True)
    return tuple(tuple(own["image_id"]) for _, own in groups if own["class"].nunique() > 1)
