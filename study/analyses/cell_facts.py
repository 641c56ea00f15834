"""What one pass over the predictions of all done cells tells: metrics, collapse, equal scores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data.store import Store
from stats.metrics import cell_metrics
from study.analyses.collapse import collapsed_in

_COLUMNS = ("image_id", "fold", "label", "score", "logit_0", "logit_1")
_NUMBERS = ("label", "score", "logit_0", "logit_1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFacts:
    """One done cell.

    Attributes
    ----------
    metrics : see `stats.metrics.cell_metrics`
    collapsed_in : where it predicts one class only ("val", "test", "val and test"), else None
    constant : whether all test images have one score
    scores_hash : of test images and scores; equal for cells with the same score for every image
    images_hash : of test images and folds
    """

    cell_id: str
    metrics: Mapping[str, Any]
    collapsed_in: str | None
    constant: bool
    scores_hash: str
    images_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCells:
    """The done cells of a task in the order of the store.

    tested : fold -> images that some cell was tested on
    """

    cells: dict[str, CellFacts]
    tested: dict[int, set[str]]


def cell_facts(store: Store, task: str, cell_ids: Sequence[str], *, needs_val: bool) -> TaskCells:
    """Read the predictions of some cells of a task once, a few cells at a time.

    Parameters
    ----------
    needs_val : see `stats.metrics.metrics_table`

    Raises
    ------
    ValueError : a cell without predictions of a split; a damaged file
    """

    def look(cell_id: str, parts: Mapping[str, pa.Table]) -> tuple[CellFacts, pa.Table]:
        frames = {split: _numbers(part) for split, part in parts.items()}
        metrics = cell_metrics(cell_id, frames, needs_val=needs_val)
        test = _by_image(parts["test"].select(["image_id", "fold", "score"]))
        score = frames["test"]["score"].to_numpy()
        ids = [_digest(test[name]) for name in ("image_id", "fold", "score")]
        facts = CellFacts(
            cell_id=cell_id,
            metrics=metrics,
            collapsed_in=collapsed_in(frames),
            constant=not bool((score != score[0]).any()),
            scores_hash=ids[0] + ids[2],
            images_hash=ids[0] + ids[1],
        )
        return facts, test.select(["image_id", "fold"])

    cells: dict[str, CellFacts] = {}
    tested: dict[int, set[str]] = {}
    seen: set[str] = set()
    found = store.map_predictions(
        look, task=task, cell_ids=cell_ids, splits=("val", "test"), columns=_COLUMNS
    )
    for facts, images in found:
        cells[facts.cell_id] = facts
        if facts.images_hash not in seen:
            seen.add(facts.images_hash)
            for fold, own in images.to_pandas().groupby("fold"):
                tested.setdefault(int(fold), set()).update(own["image_id"].astype(str))
    return TaskCells(cells=cells, tested=tested)


def equal_scores(facts: TaskCells) -> list[list[str]]:
    """Return the sets of cells with the same score for every test image, without constant cells."""
    sets: dict[str, list[str]] = {}
    for cell in facts.cells.values():
        if not cell.constant:
            sets.setdefault(cell.scores_hash, []).append(cell.cell_id)
    return [members for members in sets.values() if len(members) > 1]


def _numbers(table: pa.Table) -> pd.DataFrame:
    """Label, score and logits; ten times as quick as `Table.to_pandas`, which reads the notes of the file."""
    return pd.DataFrame({name: table[name].to_numpy() for name in _NUMBERS if name in table.column_names})


def _by_image(table: pa.Table) -> pa.Table:
    """The rows ordered by image_id, as the store writes them; others may have written another order."""
    ids = table["image_id"]
    ordered = pc.all(pc.less_equal(ids.slice(0, len(ids) - 1), ids.slice(1)), min_count=0).as_py()
    return table if ordered else table.sort_by("image_id")


def _digest(column: pa.ChunkedArray) -> str:
    values = pa.concat_arrays(column.chunks)
    return hashlib.sha256(pa.record_batch([values], names=["value"]).serialize()).hexdigest()
