"""Checks of labels, scores and options that the tests share; each gives one sentence naming the offender."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALTERNATIVES = ("two-sided", "less", "greater")


def checked_labels(y_true: ArrayLike, *, min_per_class: int = 1) -> NDArray[np.bool_]:
    """Return labels as bool, shape (n,), True = positive class.

    Raises
    ------
    ValueError : values other than 0 and 1; a class with fewer than `min_per_class` images
    """
    labels = np.asarray(y_true)
    if labels.ndim != 1:
        raise ValueError(f"`y_true` has {labels.ndim} dimensions; give one label per image.")
    if labels.dtype != bool:
        wrong = ~np.isin(labels, (0, 1))
        if wrong.any():
            values = sorted({str(value) for value in labels[wrong].tolist()})[:3]
            raise ValueError(
                f"`y_true` has values other than 0 and 1 ({', '.join(values)}); "
                "code the positive class as 1, all other images as 0."
            )
        labels = labels == 1
    n_positive = int(labels.sum())
    n_negative = labels.size - n_positive
    if min(n_positive, n_negative) < min_per_class:
        raise ValueError(
            f"`y_true` has {n_positive} positive and {n_negative} negative images; "
            f"this method needs at least {min_per_class} of each class."
        )
    return labels


def checked_scores(
    scores: ArrayLike, *, n: int, names: Sequence[str], ids: Sequence[Any] | None = None
) -> NDArray[np.float64]:
    """Return scores as float64, shape (n, K), K = len(names).

    Raises
    ------
    ValueError : another length than the labels; a value that is not finite (first rows or ids named)
    TypeError : scores that are not numbers
    """
    try:
        table = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Scores of {', '.join(names)} are not numbers ({error}).") from None
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or table.shape[0] != n:
        raise ValueError(f"Scores have shape {table.shape}; expected ({n}, {len(names)}) for {n} labels.")
    if table.shape[1] != len(names):
        raise ValueError(f"{table.shape[1]} score columns came with {len(names)} names.")
    finite = np.isfinite(table)
    if not finite.all():
        column = int(np.flatnonzero(~finite.all(axis=0))[0])
        raise ValueError(not_finite_message(names[column], ~finite[:, column], ids))
    return table


def checked_sample(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return the values of one sample as a new float64 array, shape (n,).

    Raises
    ------
    ValueError : no values; a value that is not finite
    """
    array = np.array(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise ValueError(f"`{name}` is empty; give at least one value.")
    if not np.isfinite(array).all():
        raise ValueError(not_finite_message(name, ~np.isfinite(array)))
    return array


def not_finite_message(name: str, bad: NDArray[np.bool_], ids: Sequence[Any] | None = None) -> str:
    """Return the sentence for missing or infinite values, with the first rows (from 1) or ids."""
    rows = np.flatnonzero(bad)
    what = "row" if ids is None else "image_id"
    first = [str(row + 1) if ids is None else repr(ids[row]) for row in rows[:3]]
    more = ", ..." if rows.size > 3 else ""
    return (
        f"`{name}` has {rows.size} missing or infinite value{'s' if rows.size > 1 else ''} "
        f"({what} {', '.join(first)}{more}); every value must be a finite number. "
        "Correct them, or take these rows out of every comparison."
    )


def check_conf_level(conf_level: float) -> None:
    """Raise ValueError unless 0 < conf_level < 1."""
    if not 0.0 < conf_level < 1.0:
        raise ValueError(f"`conf_level` is {conf_level}; it must lie between 0 and 1, for example 0.95.")


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError naming the allowed values unless `value` is one of them."""
    if value not in allowed:
        raise ValueError(f"`{name}` is {value!r}; allowed are {', '.join(map(repr, allowed))}.")
