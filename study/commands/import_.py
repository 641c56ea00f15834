"""`study import`: predictions made elsewhere into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("import")(import_command)


def import_command(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or parquet table with a header.")],
    store: Annotated[Path, typer.Option("--as", help="Folder of the store, for example runs/mine.")],
    label: Annotated[str, typer.Option(help="Column of true classes.")],
    scores: Annotated[
        str | None, typer.Option(help="Wide table: score columns, A,B[,C...], one per model.")
    ] = None,
    score: Annotated[str | None, typer.Option(help="Long table: the column of scores.")] = None,
    factors: Annotated[
        str | None,
        typer.Option(help="Long table: columns that tell the models apart."),
    ] = None,
    cells: Annotated[
        Path | None,
        typer.Option(help="Wide table: table of the models, columns `model` and factors."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Level of the label that is positive; not needed for 0/1.")
    ] = None,
    image_id: Annotated[str | None, typer.Option(help="Column of image ids.")] = None,
    patient: Annotated[str | None, typer.Option(help="Column of patient ids.")] = None,
    split: Annotated[str | None, typer.Option(help="Column that says val or test; default all test.")] = None,
    task: Annotated[str, typer.Option(help="Name of the task.")] = "imported",
    logits: Annotated[bool, typer.Option("--logits", help="Scores are log odds, not probabilities.")] = False,
    plan: Annotated[Path | None, typer.Option(help="TOML file with an [analysis] table.")] = None,
) -> None:
    """Import predictions, so that `study stats` and `study manuscript` work on them.

    Example: study import scores.csv --as runs/mine --label truth --positive malignant
    --scores resnet,densenet --image-id image --patient patient
    """
    from study.config import parse_analysis
    from study.imports.models import TableColumns, read_long, read_wide
    from study.imports.store import import_predictions
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed

    wide = scores is not None
    if wide == (score is not None) or wide == (factors is not None) or (cells is not None and not wide):
        raise ValueError(
            "Say --scores A,B for a wide table (one column per model, --cells may describe them), or "
            "--score S and --factors F for a long one (one row per image and model)."
        )
    columns = TableColumns(
        label=label, positive=positive, image_id=image_id, patient=patient, split=split, logits=logits
    )
    frame = read_user_table(file)
    if scores is not None:
        described = None if cells is None else read_user_table(cells)
        table = read_wide(frame, columns, scores=listed("--scores", scores), cells=described)
    else:
        table = read_long(frame, columns, score=str(score), factors=listed("--factors", str(factors)))
    wanted = None if plan is None else parse_analysis(plan.read_text(encoding="utf-8"), source=str(plan))
    import_predictions(table, store, task=task, source=file, plan=wanted)
    images = table.models[0].predictions
    counts = ", ".join(f"{name} {n}" for name, n in images["split"].value_counts(sort=False).items())
    typer.echo(
        f"{len(table.models)} models on {len(images)} images ({counts}), "
        f"{int(images['label'].sum())} positive ({table.positive}), into {store}"
    )
    for note in table.notes:
        typer.echo(f"Note: {note}.", err=True)
    typer.echo(f"Next: study stats {store}")
