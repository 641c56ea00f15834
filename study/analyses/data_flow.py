"""The cohort flow: how many images each task began with, what was left out and why, what took part."""

from __future__ import annotations

import pandas as pd

from data.store import Store

FLOW_COLUMNS = ("task", "step", "reason", "n_images")


def data_flow(store: Store) -> pd.DataFrame:
    """Count the images of every task from the data set to the split.

    Returns
    -------
    frame with FLOW_COLUMNS; `step` is "found" (images of the data set), "left out" (one row per `reason`) or
    "took part"; found = left out + took part
    """
    rows: list[dict[str, object]] = []
    for task in store.tasks():
        kept = len(store.read_manifest(task))
        reasons = store.read_exclusions(task)["reason"].value_counts().sort_index()
        rows.append({"task": task, "step": "found", "n_images": kept + int(reasons.sum())})
        rows += [
            {"task": task, "step": "left out", "reason": str(reason), "n_images": int(n)}
            for reason, n in reasons.items()
        ]
        rows.append({"task": task, "step": "took part", "n_images": kept})
    frame = pd.DataFrame(rows, columns=list(FLOW_COLUMNS))
    return frame.astype({"n_images": "Int64"})
