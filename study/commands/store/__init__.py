"""`study store`: the files of a store."""

from __future__ import annotations

import typer

from study.commands.store.compact import compact_command


def register(app: typer.Typer) -> None:
    """Put the commands on the root application."""
    group = typer.Typer(no_args_is_help=True, help="Look after the files of a store.")
    group.command("compact")(compact_command)
    app.add_typer(group, name="store")
