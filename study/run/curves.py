"""Learning curves for TensorBoard: one run per cell, written from the histories of the store."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.names import own
from data.store import Store

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from study.grid import Cell
    from study.run.prepare import PlannedCell

# Curves that are shown in one chart group: the text before the first "_" is the part of the data.
_LEFT_OUT = ("epoch", "cell_id", "task")
_MISSING = (
    "--tensorboard needs the package `tensorboard`, which is not installed: pip install '.[tensorboard]'. "
    "Without it the same curves are in the folder `history` of the store."
)


class CurveWriter:
    """Writes the histories of done cells below `<store>/tensorboard/`, each cell once."""

    def __init__(self, store: Store, cells: Sequence[Cell]) -> None:
        self._writer = summary_writer()
        self._store = store
        self._varied = varied_settings(cells)

    @property
    def folder(self) -> Path:
        """What `tensorboard --logdir` takes."""
        root = self._store.root
        return own(root, root / "tensorboard" / "task" / "run").parents[1]

    def write(self, planned: Sequence[PlannedCell]) -> None:
        """Write the curves of those cells that are done and not written yet."""
        for item in planned:
            run = self.folder / item.cell.task / run_name(item.cell.columns, item.cell_id, self._varied)
            if not run.exists() and self._store.is_done(item.cell_id):
                self._write_cell(item, run)

    def _write_cell(self, item: PlannedCell, run: Path) -> None:
        history = self._store.read_history(cell_ids=[item.cell_id])
        # A run that is written half would be taken for whole by the next call.
        unfinished = run.with_name(f".{item.cell_id}.tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        writer = self._writer(log_dir=str(unfinished))
        try:
            writer.add_text("settings", settings_text(item.cell.columns))
            for row in history.to_dict("records"):
                for name, value in row.items():
                    if name not in _LEFT_OUT:
                        writer.add_scalar(tag(str(name)), float(value), global_step=int(row["epoch"]))
        finally:
            writer.close()
        unfinished.replace(run)


def summary_writer() -> type[SummaryWriter]:
    """The class that writes TensorBoard's event files.

    Raises
    ------
    ValueError : the package tensorboard is not installed
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        if error.name not in ("tensorboard", "packaging"):
            raise
        raise ValueError(_MISSING) from error
    return SummaryWriter


def varied_settings(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Settings with more than one level, in the order of the grid's columns; the task names the folder."""
    columns = [cell.columns for cell in cells]
    return tuple(
        name for name in columns[0] if name != "task" and len({str(row[name]) for row in columns}) > 1
    )


def run_name(columns: Mapping[str, Any], cell_id: str, varied: Sequence[str]) -> str:
    """Folder of a cell: its levels of the varied settings and its id, as in "ImageNet Conv 4 0123ab"."""
    levels = [str(columns[name]) for name in varied if columns[name] is not None]
    # A level may be a path (`file:...`): its last part, and no character that a file system refuses.
    short = [re.sub(r"[^A-Za-z0-9.+_-]+", "-", level.rsplit("/", 1)[-1]) for level in levels]
    return " ".join([*short, cell_id])


def tag(column: str) -> str:
    """Name of a chart: "train_loss" and "val_loss" become loss/train and loss/val, one beside the other."""
    part, _, name = column.partition("_")
    return f"{name}/{part}" if part in ("train", "val") else column


def settings_text(columns: Mapping[str, Any]) -> str:
    """Markdown table of the settings that act in a cell."""
    rows = [f"| {name} | {value} |" for name, value in columns.items() if value is not None]
    return "\n".join(["| setting | value |", "|---|---|", *rows])
