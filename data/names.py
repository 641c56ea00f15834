"""Names that become parts of paths, and paths that tables name: none leaves its folder."""

from __future__ import annotations

import re
from pathlib import Path

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


def own(root: Path, path: Path) -> Path:
    """The path, if no link below `root` leads it out of there; the last part may be a file that is replaced.

    A store that somebody else made could hold a folder that is a link to one of yours.

    Raises
    ------
    ValueError : a folder on the way is a link that leaves `root`, or a ring of links
    """
    try:
        leaves = not path.parent.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        leaves = True
    if leaves:
        raise ValueError(
            f"'{path.parent}' is or lies in a link that leaves the store '{root}', so nothing is written or "
            "deleted there. Put a folder in place of the link; a link to the whole store may be used."
        )
    return path


def inside(folder: Path, name: str) -> Path:
    """The file that a stored table names, below its folder; links are followed before this is decided.

    Raises
    ------
    ValueError : the name leads out of the folder, or is no name of a file
    """
    try:
        root = folder.resolve()
        path = (root / name).resolve()
        leaves = not path.is_relative_to(root)
    except (OSError, RuntimeError, ValueError):  # too long, a ring of links, a null character
        leaves = True
    if leaves:
        raise ValueError(
            f"A table of the store names the file {name!r}, which is not below '{folder}'. Such a table was "
            "not written by this program; do not use the store, or make its pictures again."
        )
    return path
