"""All confusion tables that printed metrics have in common.

The idea of GRIM (Brown & Heathers 2017) and SPRITE for rates: class sizes and a few printed rates leave few
whole-number tables, often one, sometimes none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stats.claims.check import Check, first_possible, not_run
from stats.claims.printed import Printed, Reading

MOST_TABLES = 5_000_000  # (P + 1) * (N + 1); beyond, memory and minutes
MOST_LISTED = 1000

Floats = NDArray[np.float64]
Table = tuple[int, int]  # true positives, true negatives


def _ratio(top: Floats, below: Floats) -> Floats:
    """Return top / below; 0 where nothing is counted below, as programs print it."""
    return np.divide(top, below, out=np.zeros(np.broadcast(top, below).shape), where=below > 0)


def _f1(tp: Floats, fp: Floats, fn: Floats) -> Floats:
    return _ratio(2.0 * tp, 2.0 * tp + fp + fn)


def _mcc(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _weighted(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    positive, negative = tp + fn, tn + fp
    return (positive * _f1(tp, fp, fn) + negative * _f1(tn, fn, fp)) / (positive + negative)


METRICS: Mapping[str, Callable[[Floats, Floats, Floats, Floats], Floats]] = {
    "accuracy": lambda tp, fp, fn, tn: (tp + tn) / (tp + fp + fn + tn),
    "sensitivity": lambda tp, fp, fn, tn: _ratio(tp, tp + fn),
    "specificity": lambda tp, fp, fn, tn: _ratio(tn, tn + fp),
    "precision": lambda tp, fp, fn, tn: _ratio(tp, tp + fp),
    "npv": lambda tp, fp, fn, tn: _ratio(tn, tn + fn),
    "f1": lambda tp, fp, fn, tn: _f1(tp, fp, fn),
    "f1_macro": lambda tp, fp, fn, tn: (_f1(tp, fp, fn) + _f1(tn, fn, fp)) / 2.0,
    "f1_weighted": _weighted,
    "balanced_accuracy": lambda tp, fp, fn, tn: (_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2.0,
    "mcc": _mcc,
}
_OTHER_READINGS = {"f1": ("f1_macro", "f1_weighted"), "f1_macro": ("f1",), "f1_weighted": ("f1",)}


def consistent_tables(
    printed: Mapping[str, Printed], *, n_positive: int, n_negative: int, reading: Reading = "rounded"
) -> list[Table]:
    """Return all (true positives, true negatives) whose metrics print as given.

    Parameters
    ----------
    printed : by name of METRICS

    Raises
    ------
    ValueError : an unknown metric, or more than MOST_TABLES tables to try
    """
    unknown = [name for name in printed if name not in METRICS]
    if unknown:
        raise ValueError(f"`printed` has {unknown[0]!r}; known metrics: {', '.join(METRICS)}.")
    if (n_positive + 1) * (n_negative + 1) > MOST_TABLES:
        raise ValueError(f"{n_positive} x {n_negative} images have more than {MOST_TABLES:,} tables.")
    tn = np.arange(n_negative + 1, dtype=float)
    found: list[Table] = []
    rows = max(1, 1_000_000 // (n_negative + 1))
    for start in range(0, n_positive + 1, rows):
        tp = np.arange(start, min(start + rows, n_positive + 1), dtype=float)[:, None]
        fits = np.ones((tp.size, tn.size), dtype=bool)
        for name, figure in printed.items():
            value = METRICS[name](tp, n_negative - tn, n_positive - tp, tn)
            allowed = figure.range(reading)
            fits &= (value >= allowed.low - 1e-12) & (value <= allowed.high + 1e-12)
        found += [(start + int(i), int(j)) for i, j in np.argwhere(fits)]
    return found


def table_check(printed: Mapping[str, Printed], *, n_positive: int, n_negative: int) -> Check:
    """Check that the metrics of one model belong to one confusion table, and list all that fit.

    Where none fits, the sentence names the smallest set of metrics that contradict each other, and another
    kind of F1 that would fit.
    """
    sizes = {"n_positive": n_positive, "n_negative": n_negative}
    said = ", ".join(f"{name} {figure.text}" for name, figure in printed.items())
    if (n_positive + 1) * (n_negative + 1) > MOST_TABLES:
        return not_run("confusion", f"More than {MOST_TABLES:,} tables would have to be tried.")

    def ask(reading: Reading) -> Check:
        tables = consistent_tables(printed, **sizes, reading=reading)
        if tables:
            return Check(
                code="confusion",
                verdict="consistent",
                sentence=f"{said}: {_how_many(tables, **sizes)}.",
                evidence=table_rows(tables, **sizes),
            )
        culprits = _culprits(printed, reading, **sizes)
        return Check(
            code="confusion",
            verdict="contradiction",
            sentence=f"No confusion table of {n_positive} positive and {n_negative} negative images has "
            f"{' and '.join(f'{name} {printed[name].text}' for name in culprits)}"
            f"{_other_reading(printed, reading, **sizes)}.",
            evidence=tuple({"metric": name, "printed": printed[name].text} for name in culprits),
        )

    return first_possible(ask)


def printed_table_check(
    table: Mapping[str, int],
    printed: Mapping[str, Printed],
    *,
    n_positive: int | None,
    n_negative: int | None,
) -> Check:
    """Check that a printed table has the class sizes and gives the printed metrics.

    Parameters
    ----------
    table : tp, fp, fn, tn;  n_positive, n_negative : None where the paper does not say
    """
    tp, fp, fn, tn = (np.array(float(table[name])) for name in ("tp", "fp", "fn", "tn"))
    for word, stated, found in (("positive", n_positive, tp + fn), ("negative", n_negative, tn + fp)):
        if stated is not None and stated != int(found):
            return Check(
                code="confusion",
                verdict="contradiction",
                sentence=f"The table has {int(found)} {word} images, not {stated}.",
                evidence=(dict(table),),
            )

    def ask(reading: Reading) -> Check:
        values = {name: float(METRICS[name](tp, fp, fn, tn)) for name in printed}
        wrong = [
            name
            for name, figure in printed.items()
            if not figure.range(reading).low - 1e-12 <= values[name] <= figure.range(reading).high + 1e-12
        ]
        said = ", ".join(f"{name} {printed[name].text} (from the table {values[name]:.6g})" for name in wrong)
        return Check(
            code="confusion",
            verdict="contradiction" if wrong else "consistent",
            sentence=f"The table does not give {said}." if wrong else "The table gives the printed metrics.",
            evidence=(dict(table),),
        )

    return first_possible(ask)


def table_rows(tables: list[Table], *, n_positive: int, n_negative: int) -> tuple[dict[str, int], ...]:
    """Return the tables as rows tp, fp, fn, tn, at most MOST_LISTED."""
    return tuple(
        {"tp": tp, "fp": n_negative - tn, "fn": n_positive - tp, "tn": tn} for tp, tn in tables[:MOST_LISTED]
    )


def _how_many(tables: list[Table], *, n_positive: int, n_negative: int) -> str:
    if len(tables) > 1:
        return f"{len(tables):,} tables fit"
    (row,) = table_rows(tables, n_positive=n_positive, n_negative=n_negative)
    return f"one table fits, tp {row['tp']}, fp {row['fp']}, fn {row['fn']}, tn {row['tn']}"


def _culprits(
    printed: Mapping[str, Printed], reading: Reading, *, n_positive: int, n_negative: int
) -> tuple[str, ...]:
    for size in range(1, len(printed) + 1):
        for names in combinations(printed, size):
            some = {name: printed[name] for name in names}
            if not consistent_tables(some, n_positive=n_positive, n_negative=n_negative, reading=reading):
                return names
    raise ValueError("`printed` has a common table.")


def _other_reading(
    printed: Mapping[str, Printed], reading: Reading, *, n_positive: int, n_negative: int
) -> str:
    for name, others in _OTHER_READINGS.items():
        for other in others if name in printed else ():
            if other in printed:
                continue
            changed = {(other if key == name else key): figure for key, figure in printed.items()}
            if consistent_tables(changed, n_positive=n_positive, n_negative=n_negative, reading=reading):
                return f"; if what is called {name} is {other}, one fits"
    return ""
