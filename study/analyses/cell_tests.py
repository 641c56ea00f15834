"""Wilcoxon and permutation tests of a metric between the arms of a factor, over the cells of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from stats.levels import level_names, levels
from stats.multiplicity.adjust import adjust_p
from stats.ranks.sign_flip import sign_flip_test
from stats.ranks.wilcoxon import rank_sum_test, signed_rank_test
from stats.results import ComparisonResult, joined_notes
from study.analyses.grid_data import GridData, design_keys, folds_note, varied_columns

CellTest = Literal["rank-sum", "signed-rank", "permutation"]
SEED = 0  # of the random sign patterns and subsets of a permutation test
DECIMALS = 12  # metrics are ratios of counts: equal ones may differ in the last bits (R's digits.rank trap)
_METHODS: dict[CellTest, str] = {
    "rank-sum": "Wilcoxon rank-sum",
    "signed-rank": "Wilcoxon signed-rank",
    "permutation": "sign-flip permutation of the mean",
}


def cell_test_rows(
    data: GridData,
    *,
    test: CellTest,
    value: str,
    contrast: str,
    by: Sequence[str],
    conf_level: float,
    planned: bool,
) -> list[ComparisonResult]:
    """Return one row per pair of arms within each combination of `by`; Holm within the combination.

    "rank-sum" takes all cells of two arms; the others pair cells that differ in the contrast only.
    """
    paired = test != "rank-sum"
    analysis = "permutation" if test == "permutation" else "wilcoxon"
    rows: list[ComparisonResult] = []
    for name, task, planned_cells in _strata(data.planned, by):
        cells = data.metrics[data.metrics["cell_id"].isin(planned_cells["cell_id"])]
        shared: dict[str, Any] = {
            "analysis": analysis,
            "family": f"{analysis} {value} {contrast}{' paired' if test == 'signed-rank' else ''}, {name}",
            "task": task,
            "metric": value,
            "conf_level": conf_level,
            "planned": planned,
        }
        notes = joined_notes(
            data.missing_note(planned_cells),
            _unused_note(planned_cells, contrast),
            folds_note(planned_cells, names=by),
        )
        where = ("" if name in ("all", task) else f" ({name})") + (", paired cells" if paired else "")
        arms = _arms(planned_cells, contrast)
        if len(arms) < 2:
            reason = f"not run: {contrast} has {len(arms)} level{'s' if len(arms) != 1 else ''}"
            comparison = f"{contrast}{where}"
            row = ComparisonResult(**shared, method=_METHODS[test], comparison=comparison)
            rows.append(replace(row, note=joined_notes(reason, notes)))
            continue
        stratum = [
            _one(cells, value=value, contrast=contrast, pair=pair, test=test, shared=shared, where=where)
            for pair in combinations(arms, 2)
        ]
        adjusted = adjust_p([row.p_value for row in stratum], "holm")
        rows += [
            replace(row, p_adjusted=float(p), note=joined_notes(row.note, notes))
            for row, p in zip(stratum, adjusted, strict=True)
        ]
    return rows


def _one(
    cells: pd.DataFrame,
    *,
    value: str,
    contrast: str,
    pair: tuple[str, str],
    test: CellTest,
    shared: dict,
    where: str,
) -> ComparisonResult:
    named = level_names(cells[contrast])
    sides = [cells[(named == arm).to_numpy(dtype=bool)] for arm in pair]
    known = [side[side[value].notna()] for side in sides]
    notes = [
        f"{len(side) - len(with_value)} cells of {arm} have no {value}"
        for arm, side, with_value in zip(pair, sides, known, strict=True)
        if len(with_value) < len(side)
    ]
    key = {
        **shared,
        "comparison": f"{contrast}: {pair[0]} - {pair[1]}{where}",
        "arm_a": pair[0],
        "arm_b": pair[1],
    }
    if test != "rank-sum":
        x, y, used, pairing = _matched(known[0], known[1], value, contrast)
        notes += pairing
    else:
        x, y, used = known[0][value], known[1][value], pd.concat(known)
    if not len(x) or not len(y):
        empty = [arm for arm, side in zip(pair, known, strict=True) if side.empty]
        reason = (
            f"no done cell of {', '.join(empty)}" if empty else "no two cells differ in the contrast only"
        )
        return ComparisonResult(**key, method=_METHODS[test], note=joined_notes(f"not run: {reason}", *notes))
    result = _run(test)(x, y, conf_level=float(shared["conf_level"])).to_result()
    return replace(
        result, **key, note=joined_notes(result.note, *notes, _collapsed_note(used, pair, contrast))
    )


def _run(test: CellTest) -> Any:
    if test == "permutation":
        return partial(sign_flip_test, rng=np.random.default_rng(SEED))
    return partial(signed_rank_test if test == "signed-rank" else rank_sum_test, decimals=DECIMALS)


def _matched(
    first: pd.DataFrame, second: pd.DataFrame, value: str, contrast: str
) -> tuple[pd.Series, pd.Series, pd.DataFrame, list[str]]:
    """Values of cells that differ in the contrast only, in the same order; what has no partner is counted."""
    names = [name for name in varied_columns(pd.concat([first, second])) if name != contrast]
    a = first.set_index(pd.Index(design_keys(first, names), tupleize_cols=False))
    b = second.set_index(pd.Index(design_keys(second, names), tupleize_cols=False))
    for arm in (a, b):
        if arm.index.has_duplicates:
            key = arm.index[arm.index.duplicated()][0]
            settings = ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=True))
            raise ValueError(
                f"Several cells of {contrast} {level_names(arm[contrast]).iloc[0]} have the same settings "
                f"({settings}), so they cannot be paired; keep one of them in the store."
            )
    common = [key for key in a.index if key in set(b.index)]
    alone = len(a) + len(b) - 2 * len(common)
    notes = [f"{alone} cells have no partner and are left out"] if alone else []
    a, b = a.loc[common], b.loc[common]
    return a[value], b[value], pd.concat([a, b]), notes


def _strata(cells: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, str | None, pd.DataFrame]]:
    """(name, task, cells) for every combination of `by`, in grid order."""
    if not by:
        return [("all", None, cells)]
    keys = list(zip(*(level_names(cells[name]).tolist() for name in by), strict=True))
    strata = []
    for key in dict.fromkeys(keys):
        rows = cells[[other == key for other in keys]]
        shown = [
            str(level) if name == "task" else f"{name} {level}" for name, level in zip(by, key, strict=True)
        ]
        task = dict(zip(by, key, strict=True)).get("task")
        strata.append((", ".join(shown), task, rows))
    return strata


def _arms(cells: pd.DataFrame, contrast: str) -> list[str]:
    return list(levels(cells[contrast].dropna()).names)


def _unused_note(cells: pd.DataFrame, contrast: str) -> str | None:
    unused = int(cells[contrast].isna().sum())
    return f"{unused} cells do not use {contrast}" if unused else None


def _collapsed_note(cells: pd.DataFrame, pair: tuple[str, str], contrast: str) -> str | None:
    collapsed = cells[cells["collapsed"].astype(bool)]
    if collapsed.empty:
        return None
    named = level_names(collapsed[contrast])
    counts = " and ".join(f"{int((named == arm).sum())} of {arm}" for arm in pair)
    return f"{len(collapsed)} of {len(cells)} cells predict one class for every test image ({counts})"
