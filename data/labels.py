"""From the classes of a data set to the two labels of a task."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def with_labels(manifest: pd.DataFrame, positive: Sequence[str]) -> pd.DataFrame:
    """Return a copy of `manifest` with the column `label` (int8, 1 = positive).

    Parameters
    ----------
    manifest : frame with the column `class`
    positive : classes that count as positive; all others are negative

    Raises
    ------
    TypeError : `positive` is one text instead of a list
    ValueError : a class of `positive` does not exist; no image is positive, or none is negative
    """
    classes = sorted(manifest["class"].unique())
    check_positive(positive, classes)
    return manifest.assign(label=manifest["class"].isin(list(positive)).astype("int8"))


def check_positive(positive: Sequence[str], classes: Sequence[str]) -> None:
    """Raise, as `with_labels` does, where `positive` cannot divide images of `classes`."""
    if isinstance(positive, str):
        raise TypeError(
            f"`positive` must be a list of classes, not the text {positive!r}. Write [{positive!r}]."
        )
    unknown = [name for name in positive if name not in classes]
    if unknown:
        raise ValueError(
            f"`positive` names {', '.join(map(repr, unknown))}, but the classes of this data set are "
            f"{', '.join(classes)}. Correct `positive` in the study file."
        )
    if not len(positive):
        raise ValueError(f"`positive` is empty. Name at least one of the classes {', '.join(classes)}.")
    if set(positive) == set(classes):
        raise ValueError(
            f"Every image is positive: the classes present are {', '.join(classes)} and `positive` holds all "
            "of them. A task needs images of both labels: add images of another class, or shorten `positive`."
        )
