"""`study test lmm`: a linear mixed model on any table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from study.commands.test.options import ConfLevel, File, Json, show


class DfMethod(StrEnum):
    """Denominator degrees of freedom."""

    satterthwaite = "satterthwaite"
    kenward_roger = "kenward-roger"
    none = "none"


class Coding(StrEnum):
    """Coding of factors."""

    treatment = "treatment"
    sum = "sum"


class Engine(StrEnum):
    """What estimates the variances."""

    newton = "newton"
    statsmodels = "statsmodels"


class Kind(StrEnum):
    """Which levels are compared."""

    pairwise = "pairwise"
    treatment_vs_control = "treatment-vs-control"


class Adjust(StrEnum):
    """Adjustment over the contrasts."""

    holm = "holm"
    tukey = "tukey"
    sidak = "sidak"
    bonferroni = "bonferroni"
    none = "none"


class Intervals(StrEnum):
    """Intervals of every parameter."""

    profile = "profile"
    bootstrap = "bootstrap"


def lmm_command(
    file: File,
    formula: Annotated[str, typer.Option(help="lme4 formula, for example 'y ~ x + (1|g)'.")],
    df: Annotated[DfMethod, typer.Option(help="Denominator degrees of freedom.")] = DfMethod.satterthwaite,
    ml: Annotated[bool, typer.Option("--ml", help="Maximum likelihood instead of REML.")] = False,
    weights: Annotated[str | None, typer.Option(help="Column of inverse variances, up to a factor.")] = None,
    offset: Annotated[str | None, typer.Option(help="Column subtracted from the response.")] = None,
    coding: Annotated[Coding, typer.Option(help="Coding of factors.")] = Coding.treatment,
    engine: Annotated[
        Engine, typer.Option(help="statsmodels: variances from its MixedLM, with the disagreement.")
    ] = Engine.newton,
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Also F tests, test of each random term, variance shares, R2, ICC, residuals."
        ),
    ] = False,
    contrasts: Annotated[str | None, typer.Option(help="Compare the marginal means of this factor.")] = None,
    by: Annotated[str | None, typer.Option(help="Compare them within each level of this factor.")] = None,
    kind: Annotated[Kind, typer.Option(help="All pairs, or each level minus the first.")] = Kind.pairwise,
    adjust: Annotated[Adjust, typer.Option(help="Adjustment over the contrasts.")] = Adjust.holm,
    intervals: Annotated[
        Intervals | None, typer.Option(help="Also profile or bootstrap intervals of every parameter.")
    ] = None,
    n_resamples: Annotated[int, typer.Option(help="Of the bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    conf_level: ConfLevel = 0.95,
    json: Json = False,
) -> None:
    """Fit a linear mixed model with crossed or nested random effects.

    Example: study test lmm grid.csv --formula "test_auc ~ pretrain * backbone + (1|task)"
    --contrasts pretrain --by backbone
    """
    from study.single_tests.lmm_report import LmmExtras, lmm_report
    from study.single_tests.table_file import read_user_table

    report = lmm_report(
        read_user_table(file),
        formula,
        df=df.value,
        reml=not ml,
        weights=weights,
        offset=offset,
        coding=coding.value,
        engine=engine.value,
        conf_level=conf_level,
        extras=LmmExtras(
            details=details,
            contrasts=contrasts,
            by=by,
            kind=kind.value,
            adjust=adjust.value,
            intervals=None if intervals is None else intervals.value,
            n_resamples=n_resamples,
            seed=seed,
        ),
    )
    show("lmm", report, json)
