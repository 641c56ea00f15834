"""The checklists in the supplement: a sentence and one table per checklist."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from great_tables import GT, loc, style
from IPython.display import Markdown

from manuscript.tables import styled
from manuscript.text import count, integer, join_words

_WIDTHS = {"Item": "29%", "Answer": "48%", "Left to the author": "23%"}


def table(filled: pd.DataFrame, checklist: str) -> GT:
    """The items of one checklist with their answers, from `filled_checklists`."""
    rows = filled[filled["checklist"] == checklist]
    if rows.empty:
        known = ", ".join(filled["checklist"].unique())
        raise ValueError(f"`checklist` is {checklist!r}; allowed are {known}.")
    frame = pd.DataFrame(
        {
            "Item": rows["number"] + ". " + rows["subject"],
            "Answer": rows["answer"],
            "Left to the author": rows["author"],
        }
    )
    note = "Subjects in our own words. Items that are not listed need the author's words alone."
    wrapped = style.css("white-space: normal; overflow-wrap: break-word; vertical-align: top;")
    return (
        styled(frame, notes=[note])
        .tab_style(wrapped, loc.body())
        .cols_width(_WIDTHS)
        .tab_options(table_width="100%")
    )


def sentences(filled: pd.DataFrame) -> Mapping[str, Markdown]:
    """How many items of each checklist are answered, and how many are left to the author in part or whole."""
    told = []
    for name, rows in filled.groupby("checklist", sort=False):
        answered, left = int(rows["answered"].sum()), int((rows["author"] != "").sum())
        told.append(
            f"{integer(answered)} of {count(len(rows), 'item')} of {name} ({integer(left)} need the author)"
        )
    text = f"This report answers {join_words(told)}. What it does not hold is called missing, not guessed."
    return {"checklists": Markdown(text)}
