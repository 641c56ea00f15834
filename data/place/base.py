"""What a store needs of the place where its files lie: a folder (local.py) or an object store (remote.py)."""

from __future__ import annotations

from collections.abc import Sequence
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

    def read_many(self, names: Sequence[str]) -> dict[str, bytes]:
        """Contents of several files in the order given; one that went meanwhile is left out."""

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """A part of a file, shorter where the file ends before; FileNotFoundError where there is none."""

    def checksum(self, name: str) -> str:
        """SHA-256 of a file in hex digits, read piece by piece; FileNotFoundError where there is none."""

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file, over an older one of that name."""

    def create_exclusive(self, name: str, content: bytes) -> bool:
        """Write a file only if there is none of that name: True for exactly one of several writers."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of all files in a folder and below it, by name, without those that begin with a dot."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the files in a folder (not below it) that end with `suffix`, sorted; [] without folder.

        Files whose last part begins with a dot are left out.
        """

    def walk(self, folder: str = "") -> list[str]:
        """Names of all files in a folder and below it, sorted, without those that begin with a dot."""

    def remove(self, name: str) -> bool:
        """Delete a file; False where there was none.

        In a folder exactly one of several processes gets True; an object store does not tell them apart.
        """

    def remove_if(self, name: str, sha256: str) -> bool:
        """Delete a file if its content has this SHA-256; False where there is none, or another content.

        In a folder nothing that another process writes at the same time is lost; an object store is asked
        twice, and what is put between the two questions would be.
        """

    def move(self, name: str, to: str) -> bool:
        """Give a file another name; False where there was none."""

    def scratch(self, name: str) -> Path:
        """A path of this machine where a library may write the file `name`, before `upload`.

        In a folder it is the file itself, and `upload` does nothing. The library writes it whole or not.
        """

    def upload(self, name: str) -> None:
        """Put the file at `scratch(name)` into the place."""

    def local(self, name: str) -> Path:
        """A file of this machine with the present content of `name`, for libraries that read paths.

        FileNotFoundError where there is no such file.
        """

    def remove_stale(self) -> int:
        """Delete what killed writers left behind; returns how many files went."""
