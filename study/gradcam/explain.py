"""From cells to what the store keeps of their maps: pictures, measures, randomisation, stability."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from data.store import Store
from stats.saliency.localisation import THRESHOLD
from study.config import StudyConfig
from study.gradcam.agreement import randomisation_rows, stability_rows
from study.gradcam.cells import best_cells, twins
from study.gradcam.choice import sample_images
from study.gradcam.files import write_part
from study.gradcam.measure import measure_cell, reference_maps
from study.gradcam.pictures import explained_cells, write_pictures
from study.gradcam.source import CellSource
from training.saliency.explained import ExplainedCell

SAMPLE = 32  # test images whose maps are compared with those of random and of retrained networks


def explain_best(
    store: Store,
    config: StudyConfig,
    *,
    data_root: Path | None,
    weights_dir: Path,
    note: Callable[[str], None],
) -> None:
    """Write Grad-CAM overlays of the best cell of each task; those that the store holds are kept."""
    present = explained_cells(store)
    source = CellSource(store=store, config=config, data_root=data_root, weights_dir=weights_dir)
    for row in best_cells(store).itertuples():
        if row.cell_id not in present:
            note(f"{row.task}: Grad-CAM of the best cell {row.cell_id} (validation AUC {row.val_auc:.3f})")
            read_mask = source.task(str(row.task)).dataset.read_mask
            write_pictures(store, source.open(row), read_mask=read_mask)


def explain_row(
    source: CellSource, row: Any, *, per_kind: int, image_ids: list[str] | None
) -> tuple[ExplainedCell, pd.DataFrame]:
    """Pictures of one row of the grid; the opened cell and its index rows."""
    cell = source.open(row)
    read_mask = source.task(row.task).dataset.read_mask
    rows = write_pictures(source.store, cell, read_mask=read_mask, per_kind=per_kind, image_ids=image_ids)
    return cell, rows


def measure_row(
    source: CellSource, cell: ExplainedCell, *, threshold: float = THRESHOLD, tolerance: float = 0.0
) -> int:
    """Measure every test image with a lesion; the number of these images (0: nothing is written)."""
    masks = source.test_masks(cell)
    if masks:
        references = reference_maps(cell.settings.image_size, source.training_masks(cell))
        rows = measure_cell(
            cell, masks=masks, references=references, threshold=threshold, tolerance=tolerance
        )
        write_part(source.store, cell.cell_id, "measures", rows)
    return len(masks)


def randomise_row(source: CellSource, cell: ExplainedCell, *, draws: int, n_images: int = SAMPLE) -> int:
    """Randomise the cell's network step by step; the number of images compared."""
    images = sample_images(list(cell.test["image_id"]), n_images)
    write_part(source.store, cell.cell_id, "randomisation", randomisation_rows(cell, images, draws=draws))
    return len(images)


def compare_seeds(
    source: CellSource, cell: ExplainedCell, *, note: Callable[[str], None], n_images: int = SAMPLE
) -> int:
    """Compare the cell's maps with those of its twins of other seeds; the number of twins.

    A twin without a checkpoint is trained again to keep one.
    """
    images = sample_images(list(cell.test["image_id"]), n_images)
    parts = []
    for row in twins(source.store, cell.cell_id).itertuples():
        if not source.store.has_checkpoint(str(row.cell_id)):
            note(f"{row.task}: training cell {row.cell_id} (seed {row.seed}) again to keep its checkpoint")
            source.keep_checkpoint(row)
        parts.append(stability_rows(cell, source.open(row), images))
    if parts:
        write_part(source.store, cell.cell_id, "stability", pd.concat(parts, ignore_index=True))
    return len(parts)
