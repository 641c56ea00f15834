"""Make a store or open one, with errors that say what else to name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.place.base import Place
from data.place.local import LocalPlace
from data.place.remote import RemotePlace, is_url
from data.store.layout import CELLS, PACKS

_PROBE = ".probe"
# An object store has no empty folders: this makes a store exist before its first cell.
_MARK = f"{CELLS}/.store"


def place_at(root: Path | str) -> LocalPlace | RemotePlace:
    """The place of a path or a URL; nothing is made or checked."""
    return RemotePlace.at(str(root)) if is_url(root) else LocalPlace(Path(root))


def create_place(root: Path | str) -> Place:
    """Return the place of a store that may be written; clears what killed processes left.

    Raises
    ------
    NotADirectoryError : `root` or one of its parents is a file
    PermissionError : `root` cannot be made or written
    OSError, ValueError : the place of a URL cannot be reached or used
    """
    place = place_at(root)
    if isinstance(place, RemotePlace):
        with _reached(place):
            place.write_bytes(_MARK, b"")
        return place
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
    place = place_at(root)
    if isinstance(place, RemotePlace):
        with _reached(place):
            found = place.exists(_MARK) or bool(place.names(CELLS, ".json") or place.names(PACKS, ".json"))
        if not found:
            raise FileNotFoundError(
                f"There is no store at '{root}'. Run `study run-grid` first, or name an existing store."
            )
        return place
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


@contextmanager
def _reached(place: RemotePlace) -> Iterator[None]:
    """Say what failed where the server does not do what it is asked."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"The bucket of the store '{place.where}' does not exist. Make it first, or name another."
        ) from error
    except PermissionError as error:
        raise PermissionError(
            f"The store '{place.where}' may not be used with your credentials: {error}"
        ) from error
    except Exception as error:  # every library has its own errors for keys, addresses and time limits
        raise OSError(
            f"The store '{place.where}' cannot be reached ({type(error).__name__}: {error}). Check the "
            "address (AWS_ENDPOINT_URL for a server of your own) and the credentials."
        ) from error


def _first_file(path: Path) -> Path:
    return next((part for part in [*reversed(path.parents), path] if part.is_file()), path)
