"""`study verify`: is every file of a store as it was written, and do the results follow from it?"""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("verify")(verify_command)


def verify_command(
    store: Annotated[
        str | None, typer.Argument(help="Folder or URL of the store; default the newest under runs/.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Cells whose metrics are recomputed and compared with the results.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check every file of a store: hashes, columns, types, ids, scores, doubled rows; a sample of metrics.

    Exit code 0: all is well; 1: files are damaged, each named with what to do.

    Example: study verify runs/demo
    """
    from data.store import Store
    from study.stores import newest_store
    from study.verify.verify import verify

    found = verify(Store.open(store or newest_store()), sample=sample)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
    else:
        for item in found.faults:
            typer.echo(f"damaged {item.name}: {item.fault.rstrip('.')}. {item.remedy}")
        for note in found.notes:
            typer.echo(f"note: {note}")
        counts = ", ".join(f"{n} {kind}" for kind, n in found.checked.items())
        verdict = f"{len(found.faults)} damaged" if found.faults else "all as written"
        typer.echo(f"Store {found.store}: {counts} checked; {verdict}.")
    if found.faults:
        raise typer.Exit(1)
