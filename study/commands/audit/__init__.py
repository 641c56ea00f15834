"""`study audit`: what a sharp statistical reviewer would object to."""

from __future__ import annotations

import typer

from study.commands.audit.claims import claims_command
from study.commands.audit.default_group import DEFAULT_COMMAND, DefaultGroup
from study.commands.audit.design import design_command


def register(app: typer.Typer) -> None:
    """Put the commands on the root application; `design` runs where no command is named."""
    group = typer.Typer(
        cls=DefaultGroup,
        no_args_is_help=True,
        help="Find what a sharp statistical reviewer would object to. Without a command, `design` runs: "
        "study audit [STORE|STUDY] [--published] [--brief] [--html FILE] [--json] [--strict].",
    )
    group.command(DEFAULT_COMMAND)(design_command)
    group.command("claims")(claims_command)
    app.add_typer(group, name="audit")
