"""Texts of a store that somebody else made: shown, never obeyed.

The manuscript puts names, titles and reasons into markdown, and markdown can hold HTML, raw blocks, links
that run scripts, and files to embed. Every text is therefore changed where it is read, in the one place that
all pages, tables and figures read from, so that none of this can begin in it. Ordinary names stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

# Line ends begin blocks (headers, fences, metadata); control signs and marks of direction disguise a name.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DIRECTION = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_FENCE = re.compile(r"`{2,}|~{3,}")
_LINK = re.compile(r"\](?=[(\[:{])")
# Quarto obeys {{< env NAME >}} and {{< include FILE >}} anywhere, tables and code too.
_SHORTCODE = re.compile(r"\{(?=[{<%])")
_ATTRIBUTE = re.compile(r"\{(?=\s*[=#.:A-Za-z])")
_COMMAND = re.compile(r"\\(?=[A-Za-z(\[])")


def harmless(value: Any) -> Any:
    """The value with every text in it made harmless; a mapping's keys and a frame's column names too.

    Changed are: line ends and control signs (to a blank), marks of writing direction (left out), `<` before a
    tag (to ‹), rows of backticks or tildes, `](`, `{=`, `{{`, `{<`, and a backslash before a letter (to /).

    Raises
    ------
    ValueError : two columns of a frame, or two keys, would have one name
    """
    if isinstance(value, str):
        return harmless_text(value)
    if isinstance(value, Mapping):
        return dict(zip(_names(list(value)), map(harmless, value.values()), strict=True))
    if isinstance(value, list | tuple):
        return type(value)(map(harmless, value))
    return _frame(value) if isinstance(value, pd.DataFrame) else value


def harmless_text(text: str) -> str:
    """The text with nothing in it that markdown, Quarto, HTML, LaTeX or Typst would obey."""
    if text.isalnum():
        return text
    text = _DIRECTION.sub("", _CONTROL.sub(" ", text))
    text = _FENCE.sub("'", _TAG.sub("‹", text))
    return _COMMAND.sub("/", _SHORTCODE.sub("(", _ATTRIBUTE.sub("(", _LINK.sub("] ", text))))


def _frame(frame: pd.DataFrame) -> pd.DataFrame:
    changed = {}
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        if not (pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype)):
            continue
        texts = {text: harmless_text(text) for text in column if isinstance(text, str)}
        if any(old != new for old, new in texts.items()):
            changed[name] = column.map(lambda value, known=texts: known.get(value, value), na_action="ignore")
    return frame.assign(**changed).set_axis(_names(list(frame.columns)), axis=1)


def _names(names: list[Any]) -> list[Any]:
    made = [harmless_text(name) if isinstance(name, str) else name for name in names]
    if len(set(made)) < len(set(names)):
        raise ValueError("Two names of the store differ only in signs that a page cannot show; rename one.")
    return made
