"""Facts on the images of a task in a store: counts, leaks between parts, design effects of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from data.splits.folds import fold_split
from data.store import Store
from stats.referee.subject import Leak, TaskFacts
from stats.results import records
from study.analyses.grid_data import GridData
from study.data_audit.results import audit_name

_SHOWN = 10


def task_facts(
    store: Store,
    data: GridData,
    task: str,
    *,
    chosen: Sequence[str],
) -> TaskFacts:
    """Return the facts on one task.

    Parameters
    ----------
    chosen : cells whose AUCs tell the design effect of patients
    """
    cells = data.metrics[data.metrics["task"] == task]
    if task not in store.tasks() or cells.empty:
        return TaskFacts(task=task)
    images = _images(store, task)
    test = images[images["split"] == "test"]
    val = images[images["split"] == "val"]
    patients = int(test["group_id"].nunique()) if len(test) and test["group_id"].notna().all() else None
    one = data.n_folds(task) == 1
    clustered = one and patients is not None and patients < len(test)
    return TaskFacts(
        task=task,
        n_val=len(val) if one else None,
        n_val_positive=int(val["label"].sum()) if one else None,
        n_test=len(test),
        n_test_positive=int(test["label"].sum()),
        n_test_patients=patients,
        split_by="image" if patients is None else None,
        leaks=_leaks(images, _links(store, task), data.facts[task].tested if task in data.facts else {}),
        design_effects=_design_effects(data, task, chosen) if clustered else (),
    )


def _images(store: Store, task: str) -> pd.DataFrame:
    """A row per image and fold: image_id, group_id, sha256, duplicate_group, label, split, fold."""
    split, manifest = store.read_split(task), store.read_manifest(task)
    folds = sorted(int(fold) for fold in split["fold"].unique()) if "fold" in split else [0]
    parts = (
        [fold_split(split, fold).assign(fold=fold) for fold in folds]
        if "fold" in split
        else [split.assign(fold=0)]
    )
    wanted = ["image_id", "group_id", "label", "sha256", "duplicate_group"]
    known = manifest.reindex(columns=wanted)
    return pd.concat(parts, ignore_index=True)[["image_id", "split", "fold"]].merge(
        known, on="image_id", how="left"
    )


def _links(store: Store, task: str) -> pd.DataFrame:
    """Pairs of images that show one picture, as the audit of the data found them."""
    pairs = store.read_table(audit_name(task, "pairs"))
    return pd.DataFrame(columns=["image_a", "image_b"]) if pairs is None else pairs[["image_a", "image_b"]]


def _leaks(images: pd.DataFrame, links: pd.DataFrame, tested: Mapping[int, set[str]]) -> tuple[Leak, ...]:
    picture = _pictures(images, links)
    found = [
        _trained(_as_tested(images, tested), None, "image"),
        _trained(images, picture, "copy"),
        _trained(images, images["group_id"], "patient"),
        _within_test(images, picture),
    ]
    return tuple(leak for leak in found if leak is not None)


def _as_tested(images: pd.DataFrame, tested: Mapping[int, set[str]]) -> pd.DataFrame:
    """The images, with a second row (test) for those that were tested though the split trains on them."""
    both = [
        image_id in tested.get(fold, ()) and split == "train"
        for image_id, fold, split in zip(images["image_id"], images["fold"], images["split"], strict=True)
    ]
    return pd.concat([images, images[both].assign(split="test")], ignore_index=True)


def _pictures(images: pd.DataFrame, links: pd.DataFrame) -> pd.Series:
    """Name of the picture that an image shows; null where it stands alone.

    Images are joined by equal files, by the groups of the split and by the pairs of the data audit.
    """
    from data.audit.duplicates import duplicate_groups

    once = images.drop_duplicates("image_id")
    pairs = [links]
    for column in ("sha256", "duplicate_group"):
        known = once[once[column].notna() & once.duplicated(column, keep=False)]
        if column == "sha256":
            known = known[known[column].astype(str).str.strip("0") != ""]  # unknown hashes are zeros
        firsts = known.groupby(column)["image_id"].transform("first")
        own = pd.DataFrame({"image_a": firsts, "image_b": known["image_id"]})
        pairs.append(own[own["image_a"] != own["image_b"]])
    joined = pd.concat(pairs, ignore_index=True)
    names = set(once["image_id"])
    joined = joined[joined["image_a"].isin(names) & joined["image_b"].isin(names)]
    groups = duplicate_groups(once["image_id"], joined)
    return pd.Series(groups.loc[images["image_id"]].to_numpy(), index=images.index, dtype=object)


def _trained(images: pd.DataFrame, unit: pd.Series | None, kind: Any) -> Leak | None:
    """Test images whose unit (None: the image itself) has an image in training, in the same fold."""
    keyed = images.assign(unit=images["image_id"] if unit is None else unit)
    keyed = keyed[keyed["unit"].notna()]
    trained = keyed.loc[keyed["split"] == "train", ["fold", "unit", "image_id"]]
    test = keyed[keyed["split"] == "test"]
    known = trained.drop_duplicates(["fold", "unit"]).rename(columns={"image_id": "trained_image"})
    hit = test.merge(known, on=["fold", "unit"], how="inner")
    if hit.empty:
        return None
    n_test = int((images["split"] == "test").sum())
    shown = hit[["image_id", "trained_image", "unit"]].head(_SHOWN)
    return Leak(kind=kind, part="train", share=len(hit) / n_test, n=len(hit), rows=tuple(records(shown)))


def _within_test(images: pd.DataFrame, picture: pd.Series) -> Leak | None:
    test = images.assign(picture=picture)
    test = test[(test["split"] == "test") & test["picture"].notna()]
    hit = test[test.duplicated(["fold", "picture"], keep=False)]
    if hit.empty:
        return None
    n_test = int((images["split"] == "test").sum())
    shown = hit[["image_id", "picture"]].head(_SHOWN)
    return Leak(kind="copy", part="test", share=len(hit) / n_test, n=len(hit), rows=tuple(records(shown)))


def _design_effects(data: GridData, task: str, chosen: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Variance of the AUC by patient (Obuchowski) over that by image (DeLong), per chosen cell."""
    from stats.pairing import paired_predictions
    from stats.roc.components import auc_components, clustered_components

    known = [cell_id for cell_id in chosen if cell_id in set(data.metrics["cell_id"])]
    if not known:
        return ()
    rows = data.store.read_predictions(task=task, cell_ids=known, splits=("test",))
    parts = dict(iter(rows.groupby("cell_id", sort=False)))
    paired = paired_predictions({cell_id: parts[cell_id] for cell_id in known})
    labels = paired.labels.astype(bool)
    if paired.groups is None or min(labels.sum(), (~labels).sum()) < 2:
        return ()
    alone = auc_components(labels, paired.ranking)
    together = clustered_components(labels, paired.ranking, paired.groups.tolist())
    per_patient = labels.size / len(set(paired.groups.tolist()))
    variances = zip(alone.covariance().diagonal(), together.covariance().diagonal(), strict=True)
    return tuple(
        {
            "task": task,
            "cell_id": cell_id,
            "auc": float(alone.auc[i]),
            "images_per_patient": per_patient,
            "design_effect": float(clustered / single),
        }
        for i, (cell_id, (single, clustered)) in enumerate(zip(known, variances, strict=True))
        if single > 0
    )
