"""A folder of this machine, or of a file system that several machines share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from data import atomic
from data.names import own


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """The files below `root` (see `data.place.base.Place`).

    Nothing is written or deleted through a link that leaves `root`: ValueError (`data.names.own`).
    """

    root: Path

    @property
    def where(self) -> str:
        return str(self.root)

    def full(self, name: str) -> str:
        return str(self.root / name)

    def read_bytes(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def read_many(self, names: Sequence[str]) -> dict[str, bytes]:
        found = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = self.read_bytes(name)
        return found

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        with (self.root / name).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def checksum(self, name: str) -> str:
        with (self.root / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def write_bytes(self, name: str, content: bytes) -> None:
        atomic.write_bytes(own(self.root, self.root / name), content)

    def create_exclusive(self, name: str, content: bytes) -> bool:
        return atomic.create_exclusive(own(self.root, self.root / name), content)

    def size(self, name: str) -> int | None:
        path = self.root / name
        try:
            return path.stat().st_size if path.is_file() else None
        except FileNotFoundError:  # it went in between
            return None

    def sizes(self, folder: str) -> dict[str, int]:
        found = {name: self.size(name) for name in self.walk(folder)}
        return {name: size for name, size in found.items() if size is not None}

    def exists(self, name: str) -> bool:
        return (self.root / name).is_file()

    def names(self, folder: str, suffix: str = "") -> list[str]:
        found = (self.root / folder).glob(f"[!.]*{suffix}")
        return sorted(path.relative_to(self.root).as_posix() for path in found if path.is_file())

    def walk(self, folder: str = "") -> list[str]:
        found = (self.root / folder).rglob("[!.]*")
        return sorted(path.relative_to(self.root).as_posix() for path in found if path.is_file())

    def remove(self, name: str) -> bool:
        return atomic.remove(own(self.root, self.root / name))

    def remove_if(self, name: str, sha256: str) -> bool:
        return atomic.remove_if(own(self.root, self.root / name), sha256)

    def move(self, name: str, to: str) -> bool:
        source, target = own(self.root, self.root / name), own(self.root, self.root / to)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.replace(target)
        except FileNotFoundError:
            return False
        return True

    def scratch(self, name: str) -> Path:
        return own(self.root, self.root / name / "file").parent

    def upload(self, name: str) -> None:
        pass  # it lies where it should

    def local(self, name: str) -> Path:
        path = self.root / name
        if not path.is_file():
            raise FileNotFoundError(f"There is no file '{path}'.")
        return path

    def remove_stale(self) -> int:
        return atomic.remove_stale(self.root)
