"""`study predict`: score any images with a stored cell."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from study.predict import FilePredictions


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("predict")(predict_command)


def predict_command(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint: STORE/checkpoints/CELL.safetensors.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of images.")],
    out: Annotated[
        Path | None, typer.Option(help="Write a table (.csv or .parquet) instead of printing one.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    weights_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of weight files; default $STUDY_WEIGHTS or ~/.cache/study/weights."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in full precision.")] = False,
) -> None:
    """Score images with a stored cell: image, score (probability of the positive class), logits.

    The weights must be those that the cell was trained with (SHA-256). Images that cannot be read are named
    with the reason, the others are scored, and the exit code is 1. Research use only.

    Example: study predict runs/demo/checkpoints/0123456789ab.safetensors new-images/ --out scores.csv
    """
    from study.predict import predict_files
    from training.weights_files import default_weights_dir

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise ValueError(f"--out {out}: the table must end in .csv or .parquet.")
    found = predict_files(checkpoint, images, weights_dir=weights_dir or default_weights_dir(), device=device)
    if as_json:
        typer.echo(_json(found))
    if out is not None:
        _write(out, found)
    elif not as_json:
        from data.tables import csv_text

        typer.echo(csv_text(found.rows), nl=False)
    what = f" (score: probability of {' or '.join(found.positive)})" if found.positive else ""
    typer.echo(f"cell {found.cell_id}: {len(found.rows)} images scored{what}", err=True)
    for name, reason in found.unreadable.items():
        typer.echo(f"not scored {name}: {reason}", err=True)
    if found.unreadable:
        raise typer.Exit(1)


def _write(out: Path, found: "FilePredictions") -> None:
    from data.atomic import write_parquet, write_text
    from data.tables import csv_text

    if out.suffix == ".csv":
        write_text(out, csv_text(found.rows))
    else:
        write_parquet(out, found.rows)


def _json(found: "FilePredictions") -> str:
    rows = [
        {"image": row.image, "score": row.score, "logit_0": float(row.logit_0), "logit_1": float(row.logit_1)}
        for row in found.rows.itertuples()
    ]
    content = {"cell_id": found.cell_id, "positive": list(found.positive), "predictions": rows}
    return json.dumps(content | {"unreadable": found.unreadable}, ensure_ascii=False, indent=1)
