"""`study data show`: a picture of the images as a model sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.data.shared import Option, Root, load, parse_options


def show_command(
    name: Annotated[str, typer.Argument(help="Data set, as in `study data list`.")],
    image: Annotated[
        list[str] | None, typer.Option("--image", help="Id of an image to show; may be repeated.")
    ] = None,
    n: Annotated[int, typer.Option("--n", help="Images drawn per class, where none are named.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="PNG file; default NAME.png.")] = None,
    data_root: Root = None,
    option: Option = None,
) -> None:
    """Draw a contact sheet: images of each class with their ids, and the outlines of their masks.

    Images are squeezed to squares, as in training.

    Example: study data show busi --data-root ~/data --n 12 --out busi.png

    Example: study data show busi --data-root ~/data --image "benign (433)" --image "malignant (145)"
    """
    from data.atomic import write_bytes
    from data.images.sheet import choose_images, contact_sheet, images_by_class

    path = Path(f"{name}.png") if out is None else out
    if path.suffix.lower() != ".png":
        raise ValueError(f"`--out` must be a .png file, but {str(path)!r} came.")
    dataset = load(name, data_root, parse_options(option), unreadable="list")
    if image:
        chosen, how = images_by_class(dataset.manifest, image), "as named"
    else:
        chosen, how = choose_images(dataset.manifest, n=n, seed=seed), f"seed {seed}"
    title = f"{dataset.info.title} ({how}; squeezed to squares, as in training)"
    write_bytes(path, contact_sheet(dataset, chosen, title=title))
    shown = ", ".join(f"{name} {len(ids)}" for name, ids in chosen.items())
    typer.echo(f"{path}: {shown}")
    if len(dataset.unreadable):
        typer.echo(f"note: {len(dataset.unreadable)} file(s) cannot be read; see `study data check`.")
