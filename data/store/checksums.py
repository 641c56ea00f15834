"""Size and SHA-256 of a cell's files, kept in its row, and the row's own checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.atomic import plain

FILES, SEAL = "files", "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """Bytes of a file and their SHA-256."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Checksum:
        """Checksum of a content."""
        return cls(size=len(content), sha256=hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> Checksum:
        """Checksum of a file of this machine, read piece by piece."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(size=file.tell(), sha256=digest)

    @classmethod
    def parse(cls, value: Any) -> Checksum:
        """A checksum as a row holds it; ValueError where it is none."""
        try:
            return cls(size=int(value["size"]), sha256=str(value["sha256"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{value!r} is no checksum") from error

    def to_dict(self) -> dict[str, Any]:
        """As a row holds it."""
        return asdict(self)

    def fault(self, content: bytes) -> str | None:
        """What is wrong with a content that should have this checksum; None where nothing is."""
        if len(content) != self.size:
            return size_fault(len(content), self.size)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            return "its SHA-256 is another one than when it was written"
        return None


def size_fault(found: int | None, expected: int) -> str:
    """What is wrong with a file of another size."""
    return "it is missing" if found is None else f"it has {found} bytes instead of {expected}"


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values with the SHA-256 of their canonical JSON as a last entry."""
    content = {key: entry for key, entry in value.items() if key != SEAL}
    return {**content, SEAL: _digest(content)}


def unsealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """The values without their seal; those that were written without one pass.

    Raises
    ------
    ValueError : the values are not those that were sealed
    """
    content = {key: entry for key, entry in value.items() if key != SEAL}
    if SEAL in value and value[SEAL] != _digest(content):
        raise ValueError("its values are not those that were written (SHA-256)")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=plain)
    return hashlib.sha256(text.encode()).hexdigest()
