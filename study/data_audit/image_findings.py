"""Findings on the images themselves: unreadable, duplicate, blank, drawn upon."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from data.audit.annotations import ANNOTATION_KINDS
from data.audit.facts import BLANK_SHARE
from study.data_audit.findings import Finding, counted

_WORDS = {"text": "text", "caliper": "calipers", "colour": "coloured overlays"}


def image_findings(
    images: pd.DataFrame,
    pairs: pd.DataFrame,
    unreadable: pd.DataFrame,
    conflicts: Sequence[Sequence[str]],
    *,
    positive: Sequence[str],
    kept_together: bool,
) -> list[Finding | None]:
    """Findings that need no label or split but the classes.

    Parameters
    ----------
    images : image_id, class, flat_share, annotations
    pairs : columns of `data.audit.duplicates.PAIR_COLUMNS`
    unreadable : path, reason
    conflicts : groups of duplicates with more than one class
    positive : classes that count as positive; where given, a conflict between others is a note
    kept_together : there is a split, and no group of duplicates lies in two of its parts
    """
    return [
        _unreadable(unreadable),
        _label_conflicts(conflicts, images, positive),
        _exact(pairs, "note" if kept_together else "warning"),
        _near(pairs, "note" if kept_together else "warning"),
        _blank(images),
        _annotated(images),
    ]


def _unreadable(unreadable: pd.DataFrame) -> Finding | None:
    if unreadable.empty:
        return None
    first = unreadable.iloc[0]
    return Finding(
        code="unreadable",
        severity="error",
        n=len(unreadable),
        sentence=f"{counted(len(unreadable), 'file')} cannot be read, first {first['path']} "
        f"({first['reason']}).",
        why="These images are in no count and in no part of the split.",
        do="Get the files again, convert them, or remove them.",
    )


def _label_conflicts(
    conflicts: Sequence[Sequence[str]], images: pd.DataFrame, positive: Sequence[str]
) -> Finding | None:
    if not conflicts:
        return None
    counts_as = images.set_index("image_id")["class"].isin(list(positive))
    crossing = sum(counts_as[list(group)].nunique() > 1 for group in conflicts)
    labels = f"; in {crossing} of them positive and negative" if positive else ""
    return Finding(
        code="label_conflict",
        severity="error" if crossing or not positive else "note",
        n=len(conflicts),
        sentence=f"{counted(len(conflicts), 'group')} of duplicates "
        f"{'carries' if len(conflicts) == 1 else 'carry'} different classes{labels}.",
        why="At least one label of each group is wrong; no model can be right on all of its images.",
        do='Look at each and correct it, or set label_conflicts = "drop" in the task.',
        groups=tuple(tuple(group) for group in conflicts),
    )


def _exact(pairs: pd.DataFrame, severity: str) -> Finding | None:
    own = pairs[pairs["kind"] == "exact"]
    if own.empty:
        return None
    return Finding(
        code="exact_duplicates",
        severity=severity,
        n=len(own),
        sentence=f"{counted(len(own), 'pair')} of images {'is' if len(own) == 1 else 'are'} identical.",
        why="A copy counts a picture twice; in two parts of a split it tests on what was trained on.",
        do='Remove the copies, or set duplicates = "drop" in the task.',
        groups=_pair_groups(own),
    )


def _near(pairs: pd.DataFrame, severity: str) -> Finding | None:
    own = pairs[pairs["kind"] == "near"]
    if own.empty:
        return None
    return Finding(
        code="near_duplicates",
        severity=severity,
        n=len(own),
        sentence=f"{counted(len(own), 'pair')} of images {'shows' if len(own) == 1 else 'show'} the same "
        "picture, changed.",
        why="Near-duplicates in two parts of a split make the test look better than new patients would.",
        do='Look at the contact sheet; set duplicates = "group" (kept in one part) or "drop" in the task.',
        groups=_pair_groups(own),
    )


def _pair_groups(pairs: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    return tuple(zip(pairs["image_a"], pairs["image_b"], strict=True))


def _blank(images: pd.DataFrame) -> Finding | None:
    own = images[images["flat_share"] >= BLANK_SHARE]
    if own.empty:
        return None
    return Finding(
        code="blank",
        severity="warning",
        n=len(own),
        sentence=f"{counted(len(own), 'image')} {'is' if len(own) == 1 else 'are'} blank: "
        f"{BLANK_SHARE:.1%} of the pixels or more have one grey level.",
        why="A blank image teaches its class nothing but its blankness.",
        do="Look at them and remove them, or get the right files.",
        groups=tuple((image_id,) for image_id in own["image_id"]),
    )


def _annotated(images: pd.DataFrame) -> Finding | None:
    own = images[images["annotations"].fillna("") != ""]
    if own.empty:
        return None
    kinds = own["annotations"].str.split("+")
    counts = {kind: int(kinds.map(lambda found, kind=kind: kind in found).sum()) for kind in ANNOTATION_KINDS}
    told = ", ".join(f"{_WORDS[kind]} on {n}" for kind, n in counts.items() if n)
    share = images.assign(drawn=images["annotations"].fillna("") != "").groupby("class")["drawn"].mean()
    classes = ", ".join(f"{name} {value:.0%}" for name, value in share.items())
    return Finding(
        code="annotated",
        severity="note",
        n=len(own),
        sentence=f"{counted(len(own), 'image')} {'bears' if len(own) == 1 else 'bear'} burnt-in annotations "
        f"({told}); by class: {classes}.",
        why="Marks were set by someone who had seen the lesion: a model may read them instead.",
        do="Use clean exports where they exist; check Grad-CAM on these images.",
        groups=tuple((image_id,) for image_id in own["image_id"]),
    )
