"""`study test wilcoxon`: ranks of a value in two groups."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from study.commands.test.options import ConfLevel, File, Json, show


class Alternative(StrEnum):
    """Direction of the alternative."""

    two_sided = "two-sided"
    less = "less"
    greater = "greater"


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
    from study.single_tests.table_file import read_user_table
    from study.single_tests.user_table import listed
    from study.single_tests.wilcoxon_report import wilcoxon_report

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
    show("wilcoxon", report, json)
