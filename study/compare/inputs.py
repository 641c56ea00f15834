"""What `study compare` compares: labels, scores, probabilities and patients of one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from study.single_tests.user_table import (
    binary_labels,
    check_classes,
    check_columns,
    check_roles,
    level_column,
    number_column,
    rounded_together,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareInput:
    """K models on the same images.

    Attributes
    ----------
    names : the models;  labels : (n,) bool;  scores : (n, K), for ranking
    probabilities : (n, K), None where a column is no probability
    group : patient of every image, or None
    positive : level of the label;  notes : what a reader must know
    """

    names: tuple[str, ...]
    labels: NDArray[np.bool_]
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64] | None
    group: tuple[Any, ...] | None
    positive: str
    notes: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs of models, in the given order."""
        return list(combinations(range(len(self.names)), 2))


def compare_input(
    frame: pd.DataFrame,
    *,
    label: str,
    scores: Sequence[str],
    positive: str | None = None,
    group: str | None = None,
    logits: bool = False,
) -> CompareInput:
    """Take the columns of a comparison from a user's table.

    Parameters
    ----------
    logits : the scores are log odds; their probabilities are used where probabilities are needed

    Raises
    ------
    ValueError : unknown columns, labels or scores that cannot be used, missing patients
    """
    check_columns(frame, [label, *scores, *([group] if group else [])])
    check_roles({"label": [label], "score": scores, "patient": [group]})
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
    return CompareInput(
        names=tuple(scores),
        labels=labels.positive,
        scores=table,
        probabilities=probabilities,
        group=tuple(level_column(frame, group)) if group else None,
        positive=labels.level,
        notes=tuple(notes),
    )
