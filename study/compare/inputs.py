"""What `study compare` compares: labels, scores, probabilities and patients of one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from study.models.scored import ScoredModels
from study.single_tests.user_table import (
    binary_labels,
    check_classes,
    check_columns,
    check_roles,
    level_column,
    number_column,
    rounded_together,
)

SPLIT_NAMES = ("val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareInput:
    """K models on the same images.

    Attributes
    ----------
    models : on the images that are compared
    validation : on the validation images, None without a split column
    positive : level of the label;  notes : what a reader must know
    """

    models: ScoredModels
    validation: ScoredModels | None
    positive: str
    notes: tuple[str, ...]


def compare_input(
    frame: pd.DataFrame,
    *,
    label: str,
    scores: Sequence[str],
    positive: str | None = None,
    group: str | None = None,
    logits: bool = False,
    split: str | None = None,
) -> CompareInput:
    """Take the columns of a comparison from a user's table.

    Parameters
    ----------
    logits : the scores are log odds; their probabilities are used where probabilities are needed
    split : column with "val" and "test"; thresholds and winners are chosen on "val", all else is "test"

    Raises
    ------
    ValueError : unknown columns, labels or scores that cannot be used, missing patients, a patient in both
        parts
    """
    extra = [name for name in (group, split) if name is not None]
    check_columns(frame, [label, *scores, *extra])
    check_roles({"label": [label], "score": scores, "patient": [group], "split": [split]})
    labels = binary_labels(frame, label, positive)
    check_classes(labels, label)
    table = np.column_stack([number_column(frame, name) for name in scores])
    notes = rounded_together(frame, scores)
    if len(labels.others) > 1:
        notes.append(f"{labels.level} against {', '.join(labels.others)}")
    probabilities: NDArray[np.float64] | None = np.asarray(expit(table)) if logits else table
    outside = [name for k, name in enumerate(scores) if table[:, k].min() < 0 or table[:, k].max() > 1]
    if outside and not logits:
        probabilities = None
        notes.append(
            f"{', '.join(outside)} {'is' if len(outside) == 1 else 'are'} no probability (values outside 0 "
            "to 1): thresholds, calibration and decision curves are left out; say --logits for log odds"
        )
    whole = ScoredModels(
        names=tuple(scores),
        labels=labels.positive,
        scores=table,
        probabilities=probabilities,
        group=tuple(level_column(frame, group)) if group else None,
    )
    validation, test = (None, whole) if split is None else _parts(whole, frame, split, group)
    return CompareInput(models=test, validation=validation, positive=labels.level, notes=tuple(notes))


def _parts(
    whole: ScoredModels, frame: pd.DataFrame, split: str, group: str | None
) -> tuple[ScoredModels, ScoredModels]:
    """The validation and the test rows."""
    part = np.array(level_column(frame, split), dtype=object)
    strange = sorted(set(part) - set(SPLIT_NAMES))
    if strange or len(set(part)) < 2:
        found = ", ".join(map(repr, sorted(set(part))[:6]))
        raise ValueError(f"`{split}` holds {found}; a split column holds 'val' and 'test', both of them.")
    rows = part == "val"
    if whole.group is not None:
        patients = np.array(whole.group, dtype=object)
        shared = sorted(set(patients[rows]) & set(patients[~rows]))
        if shared:
            raise ValueError(
                f"{len(shared)} levels of `{group}` have rows in val and in test (first {shared[0]!r}): what "
                "is chosen on val would know the test patients. Give each patient to one part."
            )
    return _rows(whole, rows), _rows(whole, ~rows)


def _rows(whole: ScoredModels, rows: NDArray[np.bool_]) -> ScoredModels:
    return ScoredModels(
        names=whole.names,
        labels=whole.labels[rows],
        scores=whole.scores[rows],
        probabilities=None if whole.probabilities is None else whole.probabilities[rows],
        group=None if whole.group is None else tuple(np.array(whole.group, dtype=object)[rows].tolist()),
    )
