"""Effort of the arms: how many settings each was given, and on which arm they were chosen."""

from __future__ import annotations

from collections.abc import Iterator

from stats.findings import Finding
from stats.levels import level_names
from stats.referee.subject import IMAGE_TESTS, Subject, setting_keys

_SELECTING = (*IMAGE_TESTS, "recipe", "winner")


def tuning_findings(subject: Subject) -> Iterator[Finding]:
    """Unequal numbers of settings to choose from, settings chosen on one arm, arms without a choice."""
    for contrast, arm in subject.tuned_on.items():
        yield _tuned_on(contrast, arm)
    untuned = []
    for contrast in subject.contrasts(*_SELECTING):
        if contrast not in subject.factors:
            continue
        counts = _settings_per_arm(subject, contrast)
        unequal = {task: arms for task, arms in counts.items() if len(set(arms.values())) > 1}
        if unequal:
            yield _unequal(contrast, unequal)
        elif counts and all(n == 1 for arms in counts.values() for n in arms.values()):
            untuned.append(contrast)
    if untuned and not subject.tuned_on:
        yield _untuned(untuned)


def _settings_per_arm(subject: Subject, contrast: str) -> dict[str, dict[str, int]]:
    """Settings that each arm can be chosen from, by task; seeds of one setting count once."""
    cells = subject.cells[subject.cells[contrast].notna()]
    if "status" in cells and subject.kind != "study":
        cells = cells[cells["status"] == "done"]
    cells = cells.assign(
        arm=level_names(cells[contrast]),
        key=[str(k) for k in setting_keys(cells, subject.factors, without=contrast)],
    )
    counts: dict[str, dict[str, int]] = {}
    for (task, arm), own in cells.groupby(["task", "arm"], sort=True):
        counts.setdefault(str(task), {})[str(arm)] = int(own["key"].nunique())
    return {task: arms for task, arms in counts.items() if len(arms) > 1}


def _unequal(contrast: str, counts: dict[str, dict[str, int]]) -> Finding:
    told = "; ".join(
        f"{task}: {', '.join(f'{arm} {n}' for arm, n in arms.items())}" for task, arms in counts.items()
    )
    return Finding(
        code="unequal-tuning",
        severity="warning",
        where=contrast,
        sentence=f"The arms of `{contrast}` are chosen from unequal numbers of settings ({told}).",
        evidence=tuple(
            {"task": task, "arm": arm, "settings": n}
            for task, arms in counts.items()
            for arm, n in arms.items()
        ),
        why="The best of more trials is better by chance and by search: the comparison is one of effort too.",
        sources=("dodge2019",),
        do="Give every arm the same settings to choose from, or compare at equal numbers of trials.",
    )


def _tuned_on(contrast: str, arm: str) -> Finding:
    return Finding(
        code="tuned-on-one-arm",
        severity="warning",
        where=contrast,
        sentence=f"The settings of the models that are compared on `{contrast}` were chosen in trials "
        f"with {arm}; "
        "that the other arm was given the same effort is not reported.",
        evidence=({"contrast": contrast, "tuned_on": arm},),
        why="Learning rate, weight decay and depth of training that suit one set of weights need not "
        "suit the "
        "other: the difference may be that of the tuning.",
        sources=("dodge2019",),
        do="Tune both arms over the same settings with the same number of trials, and report that number.",
    )


def _untuned(contrasts: list[str]) -> Finding:
    return Finding(
        code="no-tuning-shown",
        severity="note",
        where=", ".join(contrasts),
        sentence=f"Each arm of {', '.join(f'`{name}`' for name in contrasts)} has one setting: where "
        f"these settings "
        "come from is not part of the study.",
        evidence=tuple({"contrast": name, "settings_per_arm": 1} for name in contrasts),
        why="If they were found in trials with one arm, that arm has an advantage.",
        sources=("dodge2019",),
        do="Say how they were chosen, or add the settings that were tried as factors.",
    )
