"""What the commands of `study test` share: their arguments and how a report is shown."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

File = Annotated[Path, typer.Argument(help="CSV, TSV or parquet table with a header.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with every digit and nothing else.")]
ConfLevel = Annotated[float, typer.Option(help="Level of the intervals, between 0 and 1.")]


Specificity = Annotated[
    str | None, typer.Option(help="Sensitivity at these specificities, for example 0.9,0.95.")
]
Sensitivity = Annotated[
    str | None, typer.Option(help="Specificity at these sensitivities, for example 0.9,0.95.")
]
PartialAuc = Annotated[
    str | None, typer.Option(metavar="LOW,HIGH", help="Area between two specificities, for example 0.8,1.")
]
Focus = Annotated[
    str | None, typer.Option(help="The rate that --partial-auc is over: specificity or sensitivity.")
]
Band = Annotated[str, typer.Option(help="Simultaneous band of the curve: auto, ks, fixed-width or none.")]


class Rule(StrEnum):
    """How a threshold is chosen on validation rows, see `stats.rates.thresholds.RULES`."""

    youden = "youden"
    sensitivity = "sensitivity"
    specificity = "specificity"


class MarginMethod(StrEnum):
    """Test of a margin of AUCs, see `stats.roc.equivalence.METHODS`."""

    delong = "delong"
    mover_logit = "mover-logit"
    mover_newcombe = "mover-newcombe"


class Adjust(StrEnum):
    """Adjustment over all pairs, see `stats.multiplicity.adjust.adjust_p`."""

    holm = "holm"
    hochberg = "hochberg"
    bonferroni = "bonferroni"
    sidak = "sidak"
    bh = "bh"
    by = "by"
    none = "none"


class AucAdjust(StrEnum):
    """Adjustment over comparisons of AUCs, see `stats.roc.family.AUC_ADJUSTMENTS`."""

    holm = "holm"
    hochberg = "hochberg"
    bonferroni = "bonferroni"
    sidak = "sidak"
    bh = "bh"
    by = "by"
    none = "none"
    max_t = "max-t"


def show(test: str, report: dict[str, Any], json: bool) -> None:
    """Print a report as JSON or as tables."""
    if json:
        from study.single_tests.plain import plain_json

        typer.echo(plain_json(report))
        return
    from rich.console import Console

    from study.single_tests.printed import print_report

    print_report(Console(markup=False, highlight=False), test, report)
