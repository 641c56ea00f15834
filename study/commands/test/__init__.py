"""`study test`: one statistical test on any CSV or parquet table."""

from __future__ import annotations

import typer

from study.commands.test.classifiers import cochran_command, delong_command, mcnemar_command
from study.commands.test.lmm import lmm_command
from study.commands.test.wilcoxon import wilcoxon_command


def register(app: typer.Typer) -> None:
    """Put the commands on the root application."""
    group = typer.Typer(no_args_is_help=True, help="Run one statistical test on any CSV or parquet table.")
    group.command("delong")(delong_command)
    group.command("mcnemar")(mcnemar_command)
    group.command("cochran")(cochran_command)
    group.command("wilcoxon")(wilcoxon_command)
    group.command("lmm")(lmm_command)
    app.add_typer(group, name="test")
