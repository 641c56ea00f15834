"""A download that is not complete: the bytes so far, and what the server said of the whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from data.atomic import sync_folder, write_json
from data.lock import lock_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the bytes of a part file come from.

    validator : ETag or Last-Modified that names this very content, "" = none: it cannot be continued
    total : bytes of the whole, None = the server did not say
    """

    url: str
    validator: str
    total: int | None


class PartFile:
    """`NAME.part`, open and locked, with its origin in `NAME.part.json`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._notes = path.with_name(f"{path.name}.json")
        self.size = file.seek(0, os.SEEK_END)
        self.received = 0
        self.origin = self._read_origin() if self.size else None

    def continues(self, url: str) -> bool:
        """Whether these are the first bytes of what `url` gave, and can be told from a changed file."""
        return self.origin is not None and self.origin.url == url and bool(self.origin.validator)

    @property
    def complete(self) -> bool:
        """Whether every byte that the server announced is here."""
        return self.origin is not None and self.size == self.origin.total

    def begin(self, origin: Origin) -> None:
        """Start from the first byte."""
        # Emptied first: old bytes never stand beside a new origin.
        self.empty()
        write_json(self._notes, asdict(origin))
        self.origin = origin

    def empty(self) -> None:
        """Forget the bytes and their origin."""
        self._file.truncate(0)
        self.size = self._file.seek(0)
        self._notes.unlink(missing_ok=True)
        self.origin = None

    def append(self, piece: bytes) -> None:
        """Add the bytes that follow."""
        self._file.write(piece)
        self.size += len(piece)
        self.received += len(piece)

    def flush(self) -> None:
        """Bring every byte to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def become(self, target: Path) -> None:
        """Take the final name, in one step."""
        self.flush()
        self._let_go()
        self.path.replace(target)
        self._notes.unlink(missing_ok=True)
        sync_folder(target.parent)

    def discard(self) -> None:
        """Remove the file and what is known of it."""
        self.size = 0
        self._let_go()
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _let_go(self) -> None:
        # Windows neither renames nor removes an open file; elsewhere the open file is the lock.
        if os.name == "nt":
            self._file.close()

    def _read_origin(self) -> Origin | None:
        try:
            return Origin(**json.loads(self._notes.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@contextmanager
def open_part(target: Path) -> Iterator[PartFile | None]:
    """Open the part file of `target` for one process at a time; others wait.

    Gives None where another process renamed or removed it while this one waited. A part file without bytes
    is removed at the end.

    Raises
    ------
    OSError : the folder cannot be made or written
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f"{target.name}.part")
    with path.open("a+b") as file:
        lock_file(file)
        if not _still_at(path, file):
            yield None
            return
        part = PartFile(path, file)
        try:
            yield part
        finally:
            if part.size == 0:
                part.discard()


def _still_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
