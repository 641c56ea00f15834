"""Where a data set lies below --data-root, and what a folder holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from data.readers.notes import some


def find_folder(
    name: str,
    data_root: Path | None,
    *,
    places: Sequence[str],
    marks: Sequence[str],
    needs: Sequence[str],
    shown: str | None = None,
) -> Path:
    """Return the folder of a data set: the data root itself or the first of `places` below it that fits.

    Parameters
    ----------
    places : folders below the data root, most usual name first
    marks : names in the folder, any of which tells that it is the one
    needs : names that it must hold
    shown : what the data root must hold, as an error says it; the first of `places` if not given

    Raises
    ------
    FileNotFoundError, NotADirectoryError : no data root given, or the data set is not there
    ValueError : the folder was found, but lacks some of `needs`
    """
    how = f"See `study data list {name}` for how to get it."
    if data_root is None:
        raise FileNotFoundError(
            f"The data set '{name}' needs --data-root, the folder that holds {shown or places[0]}. {how}"
        )
    root = Path(data_root)
    if not root.exists():
        raise FileNotFoundError(f"There is no folder '{root}' (--data-root). Create it or name another one.")
    if not root.is_dir():
        raise NotADirectoryError(
            f"'{root}' (--data-root) is a file; name the folder that holds {shown or places[0]}."
        )
    candidates = [root, *(root / place for place in places)]
    found = next((place for place in candidates if any((place / mark).exists() for mark in marks)), None)
    if found is None:
        raise FileNotFoundError(f"'{root}' holds neither {places[0]} nor {', '.join(marks)} itself. {how}")
    missing = [part for part in needs if not (found / part).exists()]
    if missing:
        raise ValueError(
            f"'{found}' lacks {some(missing)}; the data set '{name}' has {some(needs)} there. "
            "Unpack or copy it again."
        )
    return found


def check_folder(path: Path) -> Path:
    """The path itself; raises where it is not an existing folder."""
    if not path.exists():
        raise FileNotFoundError(f"There is no folder '{path}'. Check `path` and --data-root.")
    if not path.is_dir():
        raise NotADirectoryError(f"'{path}' is a file, but a folder with one sub-folder per class is needed.")
    return path


def list_folder(path: Path) -> list[Path]:
    """Everything in a folder that is not hidden, sorted by name.

    Raises
    ------
    PermissionError, NotADirectoryError : the folder may not be read, or is a file
    """
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries)
    except PermissionError as error:
        raise PermissionError(
            f"The folder '{path}' may not be read ({error.strerror}). "
            "Give yourself the right to read it and its files, or copy the data elsewhere."
        ) from error
    except NotADirectoryError as error:
        raise NotADirectoryError(f"'{path}' is a file, but a folder is needed.") from error
    return [path / name for name in names if not name.startswith(".")]


def below(data_root: Path | None, path: str | Path) -> Path:
    """The place of a path option: relative to the data root, or to the current folder without one."""
    return Path(path) if data_root is None else Path(data_root) / path
