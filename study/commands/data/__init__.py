"""`study data`: which data sets there are, how they come here, whether they are sound, how they divide."""

from __future__ import annotations

import typer

from study.commands.data.check import check_command
from study.commands.data.fetch import fetch_command
from study.commands.data.list_ import list_command
from study.commands.data.split import split_command


def register(app: typer.Typer) -> None:
    """Put the commands on the root application."""
    group = typer.Typer(no_args_is_help=True, help="List, fetch, check and divide data sets.")
    group.command("list")(list_command)
    group.command("fetch")(fetch_command)
    group.command("check")(check_command)
    group.command("split")(split_command)
    app.add_typer(group, name="data")
