"""The door of the store: every method says what is kept, the modules beside this one how."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from data.names import own
from data.place.base import Place
from data.place.local import LocalPlace
from data.store import aside, cells, damage, files, results, tasks
from data.store.checksums import Checksum, sealed, unsealed
from data.store.damage import DamagedFileError
from data.store.layout import (
    GRADCAM,
    GRID,
    INDEX,
    RESULTS,
    RUN,
    STUDY,
    checkpoint_name,
    features_name,
    stem,
)
from data.store.opening import create_place, open_place, place_at
from data.store.packs.compact import Compaction, changed_packs, compact, unfinished
from data.store.packs.view import PackedPlace, unpacked
from data.store.threads import on_threads
from data.tables import EXCLUSION_COLUMNS, GRID_TYPES, read_parts, read_splits

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Store:
    """One study's manifests, splits, predictions, histories and results in one place.

    `Store.create(root)` makes it, `Store.open(root)` opens one that must exist. Several processes may
    write to one store at once.

    Attributes
    ----------
    place : where its files lie
    held : rows of all cells as they once were (`whole`); None = read anew each time
    """

    place: Place
    held: tuple[Mapping[str, Any], ...] | None = None

    @classmethod
    def create(cls, root: Path | str) -> Store:
        """Make the store, or open it for writing if it exists; clears what killed processes left.

        Raises
        ------
        NotADirectoryError : `root` or one of its parents is a file
        PermissionError : `root` cannot be made or written
        """
        return cls(PackedPlace(create_place(root)))

    @classmethod
    def open(cls, root: Path | str) -> Store:
        """Open an existing store.

        Raises
        ------
        FileNotFoundError : there is no such folder, or it is not a store
        NotADirectoryError : `root` is a file
        """
        return cls(PackedPlace(open_place(root)))

    @classmethod
    def at(cls, root: Path | str) -> Store:
        """The store that is or may come to be at `root`; nothing is made or checked."""
        return cls(PackedPlace(place_at(root)))

    @property
    def where(self) -> str:
        """The store as a user names it."""
        return self.place.where

    @property
    def root(self) -> Path:
        """Folder of the store.

        Raises
        ------
        ValueError : the store lies elsewhere (a URL)
        """
        place = unpacked(self.place)
        if not isinstance(place, LocalPlace):
            raise ValueError(
                f"This works on stores in a folder only; '{self.where}' is not one. "
                "Copy it to this machine first."
            )
        return place.root

    @property
    def is_folder(self) -> bool:
        """Whether it lies in a folder, not at a URL."""
        return isinstance(unpacked(self.place), LocalPlace)

    @property
    def name(self) -> str:
        """Last part of the folder or URL."""
        return self.root.name if self.is_folder else self.where.rpartition("/")[2]

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
        files.write_json(self.place, RUN, sealed(run))

    def has_run(self) -> bool:
        """Whether the store holds run.json."""
        return self.place.exists(RUN)

    def read_run(self) -> dict[str, Any]:
        """Return the content of run.json.

        Raises
        ------
        FileNotFoundError : there is none
        ValueError : it is damaged
        """
        content = files.existing(self.place, RUN, "no run.json")
        try:
            return unsealed(json.loads(content))
        except (ValueError, AttributeError) as error:
            raise DamagedFileError(
                f"The file '{self.place.full(RUN)}' is damaged ({error}). It holds provenance alone: "
                "delete it, and the next run begins it anew."
            ) from error

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
        try:
            return files.read_frame(self.place, GRID, types=GRID_TYPES, needed=("cell_id", "task"))
        except FileNotFoundError:
            return None

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

    def write_file(self, name: str, content: bytes) -> None:
        """Write a file under a name below the store, such as "gradcam/0123/hit-1-image.png"."""
        self.place.write_bytes(name, content)

    def files(self, folder: str) -> list[str]:
        """Names of the files in a folder of the store and below it, sorted; [] where there is none."""
        return self.place.walk(folder)

    def has_file(self, name: str) -> bool:
        """Whether there is such a file below the store."""
        return self.place.exists(name)

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
        return cells.cells_frame(self._rows())

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
        ValueError : unknown task, a cell that is not done, or an unknown column
        DamagedFileError : a file is not the one that its cell's row records; the message says what to run
        """
        rows = cells.done_rows(self._rows(), self.where, task, cell_ids)
        return read_parts(
            self._contents("predictions", rows), kind="predictions", splits=splits, columns=columns
        )

    def map_predictions(
        self,
        function: Callable[[str, Mapping[str, pa.Table]], Result],
        *,
        splits: Collection[str],
        columns: Sequence[str],
        task: str | None = None,
        cell_ids: Collection[str] | None = None,
    ) -> Iterator[Result]:
        """Call `function` for every done cell and yield what it returns, in the order of `read_predictions`.

        Cells are read one by one on as many threads as there are processors: memory holds a few of them,
        however many there are.

        Parameters
        ----------
        function : called with cell_id and, by split, the table of its rows; on threads
        columns : see `data.tables.read_splits`
        task, cell_ids, splits : keep only these

        Raises
        ------
        ValueError, DamagedFileError : see `read_predictions`; what `function` raises
        """
        rows = cells.done_rows(self._rows(), self.where, task, cell_ids)

        def one(row: Mapping[str, Any]) -> Result:
            content, file = cells.read_part(self.place, "predictions", row)
            return function(row["cell_id"], read_splits(content, file, splits=splits, columns=columns))

        return on_threads(one, rows)

    def predictions_hashes(self, tasks: Mapping[str, str]) -> dict[str, str]:
        """Return the SHA-256 of the predictions' file of cells, as their rows record it.

        Whoever reads the file finds out whether it has this hash. Files of cells that were written before
        there were checksums are read.

        Parameters
        ----------
        tasks : cell_id -> task
        """
        known = {row["cell_id"]: row for row in self._rows()}
        return {
            cell_id: cells.recorded_hash(
                self.place, "predictions", known.get(cell_id, {"cell_id": cell_id, "task": task})
            )
            for cell_id, task in tasks.items()
        }

    def read_history(
        self, *, task: str | None = None, cell_ids: Collection[str] | None = None
    ) -> pd.DataFrame:
        """Return learning histories with the columns task and cell_id; cells without one are left out."""
        rows = cells.done_rows(self._rows(), self.where, task, cell_ids)
        present = [row for row in rows if cells.has_part(self.place, "history", row)]
        return read_parts(self._contents("history", present), kind="history")

    def _contents(self, part: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, bytes, str]]:
        return ((row["task"], *cells.read_part(self.place, part, row)) for row in rows)

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        return cells.read_rows(self.place) if self.held is None else self.held

    def compact(self) -> Compaction:
        """Put the files of done cells into packs, so that the number of files is bounded.

        No other process may compact this store at the same time; others may read and write it. What was
        read before is read afterwards, byte for byte. It may be stopped at any moment and run again.

        Raises
        ------
        DamagedFileError : a pack is damaged
        """
        return compact(PackedPlace(unpacked(self.place)))

    def unfinished_packs(self) -> list[str]:
        """Joined files of packs that no index knows; cells in them count only where they lie elsewhere."""
        return unfinished(PackedPlace(unpacked(self.place)))

    def pack_faults(self) -> dict[str, tuple[frozenset[str], str]]:
        """Packs with a changed byte: by index, the ids of the cells in the pack and what is wrong.

        A byte outside of the files of cells changes nothing that this package reads, but what other programs
        do; `compact` writes such a pack anew.
        """
        faults = changed_packs(PackedPlace(unpacked(self.place)))
        return {name: (frozenset(pack.rows), fault) for name, (pack, fault) in faults.items()}

    # --- damage ---------------------------------------------------------------------------------

    def whole(self) -> Store:
        """Return this store with the rows of its cells read once, for an analysis of one state of it.

        It stops where a file of a cell is damaged, as far as rows and sizes show; contents are compared with
        these rows when they are read. What is written to cells later is not seen.

        Raises
        ------
        DamagedFileError : it names the first files and what to run
        """
        return self if self.held is not None else replace(self, held=tuple(damage.whole_rows(self.place)))

    def set_aside_damaged(self) -> list[str]:
        """Read every file of every cell and move damaged ones below `damaged/`: their cells are not done.

        Returns
        -------
        one line per damaged file
        """
        return aside.set_aside(self.place, damage.find_damage(self.place))

    def set_aside(self, name: str, *, fault: str) -> str:
        """Move a damaged file that belongs to no cell below `damaged/`; returns the line that says so."""
        return aside.set_file_aside(self.place, name, fault)

    # --- checkpoints ----------------------------------------------------------------------------

    def has_checkpoint(self, cell_id: str) -> bool:
        """Whether the cell has a checkpoint."""
        return cells.has_checkpoint(self.place, cell_id)

    def keep_checkpoint(self, cell_id: str) -> None:
        """Keep the file at `checkpoint_path`: its checksum goes into the cell's row."""
        self.place.upload(checkpoint_name(cell_id))
        cells.record_checkpoint(self.place, cell_id, Checksum.of_file(self.checkpoint_path(cell_id)))

    # --- results --------------------------------------------------------------------------------

    def write_result(self, table: str, frame: pd.DataFrame) -> None:
        """Write a result table as parquet and as CSV with 17 significant digits, which lose no bit."""
        results.write_result(self.place, table, frame)

    def read_result(self, table: str) -> pd.DataFrame:
        """Return a result table; FileNotFoundError names the command to run where it is absent."""
        return results.read_result(self.place, table)

    def remove_results(self, tables: Collection[str]) -> None:
        """Delete result tables, where they are there; other tables have the checksums that they had."""
        results.remove_results(self.place, tables)

    def results(self) -> list[str]:
        """Return the names of the result tables, sorted."""
        return results.results(self.place)

    # --- places ---------------------------------------------------------------------------------

    def features_dir(self, group_key: str) -> Path:
        """Folder of this machine for a group's cached features; may be deleted at any time.

        A store elsewhere gives and takes its files with `fetch_features` and `keep_features`.
        """
        return self.place.scratch(features_name(group_key))

    def fetch_features(self, group_key: str) -> None:
        """Bring the features that a store elsewhere holds to `features_dir`; those that are there stay."""
        if not self.is_folder:
            for name in self.place.walk(features_name(group_key)):
                if not self.place.scratch(name).exists():
                    self.place.local(name)

    def keep_features(self, group_key: str) -> None:
        """Put the features of `features_dir` into a store elsewhere, so that other machines find them."""
        if not self.is_folder:
            held = set(self.place.walk(features_name(group_key)))
            for path in sorted(self.features_dir(group_key).glob("[!.]*")):
                name = f"{features_name(group_key)}/{path.name}"
                if path.is_file() and name not in held:
                    self.place.upload(name)

    def checkpoint_path(self, cell_id: str) -> Path:
        """File of this machine where a cell's trained tensors are written, before `keep_checkpoint`."""
        return self.place.scratch(checkpoint_name(cell_id))

    def read_checkpoint(self, cell_id: str) -> Path:
        """File of this machine with a cell's trained tensors, as the store holds them.

        Raises
        ------
        FileNotFoundError : the cell has none
        DamagedFileError : the file is not the one that the cell's row records
        """
        return cells.read_checkpoint(self.place, cell_id)

    def gradcam_dir(self) -> Path:
        """Folder of heatmaps, overlays and their index table; of a store elsewhere a copy."""
        for name in () if self.is_folder else self.place.walk(GRADCAM):
            self.place.local(name)
        return self.place.scratch(GRADCAM)

    def results_dir(self) -> Path:
        """Folder of the result tables."""
        return self.root / RESULTS

    def manuscript_dir(self) -> Path:
        """Folder of rendered manuscripts."""
        return own(self.root, self.root / "manuscript" / "file").parent
