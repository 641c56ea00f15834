"""`study weights`: which weights are there, how to get the others, and whether a file fits."""

from pathlib import Path
from typing import Annotated

import typer

_weights = typer.Typer(
    no_args_is_help=True,
    help="Weights of the backbones: what is there, how to get the rest, does a file fit.",
)

_Backbone = Annotated[str, typer.Option(help="ResNet18, ResNet50, DenseNet121 or InceptionV3.")]
_Folder = Annotated[
    Path | None,
    typer.Option(help="Folder of weight files; default $STUDY_WEIGHTS or ~/.cache/study/weights."),
]


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.add_typer(_weights, name="weights")


@_weights.command("list")
def list_command(weights_dir: _Folder = None) -> None:
    """Print every level and backbone: there or missing, where, size, SHA-256, licence; then the steps to get
    what is missing.

    Example: study weights list
    """
    from rich.console import Console

    from study.rich_tables import print_table
    from study.weights_table import weights_rows
    from training.weights_files import default_weights_dir

    folder = weights_dir or default_weights_dir()
    rows = weights_rows(folder)
    columns = ("level", "backbone", "state", "where", "MB", "SHA-256", "licence")
    cells = [
        (r.level, r.backbone, r.state, r.where, f"{r.size_mb:.1f}" if r.size_mb else "-", r.sha256, r.licence)
        for r in rows
    ]
    print_table(Console(), f"Weights in {folder}", columns, cells, texts=len(columns))
    missing = [row for row in rows if row.state != "there"]
    if missing:
        typer.echo("How to get the others:")
    for row in missing:
        typer.echo(f"- {row.level} {row.backbone}: {row.steps}")


@_weights.command("check")
def check_command(
    target: Annotated[
        str,
        typer.Argument(help="A .pt, .pth or .safetensors file, or a level of `pretrain` (A+B: a fusion)."),
    ],
    backbone: _Backbone,
    weights_dir: _Folder = None,
) -> None:
    """Load weights strictly, push 64 procedural images through them, and say what came out.

    Example: study weights check RadImageNet_pytorch/ResNet50.pt --backbone ResNet50

    Example: study weights check ImageNet+RadImageNet --backbone ResNet50
    """
    from training.fusion import LEVELS, pretrain_parts
    from training.weights import resolve_weights
    from training.weights_files import default_weights_dir

    parts = () if Path(target).is_file() else pretrain_parts(target)
    if not any(part in LEVELS or part.startswith("file:") for part in parts):
        _print_check(Path(target), backbone)
        return
    folder = weights_dir or default_weights_dir()
    weights = resolve_weights(target, backbone, weights_dir=folder)
    for part in weights.parts:
        if part.path is None:
            typer.echo(f"{part.name} of {backbone} is computed (SHA-256 {part.sha256}).")
        else:
            _print_check(part.path, backbone)
    if weights.fused:
        from training.settings import FEATURES

        width = FEATURES[backbone] * len(parts)
        typer.echo(f"Fusion {weights.name}: {width} features, SHA-256 of the parts {weights.sha256}.")


def _print_check(path: Path, backbone: str) -> None:
    from training.weights_check import check_file

    report = check_file(path, backbone)
    typer.echo(f"{path} fits {backbone}: {report.n_tensors} tensors ({report.layout} key layout).")
    typer.echo(f"SHA-256 {report.sha256}")
    typer.echo(
        f"Features of {report.n_images} procedural images: {report.n_features} values each, "
        f"mean {report.mean:.3f}, standard deviation over images {report.spread:.3f}, "
        f"largest {report.largest:.3g}."
    )
    for note in report.notes:
        typer.echo(f"Note: {note}")


@_weights.command("fetch")
def fetch_command(
    level: Annotated[str, typer.Argument(help="ImageNet or RadImageNet.")],
    backbone: _Backbone,
    weights_dir: _Folder = None,
) -> None:
    """Download a public weights file, check its hash where one is published, and put it in place.

    An interrupted download goes on where it stopped.

    Example: study weights fetch ImageNet --backbone ResNet50
    """
    from study.download_bar import download_bar
    from training.weights_files import (
        default_weights_dir,
        fetch_weights_file,
        file_sha256,
        find_public_file,
        public_file,
    )

    folder = weights_dir or default_weights_dir()
    file = public_file(level, backbone)
    path = find_public_file(file, folder)
    if path is None:
        typer.echo(f"Fetching {file.size_mb:g} MB from {file.url}", err=True)
        with download_bar() as progress:
            path = fetch_weights_file(
                file, folder, progress=lambda done, total: progress(file.name, done, total)
            )
    typer.echo(f"{path} (SHA-256 {file_sha256(path)})")


@_weights.command("make-phantom")
def make_phantom_command(backbone: _Backbone = "ResNet18", weights_dir: _Folder = None) -> None:
    """Train a backbone shortly on procedural images and keep the weights (level `phantom`); done once.

    Example: study weights make-phantom --backbone ResNet18
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from training.pretrain import make_phantom_weights
    from training.weights_files import default_weights_dir

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"{backbone}: phantom weights", total=None)
        weights = make_phantom_weights(
            backbone,
            weights_dir=weights_dir or default_weights_dir(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    typer.echo(f"{weights.path} (SHA-256 of its tensors {weights.sha256})")
