"""Make a store or open one, with errors that say what else to name."""

from __future__ import annotations

from pathlib import Path

from data.place.base import Place
from data.place.local import LocalPlace
from data.store.layout import CELLS

_PROBE = ".probe"


def create_place(root: Path | str) -> Place:
    """Return the place of a store that may be written; clears what killed processes left.

    Raises
    ------
    NotADirectoryError : `root` or one of its parents is a file
    PermissionError : `root` cannot be made or written
    """
    place = LocalPlace(Path(root))
    cells = place.root / CELLS
    try:
        cells.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_PROBE, b"")
        place.remove(_PROBE)
    except (NotADirectoryError, FileExistsError) as error:
        raise NotADirectoryError(
            f"The store '{root}' cannot be made: '{_first_file(cells)}' is a file, "
            "not a folder. Give another folder with --store."
        ) from error
    except OSError as error:
        raise PermissionError(
            f"The store '{root}' cannot be written ({error.strerror or error}). "
            "Give a folder that you may write with --store, or change its permissions."
        ) from error
    place.remove_stale()
    return place


def open_place(root: Path | str) -> Place:
    """Return the place of a store that exists.

    Raises
    ------
    FileNotFoundError : there is no such folder, or it is not a store
    NotADirectoryError : `root` is a file
    """
    place = LocalPlace(Path(root))
    if not place.root.exists():
        raise FileNotFoundError(
            f"There is no store at '{root}'. Run `study run-grid` first, or name an existing store."
        )
    if not place.root.is_dir():
        raise NotADirectoryError(
            f"The store '{root}' is a file; a store is a folder that `study run-grid` wrote."
        )
    if not (place.root / CELLS).is_dir():
        raise FileNotFoundError(
            f"'{root}' is not a store (no folder `cells`). Name the folder that `study run-grid` wrote."
        )
    return place


def _first_file(path: Path) -> Path:
    return next((part for part in [*reversed(path.parents), path] if part.is_file()), path)
