"""`study test delong`, `mcnemar` and `cochran`: classifiers on the same images."""

from __future__ import annotations

from typing import Annotated

import typer

from study.commands.test.options import Adjust, AucAdjust, ConfLevel, File, Json, show

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
    adjust: Annotated[
        AucAdjust, typer.Option(help="Adjustment of p over the comparisons; max-t: their joint distribution.")
    ] = AucAdjust.holm,
    reference: Annotated[
        str | None, typer.Option(help="Compare every other model with this one only.")
    ] = None,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Each score column is a sample of its own (its filled rows).")
    ] = False,
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Compare the AUCs of score columns on the same images (DeLong; Obuchowski with --group).

    Example: study test delong scores.csv --label truth --scores a,b --positive malignant
    """
    from study.single_tests.delong_report import delong_report
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed

    report = delong_report(
        read_user_table(file),
        label=label,
        scores=listed("--scores", scores),
        positive=positive,
        group=group,
        adjust=adjust.value,
        reference=reference,
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
    from study.single_tests.mcnemar_report import mcnemar_report
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed

    names = listed("--predictions", predictions, at_least=2, at_most=2)
    frame = read_user_table(file)
    report = mcnemar_report(
        frame, label=label, predictions=names, group=group, seed=seed, conf_level=conf_level
    )
    show("mcnemar", report, json)


def cochran_command(
    file: File,
    label: Label,
    predictions: Annotated[str, typer.Option(help="Two or more columns of predicted labels, A,B[,C...].")],
    adjust: Annotated[Adjust, typer.Option(help="Adjustment of p over all pairs.")] = Adjust.holm,
    seed: Annotated[int, typer.Option(help="Of random tables, where there are too many for all.")] = 0,
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Compare K classifiers by which rows each got right (Cochran's Q, and McNemar's mid-p for every pair).

    Example: study test cochran predictions.csv --label truth --predictions a,b,c
    """
    from study.single_tests.cochran_report import cochran_report
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed

    report = cochran_report(
        read_user_table(file),
        label=label,
        predictions=listed("--predictions", predictions, at_least=2),
        adjust=adjust.value,
        seed=seed,
        conf_level=conf_level,
    )
    show("cochran", report, json)
