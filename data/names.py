"""Names that become parts of paths: checked once, so that no name leaves its folder."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def check_name(kind: str, name: object) -> str:
    """Return `name` if it can stand in a path on every system.

    Parameters
    ----------
    kind : what the name is for, as the error says it ("task", "cell_id", ...)

    Raises
    ------
    TypeError : not a text
    ValueError : empty, longer than 128, or with other characters than letters, digits, `_`, `-`, `.`
    """
    if not isinstance(name, str):
        raise TypeError(f"The {kind} must be a text, but {name!r} ({type(name).__name__}) came.")
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            f"The {kind} {name!r} cannot be part of a file name: use 1 to 128 letters (a-z), digits, "
            "'_', '-' or '.', beginning with a letter or digit."
        )
    return name
