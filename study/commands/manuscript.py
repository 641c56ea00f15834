"""`study manuscript`: make the article from a store."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What the article is made as."""

    HTML = "html"
    DOCX = "docx"
    PDF = "pdf"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="manuscript")(manuscript)


def manuscript(
    store: Annotated[
        str | None,
        typer.Argument(help="Folder or URL of a store. Default: $STUDY_STORE, else the newest in runs/."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder of the page. Default: STORE/manuscript; of a URL runs/NAME/manuscript.",
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Show the original study's published grid instead of a run.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Do without Quarto, even where it is installed.")
    ] = False,
    to: Annotated[
        list[Format] | None,
        typer.Option(help="html, docx or pdf; may be given more than once. Default: html, with Quarto all."),
    ] = None,
) -> None:
    """Make the article: tables, figures and findings of a run as a page, a Word file or a PDF.

    Uses Quarto where it is installed, else makes a preview of the same content.

    Example: study manuscript runs/demo --to html --to pdf
    """
    import shutil

    from study.preview.render import render_preview, render_quarto

    shown = _store(store, published=published)
    target = output or _default_target(store, shown)
    quarto = None if preview else shutil.which("quarto")
    name = "the published grid" if shown is None else f"{shown}"
    formats = None if to is None else [one.value for one in to]
    if quarto:
        typer.echo(f"Rendering {name} with Quarto …", err=True)
        made, what = render_quarto(quarto, shown, target, formats), "Article"
    else:
        typer.echo(f"Rendering {name} as a preview …", err=True)
        made, what = render_preview(shown, target, formats or ["html"]), "Preview, made without Quarto"
    for document in made:
        typer.echo(f"{what}: {document}")


def _default_target(store: str | None, shown: Path | None) -> Path:
    """Where the page goes if nobody says: beside the store, where that is a folder."""
    if shown is None:
        return Path("runs/published/manuscript")
    elsewhere = "://" in (store or os.environ.get("STUDY_STORE", ""))
    return Path("runs") / shown.name / "manuscript" if elsewhere else shown / "manuscript"


def _store(store: str | None, *, published: bool) -> Path | None:
    """The store to show; None stands for the published grid."""
    from data.store import Store, local_copy
    from manuscript.load import find_store

    if published:
        if store is not None:
            raise ValueError("Give a store or --published, not both.")
        return None
    if store is not None:
        return local_copy(store)
    chosen = find_store()
    return None if chosen is None else Store.open(chosen).root
