"""Grad-CAM for the best cell of each task, from the checkpoints that training kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from data.store import Store
from study.config import StudyConfig
from study.run.prepare import prepare_task
from study.stores import planned_cells


def best_cells(store: Store) -> pd.DataFrame:
    """The done cell with a checkpoint and the highest validation AUC of each task (first of equals).

    Chosen on validation alone, at the epoch that the cell was scored with.
    """
    cells = planned_cells(store).query("status == 'done'")
    kept = cells[[store.checkpoint_path(cell_id).exists() for cell_id in cells["cell_id"]]]
    if kept.empty:
        return kept.assign(val_auc=pd.Series(dtype=float))
    rows = store.cells()[["cell_id", "best_epoch"]]
    scored = store.read_history(cell_ids=list(kept["cell_id"])).merge(rows, on="cell_id")
    scored = scored.loc[scored["epoch"] == scored["best_epoch"], ["cell_id", "val_auc"]]
    ranked = kept.merge(scored, on="cell_id").sort_values(["val_auc", "index"], ascending=[False, True])
    return ranked.drop_duplicates("task").sort_values("index", ignore_index=True)


def explain_best(
    store: Store,
    config: StudyConfig,
    *,
    data_root: Path | None,
    weights_dir: Path,
    note: Callable[[str], None],
) -> None:
    """Write Grad-CAM overlays of the best cell of each task; those that the store holds are kept."""
    from training.gradcam import explained_cells

    present = explained_cells(store)
    for cell in best_cells(store).itertuples():
        if cell.cell_id not in present:
            note(f"{cell.task}: Grad-CAM of the best cell {cell.cell_id} (validation AUC {cell.val_auc:.3f})")
            explain_cell(store, config, cell, data_root=data_root, weights_dir=weights_dir)


def explain_cell(
    store: Store,
    config: StudyConfig,
    cell: Any,
    *,
    data_root: Path | None,
    weights_dir: Path,
    per_kind: int = 2,
) -> pd.DataFrame:
    """Grad-CAM of one row of the grid (task, cell_id, pretrain, backbone, image_size); its index rows."""
    from training.gradcam import gradcam_for_cell
    from training.weights import resolve_weights

    task = prepare_task(cell.task, config.tasks[cell.task], data_root)
    return gradcam_for_cell(
        store,
        cell.cell_id,
        images=task.images(int(cell.image_size)),
        manifest=task.manifest,
        weights=resolve_weights(cell.pretrain, cell.backbone, weights_dir=weights_dir),
        read_mask=task.dataset.read_mask,
        per_kind=per_kind,
    )
