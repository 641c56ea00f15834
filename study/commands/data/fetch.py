"""`study data fetch`: a public data set comes here, checked; of the others the steps to get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.commands.data.shared import Option, Root, parse_options, sources_text, steps_text

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
    from data.registry import dataset_available, dataset_info

    info = dataset_info(name)
    options = parse_options(option)
    root = None if data_root is None else data_root.expanduser()
    _refuse_own_images(name)
    available, place = dataset_available(name, root, options)
    if available:
        typer.echo(f"{name} is here already: {place}.")
        return
    sources = _sources(info, options)
    folder = _folder(name, root)
    for label, text in (("licence", info.licence), ("cite", info.citation), ("into", folder)):
        typer.echo(f"{label}: {text}")
    typer.echo(sources_text(sources))
    if not yes and not _agreed():
        typer.echo("Nothing was fetched.")
        raise typer.Exit(1)
    _download(info, sources, folder)
    available, place = dataset_available(name, folder, options)
    if not available:
        raise ValueError(f"The files were fetched, but the data set is not as expected: {place}")
    _print_end(name, place, sources)
    given = "".join(f" -o {text}" for text in option or [])
    typer.echo(f"check it with: study data check {name} --data-root {folder}{given}")


def _refuse_own_images(name: str) -> None:
    from data.registry import dataset_options

    own = [option.name for option in dataset_options(name) if option.required]
    if own:
        raise ValueError(
            f"The data set '{name}' is made of your own images, named by the option `{own[0]}`; there is "
            "nothing to fetch."
        )


def _sources(info: DatasetInfo, options: Mapping[str, Any]) -> tuple[SourceFile, ...]:
    from data.fetch.sources import needed_sources
    from data.registry import dataset_options

    if not info.sources:
        raise ValueError(
            f"The data set '{info.name}' cannot be fetched by this program. How to get it:\n"
            f"{steps_text(info)}"
        )
    defaults = {known.name: known.default for known in dataset_options(info.name)}
    return needed_sources(info.sources, defaults | dict(options))


def _folder(name: str, root: Path | None) -> Path:
    if root is None:
        raise ValueError(f"Name the folder for the data set '{name}' with --data-root.")
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(f"'{root}' (--data-root) is a file; name a folder, new or old.")
    return root


def _download(info: DatasetInfo, sources: Sequence[SourceFile], folder: Path) -> None:
    from data.fetch.files import fetch_files
    from data.fetch.https import DownloadError
    from study.download_bar import download_bar

    try:
        with download_bar() as progress:
            fetch_files(sources, folder, progress=progress)
    except DownloadError as error:
        raise ConnectionError(f"{error}\nHow to get it by hand:\n{steps_text(info)}") from error


def _print_end(name: str, place: str, sources: Sequence[SourceFile]) -> None:
    typer.echo(f"{name}: {place}")
    archives = [source.name for source in sources if source.unpack]
    if archives:
        typer.echo(f"no longer needed there: {', '.join(archives)}")


def _agreed() -> bool:
    try:
        return typer.confirm("Fetch?")
    except typer.Abort as error:
        raise ValueError("Nobody answered whether to fetch; add --yes to agree.") from error
