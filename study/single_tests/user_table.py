"""Take columns from a user's table, with every fault named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.checks import not_finite_message
from stats.levels import factorized, is_number, level_name, levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Labels of a table: `positive` (n,) bool, the level that counts as positive, and the other levels."""

    positive: NDArray[np.bool_]
    level: str
    others: tuple[str, ...]


def check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise ValueError naming the columns that the table has, if one of `names` is not among them."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        alike = {name.casefold(): name for name in map(str, frame.columns)}
        near = get_close_matches(missing[0].casefold(), list(alike), n=1, cutoff=0.75)
        raise ValueError(
            f"The table has no column {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(repr, frame.columns))}."
            + (f" Did you mean {alike[near[0]]!r}?" if near else "")
        )


def check_roles(roles: Mapping[str, Iterable[str | None]]) -> None:
    """Raise ValueError where one column is to serve twice: labels as scores would give an AUC of 1.

    `roles` : what the columns hold ("label", "score", ...) -> their names, None where there is none
    """
    known: dict[str, str] = {}
    for role, names in roles.items():
        for name in names:
            if name is None:
                continue
            if name in known:
                raise ValueError(
                    f"`{name}` is named as {known[name]} and as {role}; give a column of its own for each."
                )
            known[name] = role


def listed(option: str, text: str, *, at_least: int = 1, at_most: int | None = None) -> list[str]:
    """Return the names in a comma-separated option.

    Raises
    ------
    ValueError : fewer or more names than allowed, an empty or a doubled name
    """
    names = [name.strip() for name in text.split(",")]
    wanted = f"{at_least} or more" if at_most is None else f"{at_least}"
    if len(names) < at_least or (at_most is not None and len(names) > at_most) or not all(names):
        raise ValueError(f"{option} is {text!r}; give {wanted} column names separated by commas.")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"{option} names {doubled[0]!r} twice; name each column once.")
    return names


def listed_numbers(option: str, text: str | None, *, count: int | None = None) -> tuple[float, ...]:
    """Return the numbers in a comma-separated option, none where it was not given.

    Raises
    ------
    ValueError : a part that is no finite number; another count than asked for
    """
    if text is None:
        return ()
    wanted = "numbers" if count is None else f"{count} numbers"
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(map(isfinite, numbers)) or (count is not None and len(numbers) != count):
        raise ValueError(f"{option} is {text!r}; give {wanted} separated by commas.")
    return numbers


def binary_labels(frame: pd.DataFrame, column: str, positive: str | None) -> Labels:
    """Return which rows are positive.

    Without `positive` the labels must be 0 and 1 (or false and true), and 1 is positive.

    Raises
    ------
    ValueError : missing labels; other labels than 0 and 1 without `positive`; an unknown level; one class;
        levels that differ by blanks or capitals only
    """
    series = frame[column]
    if series.isna().any():
        raise ValueError(_missing_message(series))
    coded = levels(series)
    check_spelling(f"`{column}` has", coded.names)
    shown = ", ".join(map(repr, coded.names[:8])) + (", ..." if len(coded.names) > 8 else "")
    if len(coded.names) < 2:
        raise ValueError(f"`{column}` has one class only ({shown}); a comparison needs both classes.")
    if positive is None:
        if set(coded.names) not in ({"0", "1"}, {"False", "True"}):
            raise ValueError(
                f"`{column}` has the levels {shown}; say which one is positive with --positive LEVEL "
                "(only 0/1 labels need no choice)."
            )
        positive = max(coded.names)
    positive = _as_spelled(positive, coded.names)
    if positive not in coded.names:
        raise ValueError(f"--positive is {positive!r}; `{column}` has the levels {shown}.")
    others = tuple(level for level in coded.names if level != positive)
    return Labels(positive=coded.codes == coded.names.index(positive), level=positive, others=others)


def check_spelling(where: str, names: Iterable[str]) -> None:
    """Raise ValueError naming two levels that differ by blanks or capitals only: one class counted as two.

    `where` : the columns and their verb, as the sentence begins
    """
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(name.strip().casefold(), name)
        if other != name:
            raise ValueError(
                f"{where} the levels {other!r} and {name!r}, which differ by blanks or capitals only; "
                "write them alike."
            )


def check_classes(labels: Labels, label: str, known: Mapping[str, NDArray[np.bool_]] | None = None) -> None:
    """Raise ValueError where a class has fewer than two rows.

    `known` : score column -> rows where it has a value, for columns that are samples of their own
    """
    for name, rows in (known or {"": np.ones(labels.positive.size, dtype=bool)}).items():
        counts = int(labels.positive[rows].sum()), int((~labels.positive)[rows].sum())
        if min(counts) < 2:
            where = "" if rows.all() else f" where `{name}` has a value"
            raise ValueError(
                f"`{label}` has {counts[0]} rows of {labels.level!r} and {counts[1]} others{where}; "
                "DeLong needs at least 2 of each."
            )


def _as_spelled(level: str, names: Sequence[str]) -> str:
    """The level as the table has it: TRUE for true, 1.0 for 1."""
    if level in names:
        return level
    if set(names) <= {"True", "False"}:
        return level.capitalize()
    try:
        return level_name(float(level))
    except ValueError:
        return level


def number_column(frame: pd.DataFrame, column: str, *, allow_missing: bool = False) -> NDArray[np.float64]:
    """Return a column as float64, shape (n,).

    Raises
    ------
    ValueError : not numbers (first values named); missing or infinite values (first rows named)
    """
    series = frame[column]
    if not is_number(series) and not pd.api.types.is_bool_dtype(series):
        bad = series[pd.to_numeric(series, errors="coerce").isna() & series.notna()]
        shown = ", ".join(repr(str(value)) for value in (bad if len(bad) else series.dropna()).head(3))
        raise ValueError(f"`{column}` is not numeric ({shown}); give a column of numbers.")
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    bad_rows = np.isinf(values) if allow_missing else ~np.isfinite(values)
    if bad_rows.any():
        raise ValueError(not_finite_message(column, bad_rows))
    return values


def rounded_together(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return a note for each column of whole numbers of which float64 makes equal ones of different ones."""
    notes = []
    for name in columns:
        if pd.api.types.is_integer_dtype(frame[name].dtype):
            known = frame[name].dropna()
            lost = known.nunique() - known.astype(np.float64).nunique()
            if lost:
                notes.append(
                    f"{name} holds whole numbers beyond 2^53, where float64 cannot tell neighbours apart: "
                    f"{lost} values became ties"
                )
    return notes


def level_column(frame: pd.DataFrame, column: str) -> list[str]:
    """Return a column as level names (whole numbers without decimal point).

    Raises
    ------
    ValueError : missing values (first rows named); values that cannot be compared (lists)
    """
    series = frame[column]
    if series.isna().any():
        raise ValueError(_missing_message(series))
    distinct = factorized(series)[1]
    if len({level_name(value) for value in distinct}) < len(distinct):  # beyond 15 digits: all of them count
        return [repr(value) for value in series.tolist()]
    return [level_name(value) for value in series.tolist()]


def _missing_message(series: pd.Series) -> str:
    rows = np.flatnonzero(series.isna())
    first = ", ".join(str(row + 1) for row in rows[:3]) + (", ..." if rows.size > 3 else "")
    return (
        f"`{series.name}` is missing in {rows.size} row{'s' if rows.size > 1 else ''} (row {first}); "
        "fill these rows or take them out."
    )
