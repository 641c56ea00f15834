"""An audit in words, line by line."""

from __future__ import annotations

import pandas as pd

from study.data_audit.as_json import class_counts, duplicate_lists, images_per_group
from study.data_audit.audit import DataAudit
from study.data_audit.findings import Finding, counted

_SHOWN = 5
_TOLD_WITH_THE_SPLIT = ("straddling_duplicates", "straddling_patients")
_MARKS = {"error": "ERROR", "warning": "warning", "note": "note"}


def audit_lines(audit: DataAudit) -> list[str]:
    """Return the report for a terminal: counts, facts, shortcut, then every finding with its first images."""
    lines = _counts(audit)
    lines += _facts(audit.images, audit.dataset.manifest)
    lines += _shortcut(audit)
    if audit.split is not None:
        lines += _parts(audit)
    lines.append("")
    if not audit.findings:
        return [*lines, "Nothing was found that would spoil a comparison."]
    lines.append(f"{counted(len(audit.findings), 'finding')}:")
    for finding in audit.findings:
        lines += _finding(finding, audit)
    return lines


def note_lines(audit: DataAudit) -> list[str]:
    """Return one line per error or warning, for a run that goes on; leaks stand in the notes of the split."""
    return [
        f"{_MARKS[finding.severity]}: {finding.text}"
        for finding in audit.findings
        if finding.severity != "note" and finding.code not in _TOLD_WITH_THE_SPLIT
    ]


def _counts(audit: DataAudit) -> list[str]:
    images, unreadable = audit.images, len(audit.unreadable)
    state = f"{unreadable} more cannot be read" if unreadable else "all readable"
    name = audit.name if audit.task is None else f"task {audit.task} ({audit.name})"
    classes = ", ".join(f"{key} {n}" for key, n in class_counts(images).items())
    lines = [f"{name}: {len(images)} images, {state}", f"classes: {classes}"]
    if len(audit.left_out):
        reasons = ", ".join(f"{reason} {n}" for reason, n in audit.left_out["reason"].value_counts().items())
        lines.append(f"left out of the task: {counted(len(audit.left_out), 'image')} ({reasons})")
    per_group = images_per_group(images)
    if not per_group:
        return [*lines, "patients or exams: no ids"]
    sizes = ", ".join(f"{n} with {size}" for size, n in per_group.items())
    return [*lines, f"patients or exams: {images['group_id'].nunique()} (images of each: {sizes})"]


def _facts(images: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    wide, high = (_range(images[side]) for side in ("width", "height"))
    masked = manifest.loc[manifest["mask_path"].notna(), "image_id"]
    n_masks = int(images["image_id"].isin(masked).sum())
    groups = duplicate_lists(images)
    n_in_groups = sum(len(group) for group in groups)
    return [
        f"pixels: {wide} wide, {high} high; modes {', '.join(sorted(images['mode'].unique()))}; "
        f"{n_masks} with mask",
        f"brightness: mean {images['mean'].mean():.0f}, from {images['mean'].min():.0f} to "
        f"{images['mean'].max():.0f} of 255",
        f"duplicates: {counted(n_in_groups, 'image')} in {counted(len(groups), 'group')}",
    ]


def _shortcut(audit: DataAudit) -> list[str]:
    found = audit.shortcut
    positive = " and ".join(found.positive)
    if pd.isna(found.auc):
        return [f"shortcut: {found.note}"]
    lines = [
        f"shortcut: file statistics alone tell {positive} from the rest with AUC {found.auc:.3f} "
        f"({found.conf_low:.3f} to {found.conf_high:.3f})",
        "  each by itself: "
        + ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in found.features.items()),
    ]
    return [*lines, f"  {found.note}"] if found.note else lines


def _parts(audit: DataAudit) -> list[str]:
    if audit.crossed is None:
        return []
    lines = [f"{audit.split_of}:"]
    for row in audit.crossed.parts.itertuples():
        fold = f" of fold {row.fold}" if audit.crossed.parts["fold"].nunique() > 1 else ""
        patient = (
            "" if pd.isna(row.n_patient) else f", {row.n_patient:.0f} with an image of the same patient there"
        )
        lines.append(f"  {row.part}{fold}: {row.n} images, {row.n_twin} with a twin in training{patient}")
    return lines


def _finding(finding: Finding, audit: DataAudit) -> list[str]:
    lines = [
        f"[{_MARKS[finding.severity]}] {finding.code}: {finding.sentence}",
        f"    why: {finding.why}",
        f"    do:  {finding.do}",
    ]
    if finding.code == "unreadable":
        return lines + [f"    - '{row.path}' ({row.reason})" for row in audit.unreadable.itertuples()]
    lines += [f"    - {' = '.join(group)}" for group in finding.groups[:_SHOWN]]
    more = len(finding.groups) - _SHOWN
    return [*lines, f"    - and {more} more (--out DIR or --json for all)"] if more > 0 else lines


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
