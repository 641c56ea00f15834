"""`study data check`: whether a data set is here, sound, and fit for a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.commands.data.shared import Option, Root, load, parse_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from study.data_audit.audit import DataAudit


def check_command(
    name: Annotated[
        str, typer.Argument(metavar="NAME|TASK", help="Data set, or with --study a task of the study.")
    ],
    study: Annotated[
        str | None, typer.Option(help="Shipped study or study file whose task NAME is checked.")
    ] = None,
    data_root: Root = None,
    option: Option = None,
    positive: Annotated[
        list[str] | None, typer.Option("--positive", "-p", help="Positive class; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for findings, images and pairs as CSV and a contact sheet.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON with every digit, nothing else.")] = False,
) -> None:
    """Look for what spoils a comparison: unreadable files, duplicates, wrong labels, leaks, shortcuts.

    Exit code 2 if there are files that cannot be read: `study run-grid` would refuse the set.

    Example: study data check busi --data-root downloads --positive malignant --out audit

    Example: study data check breast --study busi-small --data-root downloads
    """
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        step = bar.add_task("images", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(step, completed=done, total=total)

        audit = _audit(name, study, data_root, option, positive or [], progress)
    if out is not None:
        from study.data_audit.files import write_audit_files

        for path in write_audit_files(audit, out):
            typer.echo(f"wrote {path}", err=True)
    _print(audit, json=json)
    if len(audit.unreadable):
        raise typer.Exit(2)


def _print(audit: DataAudit, *, json: bool) -> None:
    if json:
        from study.data_audit.as_json import audit_report
        from study.single_tests.plain import plain_json

        typer.echo(plain_json(audit_report(audit)))
        return
    from data.dataset import manifest_hash
    from study.data_audit.printed import audit_lines

    for line in audit_lines(audit):
        typer.echo(line)
    typer.echo("")
    for note in audit.dataset.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"manifest hash: {manifest_hash(audit.dataset.manifest)}")


def _audit(
    name: str,
    study: str | None,
    data_root: Path | None,
    option: list[str] | None,
    positive: list[str],
    progress: Callable[[int, int], None],
) -> DataAudit:
    from study.data_audit.audit import audit_dataset, audit_task

    if study is None:
        dataset = load(name, data_root, parse_options(option), unreadable="list")
        return audit_dataset(dataset, name=name, positive=positive, progress=progress)
    from study.config import load_study
    from study.run.prepare import prepare_task

    if option or positive:
        raise ValueError(
            "With --study the options and positive classes stand in the study file; leave out "
            "`--option` and `--positive`."
        )
    config = load_study(study).config
    if name not in config.tasks:
        raise ValueError(
            f"The study `{config.name}` has no task {name!r}; its tasks are {', '.join(config.tasks)}."
        )
    task = config.tasks[name]
    dataset = load(task.dataset, data_root, task.options, unreadable="list")
    if len(dataset.unreadable):  # a run would refuse it: there is no split to audit
        return audit_dataset(dataset, name=task.dataset, positive=task.positive, progress=progress)
    return audit_task(prepare_task(name, task, data_root), progress=progress)
