"""What a store needs of the place where its files lie; a local folder is one (data/place/local.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Place(Protocol):
    """Files by name, where a file is either whole or absent for every reader at every moment.

    A name is a path below the place, with `/` ("cells/0123.json"). The names are made by the store, which
    checks their parts (`data.names.check_name`).
    """

    @property
    def where(self) -> str:
        """The place as a user names it."""

    def full(self, name: str) -> str:
        """A file as a message names it."""

    def read_bytes(self, name: str) -> bytes:
        """Content of a file; FileNotFoundError where there is none."""

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file, over an older one of that name."""

    def create_exclusive(self, name: str, content: bytes) -> bool:
        """Write a file only if there is none of that name: True for exactly one of several writers."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the files in a folder (not below it) that end with `suffix`, sorted; [] without folder.

        Files whose last part begins with a dot are left out.
        """

    def walk(self, folder: str = "") -> list[str]:
        """Names of all files in a folder and below it, sorted, without those that begin with a dot."""

    def remove(self, name: str) -> bool:
        """Delete a file; False where there was none (another process may have been faster)."""

    def move(self, name: str, to: str) -> bool:
        """Give a file another name; False where there was none."""

    def local(self, name: str) -> Path:
        """A file of this machine with the content of `name`, for libraries that read paths.

        The place itself where it is a folder; FileNotFoundError where there is no such file.
        """

    def remove_stale(self) -> int:
        """Delete what killed writers left behind; returns how many files went."""
