"""`study status`: how far a store is, and who works on it."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from study.durations import in_words

if TYPE_CHECKING:
    from study.run.state import RunnerState, StoreState


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("status")(status_command)


def status_command(
    store: Annotated[
        str | None, typer.Argument(help="Folder or URL of the store; default the newest under runs/.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON on stdout.")] = False,
) -> None:
    """Show which cells of a store are done, failed and open, who works on it, and how long to go.

    Works on any machine that sees the store; nothing is written, and nothing that runs is asked.

    Example: study status runs/demo
    """
    from data.store import Store
    from study.run.state import store_state
    from study.run.train import collapsed_cells
    from study.stores import newest_store, planned_cells

    opened = Store.open(store or newest_store())
    state = store_state(opened)
    collapsed = collapsed_cells(opened, list(planned_cells(opened)["cell_id"]))
    if as_json:
        typer.echo(json.dumps({**state.to_dict(), "collapsed": collapsed}, indent=1))
        return
    typer.echo(f"Store {state.store}: {state.planned} planned cells")
    for name, count in (("done", state.done), ("failed", len(state.failed)), ("open", state.open)):
        typer.echo(f"{name:>8} {count}")
    for runner in state.runners:
        typer.echo(_runner_line(runner))
    if state.open:
        typer.echo(_time_line(state))
    for note in state.notes:
        typer.echo(note)
    for cell_id, where in collapsed.items():
        typer.echo(f"collapsed {cell_id}: one class is predicted for every image of {where}")
    for cell_id, reason in state.failed.items():
        typer.echo(f"failed {cell_id}: {reason}")


def _runner_line(runner: "RunnerState") -> str:
    """One runner: who, since when, its last sign of life, what it does."""
    job = "" if runner.job is None else f", {runner.job}"
    who = f"{runner.state:>8} {runner.host} (process {runner.pid}{job}) since {runner.since}"
    if runner.state == "ended":
        return f"{who}: gone without a word; the next run takes its work over"
    who += f", heartbeat {runner.heartbeat:.0f} s ago"
    if runner.state == "silent":
        return f"{who}: other runners take its work over"
    if runner.label is None:
        return f"{who}: between two units of work"
    parts = []
    if runner.features is not None and runner.cells == 0:
        parts.append(f"{runner.features[0]} of {runner.features[1]} images through the backbone")
    if runner.of:
        parts.append(f"{runner.cells} of {runner.of} cells")
    return f"{who}: {runner.label}, {', '.join([*parts, f'{runner.seconds:.0f} s'])}"


def _time_line(state: "StoreState") -> str:
    working = sum(runner.state == "working" for runner in state.runners)
    if state.seconds_per_cell is None or state.seconds_to_go is None:
        return "How long it takes is known when the first cell has ended."
    rate = f"{state.seconds_per_cell:.1f} s of work per cell so far"
    if not working:
        return f"Nobody works on it; about {in_words(state.seconds_to_go)} for one runner ({rate})."
    n = "one runner" if working == 1 else f"{working} runners"
    return f"About {in_words(state.seconds_to_go)} to go with {n} ({rate})."
