"""Result tables of the maps: means with intervals, paired tests, randomisation, stability over seeds.

No torch here: `study stats` makes them from what `study gradcam` left in the store.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from data.store import Store
from stats.multiplicity.adjust import adjust_p
from stats.results import NAN, ComparisonResult, joined_notes, results_frame
from stats.saliency.agreement import AGREEMENT_MEASURES
from stats.saliency.localisation import LOCALISATION_MEASURES
from stats.saliency.summary import mean_measure_ci, paired_measure_test
from study.analyses.leaks import leak_marks, marked
from study.gradcam.files import GRADCAM, REFERENCES, read_planned
from study.stores import planned_cells

SEED = 0  # of the bootstrap samples: the same for every map, so that maps are resampled alike
ALL_IMAGES = "all"
TOO_FEW = "fewer than 2 images or patients: no interval"
_MEAN = ("metric", "n", "n_groups", "estimate", "conf_low", "conf_high", "conf_level", "method", "note")
TABLE_COLUMNS: dict[str, tuple[str, ...]] = {
    "saliency": ("task", "cell_id", "arm", "map", "images", *_MEAN),
    "saliency_randomisation": ("task", "cell_id", "arm", "depth", "part", "draws", *_MEAN),
    "saliency_stability": ("task", "cell_id", "arm", "seed", "other_seed", "other_cell_id", *_MEAN),
}


def saliency_tables(store: Store, *, conf_level: float = 0.95) -> dict[str, pd.DataFrame]:
    """Return the tables saliency, saliency_tests, saliency_randomisation and saliency_stability.

    Each is empty where `study gradcam` has not made what it needs. Rows of a task whose split leaks say so.
    """
    kept = {name: read_planned(store, name) for name in ("measures", "randomisation", "stability")}
    arms = _arm_names(store, pd.concat([table[["task", "cell_id"]] for table in kept.values()]))
    measures, randomised, seeds = (_by_arm(table, arms) for table in kept.values())
    tables = {
        "saliency": _frame("saliency", _mean_rows(measures, arms, conf_level)),
        "saliency_tests": results_frame(_test_rows(measures, arms, conf_level)),
        "saliency_randomisation": _frame(
            "saliency_randomisation", _randomisation_rows(randomised, arms, conf_level)
        ),
        "saliency_stability": _frame("saliency_stability", _stability_rows(seeds, arms, conf_level)),
    }
    tasks = [task for table in kept.values() for task in table["task"].unique()]
    marks = leak_marks(store, list(dict.fromkeys(tasks)))
    return {name: marked(table, marks) for name, table in tables.items()}


def write_saliency_tables(store: Store, *, conf_level: float = 0.95) -> dict[str, pd.DataFrame]:
    """Write these tables among the results of the store and return them."""
    tables = saliency_tables(store, conf_level=conf_level)
    for name, table in tables.items():
        store.write_result(name, table)
    return tables


def _arm_names(store: Store, found: pd.DataFrame) -> dict[str, str]:
    """Name of each cell that has maps (task, cell_id), in the order of the study's pretrainings.

    The name is the pretraining, with the cell's id where a task has several cells of it.
    """
    if found.empty:
        return {}
    cells = planned_cells(store)
    levels = list(dict.fromkeys(cells["pretrain"]))
    own = cells[cells["cell_id"].isin(found["cell_id"])]
    own = own.assign(place=own["pretrain"].map(levels.index)).sort_values("place", kind="stable")
    several = own.groupby(["task", "pretrain"])["cell_id"].transform("size") > 1
    names = own["pretrain"].where(~several, own["pretrain"] + " (cell " + own["cell_id"].str[:6] + ")")
    return dict(zip(own["cell_id"], names, strict=True))


def _by_arm(rows: pd.DataFrame, arms: dict[str, str]) -> pd.DataFrame:
    """Rows with their tasks as they come and, within a task, the cells in the order of the arms."""
    tasks, cells = list(dict.fromkeys(rows["task"])), list(arms)
    keys = pd.DataFrame({"task": rows["task"].map(tasks.index), "cell": rows["cell_id"].map(cells.index)})
    return rows.loc[keys.sort_values(["task", "cell"], kind="stable").index]


def _mean_rows(measures: pd.DataFrame, arms: dict[str, str], conf_level: float) -> list[dict[str, Any]]:
    """Grad-CAM on all images with a lesion and on those of each kind; reference maps on all."""
    rows = []
    for (task, cell_id, name), part in measures.groupby(["task", "cell_id", "map"], sort=False):
        sets = [(ALL_IMAGES, part)]
        if name == GRADCAM:
            sets += [(str(kind), own) for kind, own in part.groupby("kind", sort=True)]
        for images, own in sets:
            labels = {"task": task, "cell_id": cell_id, "arm": arms[cell_id], "map": name, "images": images}
            rows += [labels | _mean(own, metric, conf_level) for metric in LOCALISATION_MEASURES]
    return rows


def _randomisation_rows(rows: pd.DataFrame, arms: dict[str, str], conf_level: float) -> list[dict[str, Any]]:
    """Agreement per step of the cascade: the mean over draws of each image, then over images."""
    found = []
    for (task, cell_id, depth, part), own in rows.groupby(["task", "cell_id", "depth", "part"], sort=False):
        labels = {"task": task, "cell_id": cell_id, "arm": arms[cell_id], "depth": depth, "part": part}
        labels["draws"] = own["draw"].nunique()
        measures = list(AGREEMENT_MEASURES)
        # A map without contrast agrees with none: 0, as in the mean over images.
        undefined = own[measures].isna().any(axis=1)
        filled = own.assign(**{name: own[name].fillna(0.0) for name in measures})
        images = (
            filled.groupby(["image_id", "group_id"], dropna=False, sort=True)[measures].mean().reset_index()
        )
        note = f"{undefined.sum()} of {len(own)} maps have one value only: rank correlation 0"
        for metric in measures:
            row = labels | _mean(images, metric, conf_level)
            if undefined.any() and metric == "rank_correlation":
                row["note"] = joined_notes(row["note"], note)
            found.append(row)
    return found


def _stability_rows(rows: pd.DataFrame, arms: dict[str, str], conf_level: float) -> list[dict[str, Any]]:
    keys = ["task", "cell_id", "seed", "other_seed", "other_cell_id"]
    return [
        {**dict(zip(keys, names, strict=True)), "arm": arms[names[1]], **_mean(own, metric, conf_level)}
        for names, own in rows.groupby(keys, sort=False)
        for metric in AGREEMENT_MEASURES
    ]


def _mean(rows: pd.DataFrame, metric: str, conf_level: float) -> dict[str, Any]:
    """Mean over images with its interval, as the columns _MEAN."""
    values = rows[metric].to_numpy(dtype=float)
    group = _groups(rows)
    base = {"metric": metric, "n": len(rows), "conf_level": conf_level}
    if (len(rows) if group is None else len(set(group))) < 2:
        n_groups = None if group is None else len(set(group))
        empty = "a map without evidence counts as 0" if np.isnan(values).any() else None
        mean = float(np.nan_to_num(values).mean())
        limits = {"conf_low": NAN, "conf_high": NAN, "method": "mean over images"}
        return base | {"n_groups": n_groups, "estimate": mean, "note": joined_notes(empty, TOO_FEW)} | limits
    found = mean_measure_ci(
        values, measure=metric, group=group, conf_level=conf_level, rng=np.random.default_rng(SEED)
    )
    names = ("n_groups", "estimate", "conf_low", "conf_high", "method", "note")
    return base | {name: getattr(found, name) for name in names}


def _test_rows(measures: pd.DataFrame, arms: dict[str, str], conf_level: float) -> list[ComparisonResult]:
    """Per task: every cell against the reference maps, and every two cells with the same test images."""
    rows: list[ComparisonResult] = []
    for task, own in measures.groupby("task", sort=False):
        maps = dict(iter(own.groupby(["cell_id", "map"], sort=False)))
        cells = list(dict.fromkeys(own["cell_id"]))
        against, between = [], []
        for cell, name in ((cell, name) for cell in cells for name in REFERENCES if (cell, name) in maps):
            names = {
                "arm_a": arms[cell],
                "arm_b": name,
                "comparison": f"cell {cell}: {GRADCAM} - {name}",
            }
            against += _compared(maps[cell, GRADCAM], maps[cell, name], names, conf_level)
        for a, b in combinations(cells, 2):
            first, second = maps[a, GRADCAM], maps[b, GRADCAM]
            if first["fold"].iloc[0] == second["fold"].iloc[0]:  # other folds test other images
                names = {"arm_a": arms[a], "arm_b": arms[b], "comparison": f"cell {a} - cell {b}"}
                between += _compared(first, second, names, conf_level)
        rows += _family(between, f"maps of two cells, {task}", str(task))
        rows += _family(against, f"maps against reference maps, {task}", str(task))
    return rows


def _compared(
    a: pd.DataFrame, b: pd.DataFrame, names: dict[str, Any], conf_level: float
) -> list[ComparisonResult]:
    """One row per measure of two maps of the same images."""
    first, second = (frame.set_index("image_id").sort_index() for frame in (a, b))
    group = _groups(first)
    problem = None
    if list(first.index) != list(second.index):
        problem = "not the same images: run `study gradcam` for both cells again"
    elif not np.array_equal(first[["threshold", "tolerance"]], second[["threshold", "tolerance"]]):
        problem = "measured at another threshold or tolerance: run `study gradcam` for both cells again"
    elif (len(first) if group is None else len(set(group))) < 2:
        problem = TOO_FEW
    if problem is not None:
        return [
            ComparisonResult(analysis="saliency", metric=metric, method="not run", note=problem, **names)
            for metric in LOCALISATION_MEASURES
        ]
    return [
        replace(
            paired_measure_test(
                first[metric],
                second[metric],
                measure=metric,
                group=group,
                conf_level=conf_level,
                rng=np.random.default_rng(SEED),
            ),
            **names,
        )
        for metric in LOCALISATION_MEASURES
    ]


def _family(rows: Sequence[ComparisonResult], family: str, task: str) -> list[ComparisonResult]:
    """Rows with Holm's adjustment over the family; no study file plans them."""
    if not rows:
        return []
    adjusted = adjust_p([row.p_value for row in rows], "holm")
    return [
        replace(row, p_adjusted=float(p), family=family, task=task, planned=False)
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _groups(rows: pd.DataFrame) -> list[Any] | None:
    """Patients of the images, None where the data have no ids."""
    return None if rows["group_id"].isna().all() else rows["group_id"].tolist()


def _frame(table: str, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(TABLE_COLUMNS[table]))
    counts = [name for name in ("n", "n_groups", "depth", "draws", "seed", "other_seed") if name in frame]
    numbers = ["estimate", "conf_low", "conf_high", "conf_level"]
    return frame.astype(dict.fromkeys(counts, "Int64") | dict.fromkeys(numbers, float))
