"""What the document on the original study shows: texts and tables, or one line in the report of a store."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from IPython.display import Markdown

from data.published_grid import load_published_grid
from manuscript.load import Report
from manuscript.pick import pick, pick_row
from manuscript.published import tables
from manuscript.published.beyond import BeyondPublished, beyond_published
from manuscript.published.compare import TABLE_NAMES, published_tables
from manuscript.published.value import VERDICTS, PublishedValue
from manuscript.text import count, degrees, estimate, integer, join_words, number, p_phrase

MODEL_TABLES = ("4", "5", "11", "12")
OTHER_TABLES = ("8", "9", "13", "14")
GRID_TABLE = "3"
_ELSEWHERE = "*Shown in the report of the published grid only (`study manuscript --published`).*"
_VERDICT_TEXTS = {
    "equal": "equal in every printed digit",
    "within rounding": "as near as the rounding of the printed inputs allows",
    "optimiser": "different in a last digit that depends on where an optimiser stops",
    "not equal": "not equal",
}


def models(report: Report) -> Any:
    """The paper's mixed models, printed beside computed."""
    return _comparison(report, MODEL_TABLES)


def grid(report: Report) -> Any:
    """The levels of the paper's grid, printed beside found."""
    if not _shown(report):
        return Markdown(_ELSEWHERE)
    return tables.levels_table([value for value in _values() if value.table == GRID_TABLE])


def others(report: Report) -> Any:
    """The paper's tests and best models, printed beside computed."""
    return _comparison(report, OTHER_TABLES)


def replicates(report: Report) -> Any:
    """Runs that repeat each other."""
    return tables.replicates_table(_beyond().replicates) if _shown(report) else Markdown(_ELSEWHERE)


def slices(report: Report) -> Any:
    """The pretraining within each task and backbone."""
    return tables.slices_table(_beyond().slices) if _shown(report) else Markdown(_ELSEWHERE)


def interactions(report: Report) -> Any:
    """Interactions of the pretraining."""
    return tables.interactions_table(_beyond().interactions) if _shown(report) else Markdown(_ELSEWHERE)


def collapsed(report: Report) -> Any:
    """Models that predict one class only."""
    return tables.collapsed_table(_beyond().collapsed) if _shown(report) else Markdown(_ELSEWHERE)


def sentences(report: Report) -> Mapping[str, Markdown]:
    """The texts of the section by name; empty in the report of a store."""
    writers = {"printed": _printed_text, "noise": _noise_text, "slices": _slices_text, "fallen": _fallen_text}
    return {name: Markdown(write() if _shown(report) else "") for name, write in writers.items()}


def _shown(report: Report) -> bool:
    return report.mode == "published"


@cache
def _values() -> list[PublishedValue]:
    return published_tables()


@cache
def _beyond() -> BeyondPublished:
    return beyond_published(load_published_grid())


def _comparison(report: Report, names: tuple[str, ...]) -> Any:
    if not _shown(report):
        return Markdown(_ELSEWHERE)
    return tables.comparison_table([value for value in _values() if value.table in names])


def _printed_text() -> str:
    values = _values()
    counts = {verdict: sum(value.verdict == verdict for value in values) for verdict in VERDICTS}
    told = [
        f"{integer(n)} {'is' if n == 1 else 'are'} {_VERDICT_TEXTS[verdict]}"
        for verdict, n in counts.items()
        if n
    ]
    return (
        f"Of {count(len(values), 'value')} in the paper's tables {join_words(list(TABLE_NAMES))}, "
        f"{join_words(told)}. No predictions of its best models were published: their tables are computed "
        "from the paper's own figures, which shows that these agree with each other and with the number of "
        "test images, no more. McNemar's counts are those that the printed accuracies and statistics allow."
    )


def _noise_text() -> str:
    rows = _beyond().replicates
    first = rows.iloc[0]
    effect = next(v for v in _values() if (v.table, v.row, v.quantity) == ("11", "RadImageNet", "estimate"))
    return (
        "The study's published code builds the heads Conv and ConvSkip without their FC ratio, although the "
        f"grid varies it. If the grid ran so, {count(int(first['n']), 'pair')} of models are the same model "
        f"trained twice. The AUCs agree with it: between the two ratios their mean differs by "
        f"{estimate(first['mean_difference'], first['conf_low'], first['conf_high'])}, "
        f"{p_phrase(first['p_value'])}. The standard deviation of the test AUC of a single run is then "
        f"{number(first['sd_of_a_run'], 4)}, that of the difference of two equal runs "
        f"{number(np.sqrt(2) * first['sd_of_a_run'], 4)}, and the largest gap "
        f"{number(first['largest_gap'])}. "
        f"The effect of the pretraining in the mixed model is {number(float(effect.computed.value))}: "
        "one run per setting cannot show an effect of this size, only many settings together can."
    )


def _slices_text() -> str:
    beyond = _beyond()
    row = pick_row(beyond.interactions, term="pretrain:backbone")
    shown = [
        f"{number(-row.estimate)} for *{row.task}* with {row.backbone}" for row in beyond.slices.itertuples()
    ]
    return (
        "The main effect of the pretraining hides an interaction with the backbone "
        f"(F({degrees(row['df1'])}, {degrees(round(row['df2'], 1))}) = {number(row['statistic'], 1)}, "
        f"{p_phrase(row['p_value'])}). RadImageNet minus ImageNet is {join_words(shown)}. This was seen "
        "after looking at the results, and all models of a task share one small set of test images, whose "
        "sampling error these tests leave out."
    )


def _fallen_text() -> str:
    rows = _beyond().collapsed
    total = int(rows["n_collapsed"].sum())
    worst = rows.groupby(["backbone", "pretrain"])[["n", "n_collapsed"]].sum().reset_index()
    top = worst.sort_values("n_collapsed").iloc[-1]
    key = {"backbone": top["backbone"], "pretrain": top["pretrain"]}
    share = int(pick(worst, "n_collapsed", **key))
    return (
        f"{count(total, 'model').capitalize()} predict one class for every test image, told by F1 and "
        f"accuracy; {'all' if share == total else integer(share)} of them are among the "
        f"{count(int(top['n']), 'model')} of {top['backbone']} with {top['pretrain']}."
    )
