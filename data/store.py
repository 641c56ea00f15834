"""The store: everything that a run leaves behind, as files that are complete or absent.

Layout: study.toml, run.json, manifest/, splits/, exclusions/, predictions/task=<t>/, history/task=<t>/,
cells/, cells.parquet, checkpoints/, features/, gradcam/, results/. A cell exists when its row file
`cells/<cell_id>.json` exists; that file is written last, so a killed process leaves a whole cell or none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data.atomic import remove_stale, write_bytes, write_json, write_parquet, write_text
from data.names import check_name
from data.rows import checked_row, frame_of_rows, read_row
from data.tables import (
    EXCLUSION_COLUMNS,
    EXCLUSION_TYPES,
    HISTORY_TYPES,
    MANIFEST_TYPES,
    PREDICTION_TYPES,
    SPLIT_TYPES,
    check_predictions,
    csv_text,
    read_parts,
    read_table,
    sort_predictions,
)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder with one study's manifests, splits, predictions, histories and results.

    `Store.create(root)` makes it, `Store.open(root)` opens one that must exist. Several processes may
    write to one store at once.
    """

    root: Path

    @classmethod
    def create(cls, root: Path | str) -> Store:
        """Make the store, or open it for writing if it exists; clears what killed processes left.

        Raises
        ------
        NotADirectoryError : `root` or one of its parents is a file
        PermissionError : `root` cannot be made or written
        """
        store = cls(Path(root))
        try:
            store._cells_dir.mkdir(parents=True, exist_ok=True)
            probe = store.root / ".probe"
            write_bytes(probe, b"")
            probe.unlink(missing_ok=True)
        except (NotADirectoryError, FileExistsError) as error:
            raise NotADirectoryError(
                f"The store '{root}' cannot be made: '{_first_file(store._cells_dir)}' is a file, "
                "not a folder. Give another folder with --store."
            ) from error
        except OSError as error:
            raise PermissionError(
                f"The store '{root}' cannot be written ({error.strerror or error}). "
                "Give a folder that you may write with --store, or change its permissions."
            ) from error
        remove_stale(store.root)
        return store

    @classmethod
    def open(cls, root: Path | str) -> Store:
        """Open an existing store.

        Raises
        ------
        FileNotFoundError : there is no such folder, or it is not a store
        NotADirectoryError : `root` is a file
        """
        store = cls(Path(root))
        if not store.root.exists():
            raise FileNotFoundError(
                f"There is no store at '{root}'. Run `study run-grid` first, or name an existing store."
            )
        if not store.root.is_dir():
            raise NotADirectoryError(
                f"The store '{root}' is a file; a store is a folder that `study run-grid` wrote."
            )
        if not store._cells_dir.is_dir():
            raise FileNotFoundError(
                f"'{root}' is not a store (no folder `cells`). Name the folder that `study run-grid` wrote."
            )
        return store

    # --- study and provenance -------------------------------------------------------------------

    def write_study(self, toml_text: str) -> None:
        """Keep the study file as it was when the run started."""
        write_text(self.root / "study.toml", toml_text)

    def read_study(self) -> str:
        """Return the study file's text."""
        return self._existing(self.root / "study.toml", "no study.toml").read_bytes().decode("utf-8")

    def write_run(self, run: Mapping[str, Any]) -> None:
        """Write provenance (versions, commit, machine, hashes, times) as run.json."""
        write_json(self.root / "run.json", dict(run))

    def read_run(self) -> dict[str, Any]:
        """Return the content of run.json."""
        path = self._existing(self.root / "run.json", "no run.json")
        return json.loads(path.read_text(encoding="utf-8"))

    # --- tasks ----------------------------------------------------------------------------------

    def write_manifest(self, task: str, frame: pd.DataFrame) -> None:
        """Write the manifest of a task: one row per image."""
        write_parquet(self._task_file("manifest", task), frame, types=MANIFEST_TYPES)

    def read_manifest(self, task: str) -> pd.DataFrame:
        """Return the manifest of a task."""
        return self._read_task_file("manifest", task)

    def write_split(self, task: str, frame: pd.DataFrame) -> None:
        """Write the split of a task: image_id, split, and with cross-validation fold (a row per fold)."""
        write_parquet(self._task_file("splits", task), frame, types=SPLIT_TYPES)

    def read_split(self, task: str) -> pd.DataFrame:
        """Return the split of a task."""
        return self._read_task_file("splits", task)

    def write_exclusions(self, task: str, frame: pd.DataFrame) -> None:
        """Write the images of a data set that take no part in a task: image_id, reason, duplicate_of."""
        write_parquet(
            self._task_file("exclusions", task), frame[list(EXCLUSION_COLUMNS)], types=EXCLUSION_TYPES
        )

    def read_exclusions(self, task: str) -> pd.DataFrame:
        """Return the images that take no part in a task; none where the store holds no such table."""
        path = self._task_file("exclusions", task)
        return read_table(path) if path.is_file() else pd.DataFrame(columns=list(EXCLUSION_COLUMNS))

    def tasks(self) -> list[str]:
        """Return the tasks that have a manifest, sorted."""
        return sorted(path.stem for path in (self.root / "manifest").glob("[!.]*.parquet"))

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
        row = checked_row(row)
        cell_id, task, done = row["cell_id"], row["task"], row["status"] == "done"
        if done != (predictions is not None) or (history is not None and not done):
            raise ValueError(
                f"Cell '{cell_id}' is {row['status']}: a done cell has predictions, "
                "a failed cell has its row alone."
            )
        if predictions is None:
            # The row goes first: readers must never see a done row without its predictions.
            write_json(self._row_path(cell_id), row)
            self._part_path("predictions", task, cell_id).unlink(missing_ok=True)
            self._part_path("history", task, cell_id).unlink(missing_ok=True)
            return
        check_predictions(predictions, cell_id)
        path = self._part_path("predictions", task, cell_id)
        write_parquet(path, sort_predictions(predictions), types=PREDICTION_TYPES)
        if history is not None:
            frame = history.drop(columns="cell_id", errors="ignore")
            frame.insert(0, "cell_id", cell_id)
            write_parquet(self._part_path("history", task, cell_id), frame, types=HISTORY_TYPES)
        write_json(self._row_path(cell_id), row)

    def cells(self) -> pd.DataFrame:
        """Return one row per cell, in grid order (`index`) where rows have it, else by cell_id.

        Whole numbers stay whole where other cells have null (Int64); a column with texts and numbers
        (`unfreeze`: 3, "all") becomes text. A damaged row file is left out with a warning that names it;
        running the grid again writes it anew.
        """
        frame = frame_of_rows(self._rows(), first=("cell_id", "status", "reason", "task"))
        keys = [key for key in ("index", "cell_id") if key in frame.columns]
        return frame.sort_values(keys, kind="stable", ignore_index=True)

    def is_done(self, cell_id: str) -> bool:
        """Tell whether the cell is complete; a failed or damaged cell is not."""
        row = read_row(self._row_path(cell_id))
        return row is not None and row["status"] == "done"

    def refresh_index(self) -> None:
        """Write cells.parquet, a copy of `cells()` for other programs; this class never reads it."""
        write_parquet(self.root / "cells.parquet", self.cells())

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
        paths = self._part_paths("predictions", task, cell_ids)
        return read_parts(paths, kind="predictions", splits=splits, columns=columns)

    def read_history(
        self, *, task: str | None = None, cell_ids: Collection[str] | None = None
    ) -> pd.DataFrame:
        """Return learning histories with the columns task and cell_id; cells without one are left out."""
        paths = self._part_paths("history", task, cell_ids)
        return read_parts([part for part in paths if part[2].exists()], kind="history")

    # --- results --------------------------------------------------------------------------------

    def write_result(self, table: str, frame: pd.DataFrame) -> None:
        """Write a result table as parquet and as CSV with 17 significant digits, which lose no bit."""
        path = self.root / "results" / f"{check_name('result table', table)}.parquet"
        write_text(path.with_suffix(".csv"), csv_text(frame))
        write_parquet(path, frame)

    def read_result(self, table: str) -> pd.DataFrame:
        """Return a result table; FileNotFoundError names the command to run where it is absent."""
        path = self.root / "results" / f"{check_name('result table', table)}.parquet"
        if not path.is_file():
            present = ", ".join(self.results()) or "none"
            raise FileNotFoundError(
                f"The store '{self.root}' has no result table '{table}' (tables: {present}). "
                f"Run `study stats {self.root}` first."
            )
        return read_table(path)

    def results(self) -> list[str]:
        """Return the names of the result tables, sorted."""
        return sorted(path.stem for path in (self.root / "results").glob("[!.]*.parquet"))

    # --- places ---------------------------------------------------------------------------------

    def features_dir(self, group_key: str) -> Path:
        """Folder of a group's cached features; may be deleted at any time."""
        return self.root / "features" / check_name("group_key", group_key)

    def checkpoint_path(self, cell_id: str) -> Path:
        """File of a cell's trained tensors."""
        return self.root / "checkpoints" / f"{check_name('cell_id', cell_id)}.safetensors"

    def gradcam_dir(self) -> Path:
        """Folder of heatmaps, overlays and their index table."""
        return self.root / "gradcam"

    def results_dir(self) -> Path:
        """Folder of the result tables."""
        return self.root / "results"

    def manuscript_dir(self) -> Path:
        """Folder of rendered manuscripts."""
        return self.root / "manuscript"

    # --- private --------------------------------------------------------------------------------

    @property
    def _cells_dir(self) -> Path:
        return self.root / "cells"

    def _row_path(self, cell_id: str) -> Path:
        return self._cells_dir / f"{check_name('cell_id', cell_id)}.json"

    def _part_path(self, part: str, task: str, cell_id: str) -> Path:
        return (
            self.root
            / part
            / f"task={check_name('task', task)}"
            / f"{check_name('cell_id', cell_id)}.parquet"
        )

    def _task_file(self, folder: str, task: str) -> Path:
        return self.root / folder / f"{check_name('task', task)}.parquet"

    def _read_task_file(self, folder: str, task: str) -> pd.DataFrame:
        path = self._task_file(folder, task)
        present = ", ".join(sorted(path.stem for path in path.parent.glob("[!.]*.parquet"))) or "none"
        return read_table(self._existing(path, f"no {folder} for task '{task}' (tasks: {present})"))

    def _existing(self, path: Path, what: str) -> Path:
        if not path.is_file():
            raise FileNotFoundError(
                f"The store '{self.root}' has {what}. Run `study run-grid` on this store first."
            )
        return path

    def _rows(self) -> list[dict[str, Any]]:
        paths = sorted(self._cells_dir.glob("[!.]*.json"))
        return [row for path in paths if (row := read_row(path)) is not None]

    def _part_paths(
        self, part: str, task: str | None, cell_ids: Collection[str] | None
    ) -> list[tuple[str, str, Path]]:
        if isinstance(cell_ids, str):
            raise TypeError(f"`cell_ids` must be a list of ids, not the text {cell_ids!r}.")
        cells = self.cells()
        done = cells[cells["status"] == "done"]
        if task is not None:
            if task not in set(cells["task"]):
                present = ", ".join(sorted(cells["task"].unique())) or "none"
                raise ValueError(f"The store '{self.root}' has no cell of task '{task}' (tasks: {present}).")
            done = done[done["task"] == task]
        if cell_ids is not None:
            missing = sorted(set(cell_ids) - set(done["cell_id"]))
            if missing:
                raise ValueError(
                    f"{len(missing)} cell(s) are not done in the store '{self.root}'"
                    f"{'' if task is None else f' for task {task!r}'}, "
                    f"first '{missing[0]}'. Run the grid again."
                )
            done = done[done["cell_id"].isin(list(cell_ids))]
        done = done.sort_values("task", kind="stable")
        pairs = zip(done["task"], done["cell_id"], strict=True)
        return [(name, cell_id, self._part_path(part, name, cell_id)) for name, cell_id in pairs]


def _first_file(path: Path) -> Path:
    return next((part for part in [*reversed(path.parents), path] if part.is_file()), path)
