"""`study compare`: K models on the same images, everything at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.test.options import Adjust, ConfLevel, File, Json


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("compare")(compare_command)


def compare_command(
    file: File,
    label: Annotated[str, typer.Option(help="Column of true labels.")],
    scores: Annotated[str, typer.Option(help="Score columns, A,B[,C...]; larger = more positive.")],
    positive: Annotated[
        str | None, typer.Option(help="Level of the label that is positive; not needed for 0/1.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Column of patient ids.")] = None,
    logits: Annotated[bool, typer.Option("--logits", help="Scores are log odds, not probabilities.")] = False,
    threshold: Annotated[float, typer.Option(help="Called positive at and above it.")] = 0.5,
    margin: Annotated[
        float | None, typer.Option(help="Loss of AUC that is still acceptable: tests of non-inferiority.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="With --margin: the model that others must not fall below.")
    ] = None,
    adjust: Annotated[Adjust, typer.Option(help="Adjustment of p over all pairs.")] = Adjust.holm,
    conf_level: ConfLevel = 0.95,
    n_resamples: Annotated[int, typer.Option(help="Of bootstrap intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of bootstrap intervals.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for all tables (CSV, parquet) and the picture (PNG, SVG).")
    ] = None,
    json: Json = False,
) -> None:
    """Compare score columns of one table: AUCs, accuracy, calibration and decision curves, with a picture.

    Example: study compare scores.csv --label truth --positive malignant --scores a,b,c --group patient
    --out comparison
    """
    from study.compare.inputs import compare_input
    from study.compare.tables import CompareOptions, compare_models
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed

    options = CompareOptions(
        adjust=adjust.value,
        threshold=threshold,
        margin=margin,
        reference=reference,
        conf_level=conf_level,
        n_resamples=n_resamples,
        seed=seed,
    )
    data = compare_input(
        read_user_table(file),
        label=label,
        scores=listed("--scores", scores),
        positive=positive,
        group=group,
        logits=logits,
    )
    found = compare_models(data, options)
    if json:
        from study.single_tests.plain import plain_json

        typer.echo(plain_json({**found.tables, "notes": list(found.notes)}))
    else:
        from rich.console import Console

        from study.compare.printed import print_comparison

        print_comparison(Console(markup=False, highlight=False), found, options)
    if out is not None:
        from study.compare.files import write_comparison

        for path in write_comparison(found, options, out):
            typer.echo(f"Wrote {path}", err=True)
