"""`study audit design`, or `study audit` alone: the design and the results of a study, refereed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stats.findings import Finding


def design_command(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STORE|STUDY]",
            help="Folder of a store, study file, or name of a shipped study; default the newest store.",
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Referee the published grid and the paper's tests.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Print the table of findings alone.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the findings as one HTML page.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON with every digit, nothing else.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if an error stands.")] = False,
) -> None:
    """Referee a study: inert factors, noise, leaks, collapsed cells, confounding, misused tests, optimism.

    A store is judged by its cells, images, predictions and result tables, and the findings are written to
    its results (`audit_findings`). A study file is judged by its design, before any training.

    Example: study audit runs/demo --strict

    Example: study audit mine.toml

    Example: study audit --published
    """
    from stats.findings import has_error

    name, kind, findings = _findings(study, published=published)
    if html is not None:
        from data.atomic import write_text
        from study.referee.page import findings_page

        write_text(html, findings_page(f"Referee's report on {name}", findings))
        typer.echo(f"wrote {html}", err=True)
    if json:
        from study.referee.report import report_json
        from study.single_tests.plain import plain_json

        typer.echo(plain_json(report_json(name, kind, findings)))
    else:
        from rich.console import Console

        from study.referee.report import print_findings

        console = Console(markup=False, highlight=False)
        print_findings(console, name, findings, brief=brief)
    if strict and has_error(findings):
        raise typer.Exit(1)


def _findings(study: str | None, *, published: bool) -> tuple[str, str, tuple[Finding, ...]]:
    """Name, kind and findings of what is refereed."""
    from stats.referee.rules import referee

    if published:
        if study is not None:
            raise ValueError("--published takes no store and no study; it works on the shipped grid.")
        from study.referee.published import published_study

        subject = published_study()
        return subject.name, subject.kind, referee(subject)
    if study is None or "://" in study or Path(study).is_dir():
        from data.store import Store
        from study.referee.table import referee_store
        from study.stores import newest_store

        store = Store.open(newest_store() if study is None else study)
        return f"store {store.where}", "store", referee_store(store)
    from study.config import load_study
    from study.referee.study_file import study_subject

    subject = study_subject(load_study(study).config)
    return f"study {subject.name}", subject.kind, referee(subject)
