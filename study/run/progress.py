"""Progress on stderr: one bar for the grid, one for the group at work, both with remaining time."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    """Bars for a whole run; without a terminal, one line per group instead."""

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

    @contextmanager
    def running(self) -> Iterator[None]:
        """Draw the bars while the run is inside."""
        with self._bars:
            yield

    def expect(self, n_cells: int) -> None:
        """Cells that the run will go through."""
        self._bars.update(self._grid, total=n_cells)

    def skip(self, n_cells: int) -> None:
        """Cells that the store already holds."""
        self._bars.advance(self._grid, n_cells)

    def begin_group(self, label: str, n_cells: int) -> None:
        """The group now at work."""
        self._label = label
        self._bars.reset(self._group, total=None, visible=True, description=f"{label}: features")
        if not self._console.is_terminal:
            self.note(f"{label}: {n_cells} cells")

    def features(self, done: int, total: int) -> None:
        """Images that went through the frozen trunk."""
        self._bars.update(self._group, completed=done, total=total, description=f"{self._label}: features")

    def cell(self, cell_id: str, status: str) -> None:
        """One cell has ended."""
        self._bars.advance(self._grid)
        self._bars.update(self._group, description=f"{self._label}: heads")
        if status == "failed":
            self._console.print(f"cell {cell_id} failed", style="red", highlight=False)

    def pretraining(self, label: str, done: int, total: int) -> None:
        """Images of a short pretraining on phantoms."""
        self._bars.update(self._group, visible=True, completed=done, total=total, description=label)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False)
