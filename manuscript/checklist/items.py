"""The items of the checklists: number, subject, which function answers, what is left to the author."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ITEMS_FILE = Path(__file__).parent / "items.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a checklist.

    Attributes
    ----------
    checklist : its name
    number : as the checklist numbers it
    subject : what it asks for, in our own words
    answer : name of the function that answers it from a report; empty where none can
    author : what the author must add; empty where the answer is whole
    """

    checklist: str
    number: str
    subject: str
    answer: str = ""
    author: str = ""


def load_items(path: Path = ITEMS_FILE) -> list[Item]:
    """Return all items, in the order of the file.

    Raises
    ------
    ValueError : an item lacks a field or has an unknown one
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    items = []
    for checklist, numbered in content.items():
        for number, fields in numbered.items():
            known, given = {"subject", "answer", "author"}, set(fields)
            if not given <= known or "subject" not in given or len(given) == 1:
                raise ValueError(
                    f"Item {number} of {checklist} in `{path.name}` has the fields {', '.join(fields)}; it "
                    "needs `subject`, with `answer`, `author` or both."
                )
            items.append(Item(checklist=checklist, number=number, **fields))
    return items
