"""`study store compact`: a bounded number of files, however many cells there are."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from data.store import Compaction

_SHOWN = 3


def compact_command(
    store: Annotated[
        str | None, typer.Argument(help="Folder or URL of the store; default the newest under runs/.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Put the files of done cells into packs: three files for up to 1,000 cells instead of three for each.

    Every command reads what it read before, byte for byte, and the packs are parquet files that any program
    reads. It may be stopped at any moment and run again. In a folder runners may work at the same time; in
    an object store they must have ended.

    Example: study store compact runs/large-grid
    """
    from data.store import Store
    from study.run.compacting import compact_store
    from study.stores import newest_store

    opened = Store.open(store or newest_store())
    done = compact_store(opened)
    if as_json:
        typer.echo(json.dumps({"store": opened.where, **asdict(done)}, indent=1))
        return
    typer.echo(_summary(opened.where, done))
    for cell_id, reason in list(done.left.items())[:_SHOWN]:
        typer.echo(f"left by itself {cell_id}: {reason}")
    if len(done.left) > _SHOWN:
        typer.echo(f"… and {len(done.left) - _SHOWN} more cells")


def _summary(where: str, done: Compaction) -> str:
    if done.before == done.after:
        return f"Store {where}: nothing to pack, {done.after} files of cells."
    return (
        f"Store {where}: {done.packed} cells packed, {done.packs} packs written; "
        f"{done.before} files of cells became {done.after}."
    )
