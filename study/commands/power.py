"""`study power`: how many images, which power, or which difference can be detected."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Variance(StrEnum):
    """Formula of the variance of an AUC."""

    obuchowski = "obuchowski"
    hanley_mcneil = "hanley-mcneil"
    binormal = "binormal"


class NullVariance(StrEnum):
    """Variance under the null hypothesis."""

    reference = "reference"
    alternative = "alternative"


class Variant(StrEnum):
    """Form of McNemar's test."""

    mid_p = "mid_p"
    exact = "exact"
    chi2 = "chi2"
    chi2_corrected = "chi2_corrected"


def register(app: typer.Typer) -> None:
    """Put the command on the root application."""
    app.command("power")(power_command)


def power_command(
    auc: Annotated[float | None, typer.Option(help="Expected AUC of the (new) model.")] = None,
    reference: Annotated[float | None, typer.Option(help="AUC of the model to compare with.")] = None,
    null_auc: Annotated[float | None, typer.Option(help="One model: the fixed AUC to exceed.")] = None,
    correlation: Annotated[
        float | None, typer.Option(help="Correlation of the two estimated AUCs on the same images.")
    ] = None,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="The two models see different images.")
    ] = False,
    positives: Annotated[int | None, typer.Option(help="Positive images; leave out to ask how many.")] = None,
    negatives: Annotated[int | None, typer.Option(help="Negative images; leave out to ask how many.")] = None,
    ratio: Annotated[
        float | None, typer.Option(help="Negatives per positive; default 1, or that of the file.")
    ] = None,
    power: Annotated[float | None, typer.Option(help="Wanted power, 0.5 to below 1; default 0.8.")] = None,
    alpha: Annotated[float, typer.Option(help="Level of the test.")] = 0.05,
    one_sided: Annotated[bool, typer.Option("--one-sided", help="Test in one direction only.")] = False,
    margin: Annotated[
        float, typer.Option(help="Non-inferiority margin; needs --one-sided (usual alpha 0.025).")
    ] = 0.0,
    variance: Annotated[
        Variance | None, typer.Option(help="Variance formula; default obuchowski, the widest.")
    ] = None,
    null_variance: Annotated[
        NullVariance | None,
        typer.Option(help="Variance under H0: as Obuchowski 1998 (reference) or as DeLong (alternative)."),
    ] = None,
    design_effect: Annotated[
        float, typer.Option(help="Factor of the variance for several images per patient.")
    ] = 1.0,
    file: Annotated[
        Path | None, typer.Option(help="Pilot: CSV, TSV or parquet table of scores, instead of a formula.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Pilot: column of true labels.")] = None,
    scores: Annotated[str | None, typer.Option(help="Pilot: score columns REFERENCE,NEW, or one.")] = None,
    positive: Annotated[
        str | None, typer.Option(help="Pilot: level of the label that is positive; not needed for 0/1.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Pilot: column of patient ids.")] = None,
    discordant: Annotated[
        str | None, typer.Option(help="McNemar: shares of images that only a, and only b, gets right, P,Q.")
    ] = None,
    images: Annotated[int | None, typer.Option(help="McNemar: images; leave out to ask how many.")] = None,
    variant: Annotated[Variant | None, typer.Option(help="McNemar: form of the test, default mid_p.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON with every digit, nothing else.")] = False,
) -> None:
    """Plan a test set: images needed, power, or the smallest difference that can be detected.

    What is left out is worked out: without --positives and --negatives the images that --auc needs, with
    them and --auc the power, with them alone the smallest gain and loss that can be detected.

    Example: study power --auc 0.93 --reference 0.90 --correlation 0.5 --ratio 2.7
    """
    from study.power_report import PilotColumns, PowerQuestion, power_report

    question = PowerQuestion(
        auc=auc,
        reference=reference,
        null_auc=null_auc,
        correlation=correlation,
        unpaired=unpaired,
        n_positive=positives,
        n_negative=negatives,
        ratio=ratio,
        power=power,
        alpha=alpha,
        one_sided=one_sided,
        margin=margin,
        variance=None if variance is None else variance.value,
        null_variance=None if null_variance is None else null_variance.value,
        design_effect=design_effect,
        discordant=discordant,
        images=images,
        variant=None if variant is None else variant.value,
    )
    columns = PilotColumns(file=file, label=label, scores=scores, positive=positive, group=group)
    report = power_report(question, columns)
    if json:
        from study.single_tests.plain import plain_json

        typer.echo(plain_json(report))
        return
    from rich.console import Console

    from study.power_printed import print_power

    print_power(Console(markup=False, highlight=False), report)
