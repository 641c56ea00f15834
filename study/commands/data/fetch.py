"""`study data fetch`: a public data set comes here, checked; of the others the steps to get them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.commands.data.shared import Option, Root, parse_options, steps_text

if TYPE_CHECKING:
    from data.dataset import DatasetInfo
    from data.fetch.source import SourceFile


def fetch_command(
    name: Annotated[str, typer.Argument(help="Data set, as in `study data list`.")],
    data_root: Root = None,
    option: Option = None,
    yes: Annotated[bool, typer.Option("--yes", help="Fetch without asking.")] = False,
) -> None:
    """Download a public data set, check it and unpack it; an interrupted download goes on where it stopped.

    Shows licence and size and asks first. Data sets that need a registration are not fetched: the steps to
    get them are printed.

    Example: study data fetch breastmnist --data-root ~/data -o size=224
    """
    from data.fetch.files import fetch_files
    from data.registry import dataset_available, dataset_info
    from study.download_bar import download_bar

    info = dataset_info(name)
    options = parse_options(option)
    available, place = dataset_available(name, data_root, options)
    if available:
        typer.echo(f"{name} is here already: {place}.")
        return
    folder = _checked_root(info, data_root)
    sources = _sources(info, options)
    _print_sources(info, sources, folder)
    if not yes and not _agreed():
        typer.echo("Nothing was fetched.")
        raise typer.Exit(1)
    with download_bar() as progress:
        fetch_files(sources, folder, progress=progress)
    available, place = dataset_available(name, folder, options)
    if not available:
        raise ValueError(f"The files were fetched, but the data set is not as expected: {place}")
    typer.echo(f"{name}: {place}.\nCheck it with: study data check {name} --data-root {folder}")
    archives = [source.name for source in sources if source.unpack]
    if archives:
        typer.echo(f"No longer needed in {folder}: {', '.join(archives)}")


def _checked_root(info: DatasetInfo, data_root: Path | None) -> Path:
    if not info.sources:
        raise ValueError(
            f"The data set '{info.name}' cannot be fetched by this program. How to get it:\n"
            f"{steps_text(info)}"
        )
    if data_root is None:
        raise ValueError(f"Name the folder for the data set '{info.name}' with --data-root.")
    return data_root.expanduser()


def _sources(info: DatasetInfo, options: dict[str, Any]) -> tuple[SourceFile, ...]:
    from data.fetch.sources import needed_sources
    from data.registry import dataset_options

    defaults = {known.name: known.default for known in dataset_options(info.name)}
    return needed_sources(info.sources, defaults | options)


def _print_sources(info: DatasetInfo, sources: Sequence[SourceFile], folder: Path) -> None:
    from data.fetch.source import hash_text, size_text

    typer.echo(f"{info.name}: {info.title}")
    typer.echo(f"licence: {info.licence}")
    typer.echo(f"cite: {info.citation}")
    typer.echo(f"into: {folder}")
    for source in sources:
        typer.echo(f"  {source.name}: {size_text(source.size)}, {hash_text(source)}\n    {source.url}")


def _agreed() -> bool:
    from click import Abort

    try:
        return typer.confirm("Fetch?")
    except Abort as error:
        raise ValueError("There is nobody to answer; add --yes to agree.") from error
