"""`study explore`: one page to look into a store."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("explore")(explore_command)


def explore_command(
    store: Annotated[
        str | None, typer.Argument(help="Folder or URL of the store; default the newest under runs/.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File of the page. Default: STORE/explore.html.")] = None,
    cells: Annotated[
        list[str] | None,
        typer.Option(help="Ids of cells to show (repeat or separate by commas). Default: all."),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds the image data; for imported predictions files named as the image ids."
        ),
    ] = None,
    pixels: Annotated[int, typer.Option(help="Longest side of a picture.")] = 96,
    picture_mb: Annotated[
        float, typer.Option(help="Room for all pictures in the page, in megabytes; 0 leaves them out.")
    ] = 20.0,
) -> None:
    """Make one HTML page from a store that works offline: models, ROC curves, and images with their scores.

    Choose two models in the page to see the images on which they disagree, with Grad-CAM maps where the
    store has them. The page holds pictures of the images: keep it where the images may be kept.

    Example: study explore runs/demo --out demo.html
    """
    from data.atomic import write_bytes
    from data.store import Store
    from study.explore.content import PictureOptions, page_content
    from study.explore.page import render_page

    target = _target(out)
    pictures = PictureOptions(data_root=data_root, pixels=pixels, budget_mb=picture_mb)
    opened = Store.open(store or _newest())
    named = [name.strip() for text in cells or [] for name in text.split(",") if name.strip()]
    content = page_content(opened, cells=named, pictures=pictures)
    page = render_page(content).encode("utf-8")
    if target is None:
        opened.write_file("explore.html", page)
    else:
        write_bytes(target, page)
    for notice in content.notices:
        typer.echo(f"note: {notice}", err=True)
    typer.echo(f"Page: {target or f'{opened.where}/explore.html'} ({len(page) / 1e6:.1f} MB)")


def _target(out: Path | None) -> Path | None:
    """The named file, whose folder is there; None stands for the default."""
    if out is None:
        return None
    if out.suffix not in (".html", ".htm"):
        raise ValueError(f"--out {out}: the page must end in .html.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"--out {out}: there is no folder '{out.parent}'. Make it first.")
    return out


def _newest() -> Path:
    from manuscript.load import find_store
    from study.stores import newest_store

    if find_store() is None:
        raise ValueError(
            "`study explore` needs a store with predictions; the published grid holds none, only metrics of "
            "each model. Run `study run-grid` or `study import` first, or name the folder of a store."
        )
    return newest_store()
