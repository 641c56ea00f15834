"""`study status`: how far a store is."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("status")(status_command)


def status_command(
    store: Annotated[
        str | None, typer.Argument(help="Folder or URL of the store; default the newest under runs/.")
    ] = None,
) -> None:
    """Count the cells of a store that are done, failed and open; name the failed and the collapsed ones.

    Example: study status runs/demo
    """
    from data.store import Store
    from study.run.train import collapsed_cells
    from study.stores import newest_store, planned_cells

    opened = Store.open(store or newest_store())
    grid = planned_cells(opened)
    counts = grid["status"].value_counts()
    typer.echo(f"Store {opened.where}: {len(grid)} planned cells")
    for status in ("done", "failed", "open"):
        typer.echo(f"{status:>8} {int(counts.get(status, 0))}")
    for cell_id, where in collapsed_cells(opened, list(grid["cell_id"])).items():
        typer.echo(f"collapsed {cell_id}: one class is predicted for every image of {where}")
    for row in grid[grid["status"] == "failed"].itertuples():
        typer.echo(f"failed {row.cell_id}: {row.reason}")
