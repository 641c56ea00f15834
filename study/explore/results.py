"""What the page takes from the result tables of `study stats`, and whether they belong to the store."""

from __future__ import annotations

import pandas as pd

from data.analysed import what_changed
from data.store import Store
from manuscript.origin import typed_store
from study.analyses.grid_data import GridData


def results_notice(store: Store, data: GridData) -> str | None:
    """Return what is wrong with the result tables and what to run; None where they are up to date.

    They are where the plan and the predictions are those that they were made from.
    """
    command = f"`study stats {typed_store(store.where)}`"
    if not {"metrics", "selected", "findings"} <= set(store.results()):
        return (
            f"`study stats` has not run on this store. Run {command}, then make this page again: it then "
            "shows the findings and begins with the models that the study compares."
        )
    what = what_changed(store, data.metrics)
    if what is None:
        return None
    return (
        f"The results of `study stats` {what}. Run {command}, then make this page again. "
        "Its table, curves and scores come from the predictions and are up to date; "
        "the findings are left out."
    )


def sentences(store: Store) -> tuple[str, ...]:
    """Return what `study stats` found, a sentence each; comparisons outside the plan are marked."""
    found = store.read_result("findings")
    return tuple(
        row.sentence if row.planned else f"{row.sentence} (not planned)" for row in found.itertuples()
    )


def first_models(store: Store | None, metrics: pd.DataFrame) -> list[str]:
    """Return the cells that the page shows side by side at first: two, or one where there are no two.

    Parameters
    ----------
    store : has the results; None takes the two cells with the highest validation AUC, and of one fold
    metrics : of the shown cells of a task, in grid order
    """
    shown = metrics["cell_id"].tolist()
    if store is not None:
        selected = store.read_result("selected")
        for _, arms in selected[selected["task"].isin(metrics["task"])].groupby("contrast", sort=False):
            # With cross-validation an arm has a cell per fold; the first is shown.
            cells = [str(ids).split()[0] for ids in arms["cell_ids"]]
            if len(cells) > 1 and set(cells[:2]) <= set(shown):
                return cells[:2]
    ranked = metrics.sort_values("val_auc", ascending=False, kind="stable", na_position="last")
    if "fold" in ranked:
        ranked = ranked[ranked["fold"] == ranked["fold"].iloc[0]]
    return ranked["cell_id"].head(2).tolist()
