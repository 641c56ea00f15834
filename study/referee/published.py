"""The published grid as the referee sees it, with what the study's own numbering of layers says."""

from __future__ import annotations

from dataclasses import replace

from manuscript.published.subject import published_subject
from stats.referee.subject import Repeat, Subject
from training.layer_groups import trained_children

BACKBONE = "ResNet50"
LEVELS = (0, 1, 3, 5, 7, 9)  # freezeall, unfreezetop1 ... unfreezetop9 of the unfreezing experiments


def published_study() -> Subject:
    """Return the published grid, with the levels of its unfreezing that train the same layers."""
    subject = published_subject()
    return replace(subject, repeats=(*subject.repeats, *_unfreezing()))


def _unfreezing() -> tuple[Repeat, ...]:
    sets: dict[tuple[str, ...], list[str]] = {}
    for level in LEVELS:
        name = "freezeall" if level == 0 else f"unfreezetop{level}"
        sets.setdefault(trained_children(BACKBONE, level, "children"), []).append(name)
    return tuple(
        Repeat(
            kind="levels",
            factors=("unfreeze",),
            text=f"In the paper's unfreezing experiments {' and '.join(names)} train the same layers of "
            f"{BACKBONE} ({', '.join(children) or 'none'}), since children without weights are counted",
            n_sets=1,
            rows=({"levels": " = ".join(names), "trained": ", ".join(children)},),
        )
        for children, names in sets.items()
        if len(names) > 1
    )
