"""An audit as plain values: what `study data check --json` prints."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data.audit.annotations import ANNOTATION_KINDS
from data.audit.facts import BLANK_SHARE
from stats.results import records
from study.data_audit.audit import DataAudit
from study.data_audit.findings import findings_frame


def audit_report(audit: DataAudit) -> dict[str, Any]:
    """Return the whole audit as dicts, lists, texts and unrounded numbers."""
    images = audit.images
    drawn = images["annotations"].fillna("")
    return {
        "dataset": audit.name,
        "task": audit.task,
        "n_images": len(images),
        "classes": class_counts(images),
        "n_groups": int(images["group_id"].nunique()) if images["group_id"].notna().any() else None,
        "images_per_group": images_per_group(images),
        "left_out": records(audit.left_out),
        "unreadable": records(audit.unreadable[["path", "reason"]]),
        "duplicates": _duplicates(audit),
        "label_conflicts": [
            {"images": list(group), "classes": _classes(images, group)} for group in audit.conflicts
        ],
        "straddling": _straddling(audit),
        "part_balance": None if audit.balance is None else records(audit.balance),
        "blank": images.loc[images["flat_share"] >= BLANK_SHARE, "image_id"].tolist(),
        "annotated": {
            "n": int((drawn != "").sum()),
            "images": images.loc[drawn != "", "image_id"].tolist(),
            **{kind: _with_kind(images, kind) for kind in ANNOTATION_KINDS},
            "not_searched": int(images["annotations"].isna().sum()),
        },
        "shortcut": _shortcut(audit),
        "findings": records(findings_frame(audit.findings)),
    }


def class_counts(images: pd.DataFrame) -> dict[str, int]:
    """Images per class, classes by name."""
    return {str(name): int(n) for name, n in images["class"].value_counts().sort_index().items()}


def images_per_group(images: pd.DataFrame) -> dict[str, int]:
    """Number of patients (exams) with 1, 2, 3 ... images; empty where there are no ids."""
    sizes = images["group_id"].value_counts().value_counts().sort_index()
    return {str(size): int(n) for size, n in sizes.items()}


def duplicate_lists(images: pd.DataFrame) -> list[list[str]]:
    """Groups of duplicates, each a list of images, by their first image."""
    groups = images[images["duplicate_group"].notna()].groupby("duplicate_group", sort=True)["image_id"]
    return [own.tolist() for _, own in groups]


def _duplicates(audit: DataAudit) -> dict[str, Any]:
    exact, near = (audit.pairs[audit.pairs["kind"] == kind] for kind in ("exact", "near"))
    return {
        "exact": exact[["image_a", "image_b"]].to_numpy().tolist(),
        "near": records(near[["image_a", "image_b", "similarity", "change"]]),
        "groups": duplicate_lists(audit.images),
    }


def _classes(images: pd.DataFrame, group: tuple[str, ...]) -> list[str]:
    """Class of every image of a group, in its order."""
    known = images.set_index("image_id")["class"]
    return [str(known[image_id]) for image_id in group]


def _straddling(audit: DataAudit) -> dict[str, Any] | None:
    crossed = audit.crossed
    if crossed is None:
        return None
    return {
        "split": audit.split_of,
        "duplicate_groups": [list(group) for group in crossed.duplicates],
        "patients": list(crossed.patients),
        "share_test_twin": crossed.share("twin", "test"),
        "share_val_twin": crossed.share("twin", "val"),
        "share_test_patient": crossed.share("patient", "test"),
        "share_val_patient": crossed.share("patient", "val"),
        "parts": records(crossed.parts),
    }


def _with_kind(images: pd.DataFrame, kind: str) -> list[str]:
    has = images["annotations"].fillna("").map(lambda text: kind in text.split("+"))
    return images.loc[has, "image_id"].tolist()


def _shortcut(audit: DataAudit) -> dict[str, Any]:
    found = audit.shortcut
    return {
        "positive": list(found.positive),
        "auc": found.auc,
        "conf_low": found.conf_low,
        "conf_high": found.conf_high,
        "conf_level": found.conf_level,
        "n": found.n,
        "n_positive": found.n_positive,
        "n_groups": found.n_groups,
        "features": dict(found.features),
        "method": found.method,
        "note": found.note,
    }
