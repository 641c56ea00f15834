"""Progress on stderr: one bar for the grid, one for the group at work, both with remaining time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class GridProgress:
    """Two bars for a whole run, of any number of cells: all cells, and the group at work.

    A group that has ended leaves one line. Without a terminal there are lines only: one when a group begins
    and one when it has ended.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._grid = self._bars.add_task("cells of the grid", total=None)
        self._group = self._bars.add_task("group", total=None, visible=False)
        self._label = ""
        self._begun = 0.0
        self._total = 0
        self._done = 0
        self._waiting = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Draw the bars while the run is inside."""
        with self._bars:
            yield

    def expect(self, n_cells: int) -> None:
        """Cells that the run will go through."""
        self._total = n_cells
        self._bars.update(self._grid, total=n_cells)

    def skip(self, n_cells: int) -> None:
        """Cells that the store already holds."""
        self._done += n_cells
        self._bars.advance(self._grid, n_cells)

    def begin_group(self, label: str, n_cells: int) -> None:
        """The group now at work."""
        self._label = label
        self._begun = time.perf_counter()
        self._bars.reset(self._group, total=None, visible=True, description=f"{label}: features")
        if not self._console.is_terminal:
            self.note(f"{label}: {n_cells} cells")

    def end_group(self, *, trained: int, failed: int) -> None:
        """The group has ended; its line stays."""
        if not trained + failed:
            return
        took = timedelta(seconds=round(time.perf_counter() - self._begun))
        bad = f", {failed} failed" if failed else ""
        self.note(
            f"{self._label}: {trained} trained{bad} in {took}; {self._done} of {self._total} cells done"
        )

    def features(self, done: int, total: int) -> None:
        """Images that went through the frozen trunk."""
        self._bars.update(self._group, completed=done, total=total, description=f"{self._label}: features")

    def cell(self, cell_id: str, status: str) -> None:
        """One cell has ended."""
        self._done += 1
        self._bars.advance(self._grid)
        self._bars.update(self._group, description=f"{self._label}: heads")
        if status == "failed":
            self._console.print(f"cell {cell_id} failed", style="red", highlight=False)

    def waiting(self, text: str) -> None:
        """Nothing to do until other runners have ended; said once."""
        if text != self._waiting:
            self._waiting = text
            self.note(f"Waiting: {text}.")

    def preparing(self, label: str, done: int, total: int) -> None:
        """Images of the audit, or of a short pretraining on phantoms."""
        self._bars.update(self._group, visible=True, completed=done, total=total, description=label)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False)
