"""The door of the store: every method says what is kept, the modules beside this one how."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from data.place.base import Place
from data.place.local import LocalPlace
from data.store import cells, files, results, tasks
from data.store.layout import (
    GRADCAM,
    GRID,
    INDEX,
    RESULTS,
    RUN,
    STUDY,
    checkpoint_name,
    features_name,
    part_name,
    stem,
)
from data.store.opening import create_place, open_place
from data.tables import EXCLUSION_COLUMNS, read_parts


@dataclass(frozen=True, slots=True)
class Store:
    """One study's manifests, splits, predictions, histories and results in one place.

    `Store.create(root)` makes it, `Store.open(root)` opens one that must exist. Several processes may
    write to one store at once.
    """

    place: Place

    @classmethod
    def create(cls, root: Path | str) -> Store:
        """Make the store, or open it for writing if it exists; clears what killed processes left.

        Raises
        ------
        NotADirectoryError : `root` or one of its parents is a file
        PermissionError : `root` cannot be made or written
        """
        return cls(create_place(root))

    @classmethod
    def open(cls, root: Path | str) -> Store:
        """Open an existing store.

        Raises
        ------
        FileNotFoundError : there is no such folder, or it is not a store
        NotADirectoryError : `root` is a file
        """
        return cls(open_place(root))

    @classmethod
    def at(cls, root: Path | str) -> Store:
        """The store that is or may come to be at `root`; nothing is made or checked."""
        return cls(LocalPlace(Path(root)))

    @property
    def where(self) -> str:
        """The store as a user names it."""
        return self.place.where

    @property
    def root(self) -> Path:
        """Folder of the store."""
        assert isinstance(self.place, LocalPlace)
        return self.place.root

    # --- study and provenance -------------------------------------------------------------------

    def write_study(self, toml_text: str) -> None:
        """Keep the study file as it was when the run started."""
        self.place.write_bytes(STUDY, toml_text.encode("utf-8"))

    def has_study(self) -> bool:
        """Whether the store holds a study file."""
        return self.place.exists(STUDY)

    def read_study(self) -> str:
        """Return the study file's text."""
        return files.existing(self.place, STUDY, "no study.toml").decode("utf-8")

    def write_run(self, run: Mapping[str, Any]) -> None:
        """Write provenance (versions, commit, machine, hashes, times) as run.json."""
        files.write_json(self.place, RUN, run)

    def has_run(self) -> bool:
        """Whether the store holds run.json."""
        return self.place.exists(RUN)

    def read_run(self) -> dict[str, Any]:
        """Return the content of run.json."""
        return json.loads(files.existing(self.place, RUN, "no run.json"))

    # --- tasks ----------------------------------------------------------------------------------

    def write_manifest(self, task: str, frame: pd.DataFrame) -> None:
        """Write the manifest of a task: one row per image."""
        tasks.write_task(self.place, "manifest", task, frame)

    def read_manifest(self, task: str) -> pd.DataFrame:
        """Return the manifest of a task."""
        return tasks.read_task(self.place, "manifest", task)

    def write_split(self, task: str, frame: pd.DataFrame) -> None:
        """Write the split of a task: image_id, split, and with cross-validation fold (a row per fold)."""
        tasks.write_task(self.place, "splits", task, frame)

    def has_split(self, task: str) -> bool:
        """Whether the store holds a split of a task."""
        return self.place.exists(tasks.task_name("splits", task))

    def read_split(self, task: str) -> pd.DataFrame:
        """Return the split of a task."""
        return tasks.read_task(self.place, "splits", task)

    def write_exclusions(self, task: str, frame: pd.DataFrame) -> None:
        """Write the images of a data set that take no part in a task: image_id, reason, duplicate_of."""
        tasks.write_task(self.place, "exclusions", task, frame[list(EXCLUSION_COLUMNS)])

    def read_exclusions(self, task: str) -> pd.DataFrame:
        """Return the images that take no part in a task; none where the store holds no such table."""
        return tasks.read_exclusions(self.place, task)

    def tasks(self) -> list[str]:
        """Return the tasks that have a manifest, sorted."""
        return [stem(name) for name in self.place.names("manifest", ".parquet")]

    # --- the planned grid and other tables ------------------------------------------------------

    def write_grid(self, frame: pd.DataFrame) -> None:
        """Write the planned cells of the present study: one row per cell."""
        self.write_table(GRID, frame)

    def read_grid(self) -> pd.DataFrame | None:
        """Return the planned cells; None where the store has none."""
        return self.read_table(GRID)

    def write_table(
        self, name: str, frame: pd.DataFrame, types: Mapping[str, pa.DataType] | None = None
    ) -> None:
        """Write a table under a name below the store, such as "audit/breast/pairs.parquet"."""
        files.write_frame(self.place, name, frame, types)

    def read_table(self, name: str) -> pd.DataFrame | None:
        """Return a table by its name below the store; None where there is none."""
        try:
            return files.read_frame(self.place, name)
        except FileNotFoundError:
            return None

    # --- cells ----------------------------------------------------------------------------------

    def write_cell(
        self,
        row: Mapping[str, Any],
        predictions: pd.DataFrame | None = None,
        history: pd.DataFrame | None = None,
    ) -> None:
        """Write one finished or failed cell; its row file comes last and makes it exist.

        Parameters
        ----------
        row : cell_id, task, status ("done" or "failed"), reason, and every factor and protocol field as
            plain values (text, number, boolean, None)
        predictions : one row per image and split, needed when done; stored sorted by split and image_id
        history : one row per epoch

        Raises
        ------
        ValueError : unknown status, unusable name, predictions missing, doubled or not finite, or
            predictions given for a failed cell
        TypeError : a value of `row` is not plain, or a column holds another kind of values
        """
        cells.write_cell(self.place, row, predictions, history)

    def cells(self) -> pd.DataFrame:
        """Return one row per cell, in grid order (`index`) where rows have it, else by cell_id.

        Whole numbers stay whole where other cells have null (Int64); a column with texts and numbers
        (`unfreeze`: 3, "all") becomes text. A damaged row file is left out with a warning that names it;
        running the grid again writes it anew.
        """
        return cells.cells_frame(self.place)

    def is_done(self, cell_id: str) -> bool:
        """Tell whether the cell is complete; a failed or damaged cell is not."""
        row = cells.read_row(self.place, cell_id)
        return row is not None and row["status"] == "done"

    def refresh_index(self) -> None:
        """Write cells.parquet, a copy of `cells()` for other programs; this class never reads it."""
        self.write_table(INDEX, self.cells())

    def read_predictions(
        self,
        *,
        task: str | None = None,
        cell_ids: Collection[str] | None = None,
        splits: Collection[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return predictions of done cells, ordered by task, cell (as `cells()`), split and image_id.

        Parameters
        ----------
        task, cell_ids, splits : keep only these; None = all
        columns : read only these columns; `task` may be asked for as well; None = all stored columns

        Raises
        ------
        ValueError : unknown task, a cell that is not done, or an unknown column; damaged file
        """
        parts = cells.done_cells(self.place, task, cell_ids)
        return read_parts(
            parts, self._reader("predictions"), kind="predictions", splits=splits, columns=columns
        )

    def predictions_bytes(self, task: str, cell_id: str) -> bytes:
        """Return the file of a done cell's predictions as it is, to hash it."""
        return cells.read_part(self.place, "predictions", task, cell_id)[0]

    def read_history(
        self, *, task: str | None = None, cell_ids: Collection[str] | None = None
    ) -> pd.DataFrame:
        """Return learning histories with the columns task and cell_id; cells without one are left out."""
        parts = cells.done_cells(self.place, task, cell_ids)
        present = [part for part in parts if self.place.exists(part_name("history", *part))]
        return read_parts(present, self._reader("history"), kind="history")

    def _reader(self, part: str) -> Callable[[str, str], tuple[bytes, str]]:
        return lambda task, cell_id: cells.read_part(self.place, part, task, cell_id)

    # --- results --------------------------------------------------------------------------------

    def write_result(self, table: str, frame: pd.DataFrame) -> None:
        """Write a result table as parquet and as CSV with 17 significant digits, which lose no bit."""
        results.write_result(self.place, table, frame)

    def read_result(self, table: str) -> pd.DataFrame:
        """Return a result table; FileNotFoundError names the command to run where it is absent."""
        return results.read_result(self.place, table)

    def results(self) -> list[str]:
        """Return the names of the result tables, sorted."""
        return results.results(self.place)

    # --- places ---------------------------------------------------------------------------------

    def features_dir(self, group_key: str) -> Path:
        """Folder of a group's cached features; may be deleted at any time."""
        return self.root / features_name(group_key)

    def checkpoint_path(self, cell_id: str) -> Path:
        """File of a cell's trained tensors."""
        return self.root / checkpoint_name(cell_id)

    def gradcam_dir(self) -> Path:
        """Folder of heatmaps, overlays and their index table."""
        return self.root / GRADCAM

    def results_dir(self) -> Path:
        """Folder of the result tables."""
        return self.root / RESULTS

    def manuscript_dir(self) -> Path:
        """Folder of rendered manuscripts."""
        return self.root / "manuscript"
