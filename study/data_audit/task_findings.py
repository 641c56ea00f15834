"""Findings on classes, patients and parts of a split, and the shortcut."""

from __future__ import annotations

import pandas as pd

from study.data_audit.findings import Finding, counted
from study.data_audit.parts import Straddling
from study.data_audit.shortcut import Shortcut

FEW_IMAGES = 10
RARE_SHARE = 0.05
LARGE_DIFFERENCE = 0.25
_BEYOND_CHANCE = 3.0  # standard errors; some of a dozen differences exceed two by chance


def task_findings(
    images: pd.DataFrame, shortcut: Shortcut, crossed: Straddling | None, balance: pd.DataFrame | None
) -> list[Finding | None]:
    """Findings on the data set as a whole and, where there is a split, on its parts.

    Parameters
    ----------
    images : image_id, class, group_id, unit
    crossed, balance : see `study.data_audit.parts`; None without a split
    """
    return [
        None if crossed is None else _straddling_duplicates(crossed),
        None if crossed is None else _straddling_patients(images, crossed),
        _shortcut(shortcut),
        None if balance is None else _imbalance(balance),
        _rare_classes(images),
        _mixed_patients(images),
        _no_ids(images),
    ]


def _straddling_duplicates(crossed: Straddling) -> Finding | None:
    groups = crossed.duplicates
    if not groups:
        return None
    return Finding(
        code="straddling_duplicates",
        severity="error",
        n=len(groups),
        sentence=f"{counted(len(groups), 'group')} of duplicates {'lies' if len(groups) == 1 else 'lie'} in "
        f"several parts of the split: {crossed.share('twin', 'test'):.1%} of the test images have a twin in "
        "training.",
        why="The model is tested on pictures that it was trained on; its test results are too good.",
        do='Set duplicates = "group" or "drop" in the task.',
        groups=groups,
    )


def _straddling_patients(images: pd.DataFrame, crossed: Straddling) -> Finding | None:
    patients = crossed.patients
    if not patients:
        return None
    one = len(patients) == 1
    members = images[images["group_id"].isin(patients)].groupby("group_id")["image_id"].agg(tuple)
    return Finding(
        code="straddling_patients",
        severity="error",
        n=len(patients),
        sentence=f"{counted(len(patients), 'patient or exam', 'patients or exams')} "
        f"{'has' if one else 'have'} images in several parts of the split: "
        f"{crossed.share('patient', 'test'):.1%} of the test images have one of the same patient or exam in "
        "training.",
        why="What is learned from a patient is tested on the same patient; test results are too good.",
        do='Split by patient: group = "patient".',
        groups=tuple(members),
    )


def _shortcut(shortcut: Shortcut) -> Finding | None:
    if not shortcut.conf_low > 0.5:  # a NaN is no finding
        return None
    strongest = max(shortcut.features, key=lambda name: abs(shortcut.features[name] - 0.5))
    return Finding(
        code="shortcut",
        severity="warning",
        n=shortcut.n,
        sentence=f"File statistics alone tell {' and '.join(shortcut.positive)} from the rest with AUC "
        f"{shortcut.auc:.3f} ({shortcut.conf_low:.3f} to {shortcut.conf_high:.3f}); the strongest by itself "
        f"is {strongest.replace('_', ' ')} ({shortcut.features[strongest]:.3f}).",
        why="A network can see these statistics too: what it reaches up to this AUC needs no medicine.",
        do="Read test AUCs against this figure; make sizes and brightness alike where they are no finding.",
    )


def _imbalance(balance: pd.DataFrame) -> Finding | None:
    size = balance["difference"].abs()
    unlike = balance[(size > LARGE_DIFFERENCE) & (size > _BEYOND_CHANCE * balance["std_error"])]
    apart = balance[balance["difference"].isna() & (balance["mean_train"] != balance["mean_part"])]
    own = pd.concat([unlike, apart.dropna(subset=["mean_train", "mean_part"])])
    if own.empty:
        return None
    worst = own.loc[own["difference"].abs().fillna(float("inf")).idxmax()]
    told = "without overlap" if pd.isna(worst["difference"]) else f"by {worst['difference']:+.2f} SD"
    return Finding(
        code="unlike_parts",
        severity="warning",
        n=len(own),
        sentence=f"Parts of the split differ in size or brightness; most in {worst['statistic']}, where "
        f"{worst['part']} differs from training {told}.",
        why="Then the test images are another kind of images than those trained on.",
        do="Take another seed, or divide within each source of the images.",
    )


def _rare_classes(images: pd.DataFrame) -> Finding | None:
    counts = images["class"].value_counts()
    rare = counts[(counts < FEW_IMAGES) | (counts < RARE_SHARE * len(images))].sort_index()
    if rare.empty:
        return None
    return Finding(
        code="rare_classes",
        severity="warning",
        n=len(rare),
        sentence=f"{counted(len(rare), 'class', 'classes')} with few images: "
        f"{', '.join(f'{name} {n}' for name, n in rare.items())} of {len(images):,}.",
        why="Few images of a class leave fewer in each part; what is said of them has wide intervals.",
        do="Give the test part a larger share, cross-validate, or get more images.",
    )


def _mixed_patients(images: pd.DataFrame) -> Finding | None:
    classes = images.groupby("group_id")["class"].nunique()
    mixed = sorted(classes.index[classes > 1])
    if not mixed:
        return None
    members = images[images["group_id"].isin(mixed)].groupby("group_id")["image_id"].agg(tuple)
    return Finding(
        code="mixed_patients",
        severity="note",
        n=len(mixed),
        sentence=f"{counted(len(mixed), 'patient or exam', 'patients or exams')} "
        f"{'has' if len(mixed) == 1 else 'have'} images of more than one class.",
        why="That may be so (a patient with two lesions), or an id or a label is wrong.",
        do="Check their ids and labels.",
        groups=tuple(members),
    )


def _no_ids(images: pd.DataFrame) -> Finding | None:
    missing = int(images["group_id"].isna().sum())
    if not missing:
        return None
    whole = missing == len(images)
    return Finding(
        code="no_patient_ids",
        severity="note",
        n=missing,
        sentence="The data set has no patient ids."
        if whole
        else f"{counted(missing, 'image')} of {len(images):,} have no patient id.",
        why="Images of one patient may lie in several parts; intervals treat images as independent.",
        do="Use ids where the source has them; duplicates that were found hint at shared patients.",
    )
