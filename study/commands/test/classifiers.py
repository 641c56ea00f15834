"""`study test delong` and `study test mcnemar`: classifiers on the same images."""

from __future__ import annotations

from typing import Annotated

import typer

from study.commands.test.options import Adjust, ConfLevel, File, Json, show

Label = Annotated[str, typer.Option(help="Column of true labels.")]


def delong_command(
    file: File,
    label: Label,
    scores: Annotated[str, typer.Option(help="Score columns, A,B[,C...]; larger = more positive.")],
    positive: Annotated[
        str | None, typer.Option(help="Level of the label that is positive; not needed for 0/1.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column of patient ids: several images per patient.")
    ] = None,
    adjust: Annotated[Adjust, typer.Option(help="Adjustment of p over all pairs.")] = Adjust.holm,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Each score column is a sample of its own (its filled rows).")
    ] = False,
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Compare the AUCs of score columns on the same images (DeLong; Obuchowski with --group).

    Example: study test delong scores.csv --label truth --scores a,b --positive malignant
    """
    from study.single_tests.reports import delong_report
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed

    report = delong_report(
        read_user_table(file),
        label=label,
        scores=listed("--scores", scores),
        positive=positive,
        group=group,
        adjust=adjust.value,
        unpaired=unpaired,
        conf_level=conf_level,
    )
    show("delong", report, json)


def mcnemar_command(
    file: File,
    label: Label,
    predictions: Annotated[str, typer.Option(help="Two columns of predicted labels, A,B.")],
    group: Annotated[
        str | None, typer.Option(help="Column of patient ids: several images per patient.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random permutations, with --group.")] = 0,
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Compare two classifiers by which rows each got right (McNemar).

    Example: study test mcnemar predictions.csv --label truth --predictions a,b
    """
    from study.single_tests.reports import mcnemar_report
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed

    names = listed("--predictions", predictions, at_least=2, at_most=2)
    frame = read_user_table(file)
    report = mcnemar_report(
        frame, label=label, predictions=names, group=group, seed=seed, conf_level=conf_level
    )
    show("mcnemar", report, json)
