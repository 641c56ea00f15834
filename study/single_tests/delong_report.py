"""What `study test delong --json` prints, from a user's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stats.results import ComparisonResult
from stats.roc.delong import DelongResult
from stats.roc.delong_unpaired import delong_unpaired
from stats.roc.family import AucFamily, auc_family
from study.single_tests.user_table import (
    binary_labels,
    check_classes,
    check_columns,
    check_roles,
    level_column,
    number_column,
    rounded_together,
)

SHARED_ROWS = (
    "rows with several scores count as different images in each sample, because --unpaired was asked for"
)


def delong_report(
    frame: pd.DataFrame,
    *,
    label: str,
    scores: Sequence[str],
    positive: str | None = None,
    group: str | None = None,
    adjust: str = "holm",
    reference: str | None = None,
    unpaired: bool = False,
    conf_level: float = 0.95,
) -> dict[str, Any]:
    """Compare the AUCs of score columns; keys as in the documentation of `study test delong`.

    With `unpaired` each column is a sample of its own: the rows where it has a value. With `reference` the
    comparisons are those of every other model with it. `adjust = "max-t"` adds simultaneous intervals.

    Raises
    ------
    ValueError : unknown column, one class, missing or non-numeric scores; `group`, `reference` or "max-t"
        with `unpaired`
    """
    check_columns(frame, [label, *scores, *([group] if group else [])])
    check_roles({"label": [label], "score": scores, "patient": [group]})
    labels = binary_labels(frame, label, positive)
    columns = [number_column(frame, name, allow_missing=unpaired) for name in scores]
    check_classes(labels, label, {name: ~np.isnan(c) for name, c in zip(scores, columns, strict=True)})
    notes = rounded_together(frame, scores)
    if len(labels.others) > 1:
        notes.append(f"{labels.level} against {', '.join(labels.others)}")
    if unpaired:
        if group is not None:
            raise ValueError("--group cannot be joined with --unpaired; leave one of them out.")
        samples = [(labels.positive[~np.isnan(c)], c[~np.isnan(c)]) for c in columns]
        if len(columns) > 1 and (np.sum([~np.isnan(c) for c in columns], axis=0) > 1).any():
            notes.append(SHARED_ROWS)
        if adjust == "max-t" or reference is not None:
            what = "--adjust max-t" if adjust == "max-t" else "--reference"
            raise ValueError(f"{what} needs models on the same images; leave out --unpaired.")
        fit = delong_unpaired(samples, names=scores, adjust=adjust, conf_level=conf_level)
        rows = [_pair_dict(row) for row in fit.pair_results()]
        return _delong_dict(fit, rows, adjust, [*fit.notes, *notes], labels.level)
    family = auc_family(
        labels.positive,
        np.column_stack(columns),
        names=scores,
        group=level_column(frame, group) if group else None,
        adjust=adjust,
        reference=reference,
        conf_level=conf_level,
    )
    rows = _family_rows(family)
    report = _delong_dict(family.fit, rows, adjust, [*family.fit.notes, *notes], labels.level)
    return report | _max_t_dict(family)


def _family_rows(family: AucFamily) -> list[dict[str, Any]]:
    rows = [_pair_dict(row) for row in family.results]
    joint = family.max_t
    if joint is None:
        return rows
    limits = zip(joint.conf_low, joint.conf_high, strict=True)
    return [
        row | {"simultaneous_conf_low": low, "simultaneous_conf_high": high}
        for row, (low, high) in zip(rows, limits, strict=True)
    ]


def _pair_dict(row: ComparisonResult) -> dict[str, Any]:
    return {
        "model_a": row.arm_a,
        "model_b": row.arm_b,
        "difference": row.estimate,
        "std_error": row.std_error,
        "statistic": row.statistic,
        "df": row.df,
        "p_value": row.p_value,
        "p_adjusted": row.p_adjusted,
        "conf_low": row.conf_low,
        "conf_high": row.conf_high,
    }


def _max_t_dict(family: AucFamily) -> dict[str, Any]:
    joint = family.max_t
    if joint is None:
        return {}
    return {"max_t": {"critical_value": joint.critical_value, "rank": joint.rank, "method": joint.method}}


def _delong_dict(
    fit: DelongResult, rows: list[dict[str, Any]], adjust: str, notes: list[str], positive: str
) -> dict[str, Any]:
    return {
        "n_positive": fit.n_positive,
        "n_negative": fit.n_negative,
        "n_groups": fit.n_groups,
        "positive": positive,
        "models": [
            {"name": name, "auc": auc, "std_error": error, "conf_low": low, "conf_high": high}
            for name, auc, error, low, high in zip(
                fit.names, fit.auc, fit.std_error, fit.conf_low, fit.conf_high, strict=True
            )
        ],
        "comparisons": rows,
        "covariance": fit.covariance,
        "global": {
            "statistic": fit.overall.statistic,
            "df": fit.overall.df,
            "p_value": fit.overall.p_value,
        },
        "adjust": adjust,
        "conf_level": fit.conf_level,
        "method": fit.method,
        "notes": notes,
    }
