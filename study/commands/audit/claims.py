"""`study audit claims`: can the figures of a paper stand together?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def claims_command(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What a paper states, as printed.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if a contradiction stands.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON with every digit, nothing else.")] = False,
) -> None:
    """Check published figures against each other: intervals and p-values, AUCs and counts, rates and tables.

    No honest rounding is accused; what cannot be checked is named with the reason.
    docs/claims/README.md shows how to write a file.

    Example: study audit claims paper.toml --strict
    """
    from stats.findings import has_error
    from study.claims.audit import audit_claims, load_claims

    audit = audit_claims(load_claims(file))
    if json:
        from study.single_tests.plain import plain_json

        typer.echo(plain_json(audit.as_json()))
    else:
        from rich.console import Console

        from study.claims.printed import print_claims_audit

        print_claims_audit(Console(markup=False, highlight=False), audit)
    if strict and has_error(audit.findings):
        raise typer.Exit(1)
