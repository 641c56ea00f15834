"""`study test`: one statistical test on any CSV or parquet table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

File = Annotated[Path, typer.Argument(help="CSV, TSV or parquet table with a header.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with every digit and nothing else.")]
ConfLevel = Annotated[float, typer.Option(help="Level of the intervals, between 0 and 1.")]
Label = Annotated[str, typer.Option(help="Column of true labels.")]


class Adjust(StrEnum):
    """Adjustment over all pairs."""

    holm = "holm"
    bh = "bh"
    none = "none"


class Alternative(StrEnum):
    """Direction of the alternative."""

    two_sided = "two-sided"
    less = "less"
    greater = "greater"


class DfMethod(StrEnum):
    """Denominator degrees of freedom."""

    satterthwaite = "satterthwaite"
    kenward_roger = "kenward-roger"
    none = "none"


def register(app: typer.Typer) -> None:
    """Put the commands on the root application."""
    group = typer.Typer(no_args_is_help=True, help="Run one statistical test on any CSV or parquet table.")
    group.command("delong")(delong_command)
    group.command("mcnemar")(mcnemar_command)
    group.command("wilcoxon")(wilcoxon_command)
    group.command("lmm")(lmm_command)
    app.add_typer(group, name="test")


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
    from study.single_tests.user_table import listed, read_user_table

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
    _show("delong", report, json)


def mcnemar_command(
    file: File,
    label: Label,
    predictions: Annotated[str, typer.Option(help="Two columns of predicted labels, A,B.")],
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Compare two classifiers by which rows each got right (McNemar).

    Example: study test mcnemar predictions.csv --label truth --predictions a,b
    """
    from study.single_tests.reports import mcnemar_report
    from study.single_tests.user_table import listed, read_user_table

    names = listed("--predictions", predictions, at_least=2, at_most=2)
    frame = read_user_table(file)
    _show("mcnemar", mcnemar_report(frame, label=label, predictions=names, conf_level=conf_level), json)


def wilcoxon_command(
    file: File,
    value: Annotated[str, typer.Option(help="Column of numbers to compare.")],
    by: Annotated[str, typer.Option(help="Factor with exactly two levels.")],
    paired: Annotated[bool, typer.Option("--paired", help="Signed-rank test on matched rows.")] = False,
    match: Annotated[str | None, typer.Option(help="Columns that name a pair, with --paired.")] = None,
    alternative: Annotated[
        Alternative, typer.Option(help="First level against the second.")
    ] = Alternative.two_sided,
    correction: Annotated[bool, typer.Option(help="Continuity correction.")] = True,
    seed: Annotated[
        int, typer.Option(help="Of the random patterns of the permutation test of many pairs.")
    ] = 0,
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Compare a value between two groups by ranks, with the rules of R's wilcox.test.

    With --paired also by an exact permutation test of the mean difference.

    Example: study test wilcoxon grid.csv --value test_auc --by pretrain
    """
    from study.single_tests.reports import wilcoxon_report
    from study.single_tests.user_table import listed, read_user_table

    report = wilcoxon_report(
        read_user_table(file),
        value=value,
        by=by,
        paired=paired,
        match=listed("--match", match) if match else (),
        alternative=alternative.value,
        correction=correction,
        seed=seed,
        conf_level=conf_level,
    )
    _show("wilcoxon", report, json)


def lmm_command(
    file: File,
    formula: Annotated[str, typer.Option(help="lme4 formula, for example 'y ~ x + (1|g)'.")],
    df: Annotated[DfMethod, typer.Option(help="Denominator degrees of freedom.")] = DfMethod.satterthwaite,
    ml: Annotated[bool, typer.Option("--ml", help="Maximum likelihood instead of REML.")] = False,
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Fit a linear mixed model with crossed or nested random effects.

    Example: study test lmm grid.csv --formula "test_auc ~ pretrain + (1|task) + (1|backbone)"
    """
    from stats.lmm import fit_lmm
    from stats.lmm.summary import lmm_summary
    from study.single_tests.user_table import read_user_table

    fit = fit_lmm(formula, read_user_table(file), reml=not ml)
    _show("lmm", lmm_summary(fit, df=df.value, conf_level=conf_level), json)


def _show(test: str, report: dict[str, Any], json: bool) -> None:
    if json:
        from study.single_tests.reports import plain_json

        typer.echo(plain_json(report))
        return
    from rich.console import Console

    from study.single_tests.printed import print_report

    print_report(Console(markup=False, highlight=False), test, report)
