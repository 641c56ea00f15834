"""The checklists filled in: for every item what the report answers, and what is left to the author."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from manuscript.checklist import data_answers, model_answers, result_answers
from manuscript.checklist.items import Item, load_items
from manuscript.load import Report

CHECKLIST_COLUMNS = ("checklist", "number", "subject", "answered", "answer", "author")
_EVERYTHING = "All of it"


def answer_functions() -> dict[str, Callable[[Report], str | None]]:
    """Return the functions that answer items, by name."""
    named = {item.answer for item in load_items() if item.answer}
    modules = (data_answers, model_answers, result_answers)
    return {name: getattr(module, name) for module in modules for name in named if hasattr(module, name)}


def filled_checklists(report: Report) -> pd.DataFrame:
    """Return one row per item in CHECKLIST_COLUMNS, in the order of the checklists.

    Returns
    -------
    frame; `answered` tells whether the report knows the answer; else `answer` says where it is missing.
    `author` is what the author must add, empty where nothing is left

    Raises
    ------
    KeyError : an item names a function that does not exist
    """
    items, functions = load_items(), answer_functions()
    answers = {name: functions[name](report) for name in {item.answer for item in items if item.answer}}
    rows = [_row(item, answers[item.answer] if item.answer else None, report) for item in items]
    return pd.DataFrame(rows, columns=list(CHECKLIST_COLUMNS))


def missing_words(report: Report) -> str:
    """Where an answer is missing."""
    if report.mode == "published":
        return "Not in the published grid."
    if report.study.get("imported"):
        return "Not in this store: its predictions were imported."
    return "Not in this store."


def _row(item: Item, answer: str | None, report: Report) -> tuple[str, str, str, bool, str, str]:
    left = item.author or ("" if answer else _EVERYTHING)
    shown = answer or missing_words(report)
    return item.checklist, item.number, item.subject, answer is not None, shown, left
