"""`study data`: list data sets, fetch, check, show and divide them."""

from __future__ import annotations

import typer

from study.commands.data.check import check_command
from study.commands.data.fetch import fetch_command
from study.commands.data.list_ import list_command
from study.commands.data.show import show_command
from study.commands.data.split import split_command


def register(app: typer.Typer) -> None:
    """Put the commands on the root application."""
    group = typer.Typer(no_args_is_help=True, help="List, fetch, check, show and divide data sets.")
    group.command("list")(list_command)
    group.command("fetch")(fetch_command)
    group.command("check")(check_command)
    group.command("show")(show_command)
    group.command("split")(split_command)
    app.add_typer(group, name="data")
