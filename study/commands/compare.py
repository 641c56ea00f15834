"""`study compare`: K models on the same images, everything at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.test.options import (
    AucAdjust,
    Band,
    ConfLevel,
    File,
    Focus,
    Json,
    MarginMethod,
    PartialAuc,
    Rule,
    Sensitivity,
    Specificity,
)


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
    threshold: Annotated[
        float | None, typer.Option(help="Called positive at and above it; default 0.5.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Column with val and test: thresholds and winners are chosen on val."),
    ] = None,
    rule: Annotated[
        Rule | None, typer.Option(help="With --split: choose each model's threshold on val by this rule.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="With --rule sensitivity or specificity: the rate to reach.")
    ] = None,
    specificity: Specificity = None,
    sensitivity: Sensitivity = None,
    partial_auc: PartialAuc = None,
    focus: Focus = None,
    band: Band = "auto",
    margin: Annotated[
        float | None, typer.Option(help="Loss of AUC that is still acceptable: tests of non-inferiority.")
    ] = None,
    margin_method: Annotated[
        MarginMethod | None,
        typer.Option(help="With --margin: delong (default); mover-logit keeps its level for AUCs near 1."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Compare AUCs with this model only; with --margin, others must not fall below it."),
    ] = None,
    adjust: Annotated[
        AucAdjust,
        typer.Option(help="Adjustment of p over the comparisons; max-t is for AUCs, Holm for the rest."),
    ] = AucAdjust.holm,
    conf_level: ConfLevel = 0.95,
    n_resamples: Annotated[int, typer.Option(help="Of bootstrap intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of bootstrap intervals.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for all tables (CSV, parquet) and the picture (PNG, SVG).")
    ] = None,
    json: Json = False,
) -> None:
    """Compare score columns of one table: AUCs, rates, calibration and decision curves, with a picture.

    Example: study compare scores.csv --label truth --positive malignant --scores a,b,c --group patient
    --out comparison
    """
    from study.compare.inputs import compare_input
    from study.compare.tables import CompareOptions, compare_models
    from study.models.roc import RocParts
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed, listed_numbers

    _refuse_alone(
        ("--target", target is not None, "--rule", rule is not None),
        ("--margin-method", margin_method is not None, "--margin", margin is not None),
        ("--focus", focus is not None, "--partial-auc", partial_auc is not None),
    )
    if rule is not None and threshold is not None:
        raise ValueError("--threshold and --rule both set the threshold; give one of them.")
    low_high = listed_numbers("--partial-auc", partial_auc, count=2)
    options = CompareOptions(
        adjust="holm" if adjust == AucAdjust.max_t else adjust.value,
        auc_adjust=adjust.value,
        threshold=0.5 if threshold is None else threshold,
        rule=None if rule is None else rule.value,
        target=target,
        parts=RocParts(
            specificity=listed_numbers("--specificity", specificity),
            sensitivity=listed_numbers("--sensitivity", sensitivity),
            partial=(low_high[0], low_high[1]) if low_high else None,
            focus=focus or "specificity",
            band=band,
        ),
        margin=margin,
        margin_method="delong" if margin_method is None else margin_method.value,
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
        split=split,
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


def _refuse_alone(*pairs: tuple[str, bool, str, bool]) -> None:
    """Raise ValueError for an option that was given without the one that it belongs to."""
    for option, given, other, there in pairs:
        if given and not there:
            raise ValueError(f"{option} has no effect without {other}; give both or neither.")
