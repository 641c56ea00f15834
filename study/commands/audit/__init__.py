"""`study audit`: what a sharp statistical reviewer would object to."""

from __future__ import annotations

import typer

from study.commands.audit.claims import claims_command
from study.commands.audit.default_group import DefaultGroup


def register(app: typer.Typer) -> None:
    """Put the commands on the root application; `design` runs where no command is named."""
    group = typer.Typer(
        cls=DefaultGroup,
        no_args_is_help=True,
        help="Find what a sharp statistical reviewer would object to.",
    )
    group.command("claims")(claims_command)
    app.add_typer(group, name="audit")
