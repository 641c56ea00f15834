"""A pack: the rows, predictions and histories of many cells of one task, in three files.

`predictions/task=T/packed-KEY.parquet` and `history/task=T/packed-KEY.parquet` are joined files (splice.py),
which any reader of parquet takes as a table of all these cells. `packs/KEY.json`, written last, holds the
rows and says where each cell's file lies in the joined ones; it makes the pack exist. KEY is a hash of the
content: a pack is never changed, and packs of two stores never have one name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from data.atomic import json_bytes
from data.names import check_name
from data.store.checksums import sealed, unsealed
from data.store.layout import PACKS, part_name, row_name

PREFIX = "packed-"
PARTS = ("predictions", "history")
_FORMAT = 1
_KEY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a file of a store lies: in a joined file, or its content itself (a row)."""

    size: int
    file: str | None = None
    offset: int = 0
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack as its index tells.

    Attributes
    ----------
    rows : content of the row file of each cell
    parts : for predictions and history, by cell the offset and size in the joined file
    """

    key: str
    task: str
    rows: Mapping[str, bytes]
    parts: Mapping[str, Mapping[str, tuple[int, int]]]

    @property
    def index_name(self) -> str:
        """The file that makes the pack exist."""
        return index_name(self.key)

    def file(self, part: str) -> str:
        """The joined file of a part."""
        return packed_name(part, self.task, self.key)

    def files(self) -> list[str]:
        """All joined files."""
        return [self.file(part) for part in self.parts]

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every file of a cell in the pack by the name that it has in a store without packs."""
        for cell_id, content in self.rows.items():
            yield row_name(cell_id), Entry(size=len(content), content=content)
        for part, cells in self.parts.items():
            for cell_id, (offset, size) in cells.items():
                name = part_name(part, self.task, cell_id)
                yield name, Entry(size=size, file=self.file(part), offset=offset)

    def to_bytes(self) -> bytes:
        """Content of the index."""
        return json_bytes(
            sealed(
                {
                    "format": _FORMAT,
                    "task": self.task,
                    "rows": {cell_id: row.decode("utf-8") for cell_id, row in self.rows.items()},
                    "parts": {
                        part: {cell: list(at) for cell, at in cells.items()}
                        for part, cells in self.parts.items()
                    },
                }
            )
        )

    @classmethod
    def parse(cls, content: bytes, key: str) -> Pack:
        """The pack of an index; ValueError where it is damaged or made by a later version."""
        try:
            value = unsealed(json.loads(content))
            if value["format"] != _FORMAT:
                raise ValueError(f"its format is {value['format']!r}, this version reads {_FORMAT}")
            parts = {part: dict(value["parts"][part]) for part in PARTS if part in value["parts"]}
            pack = cls(
                key=key,
                task=check_name("task", value["task"]),
                rows={str(cell): str(row).encode("utf-8") for cell, row in value["rows"].items()},
                parts={
                    part: {str(cell): (int(at[0]), int(at[1])) for cell, at in cells.items()}
                    for part, cells in parts.items()
                },
            )
            if any(
                offset < 0 or size < 0 for cells in pack.parts.values() for offset, size in cells.values()
            ):
                raise ValueError("an offset or size in it is negative")
            dict(pack.entries())  # the ids are names
        except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        return pack


def make_key(rows: Mapping[str, bytes], joined: Mapping[str, bytes]) -> str:
    """Name of a pack: a hash of what is in it."""
    digest = hashlib.sha256()
    for content in [*rows.values(), *joined.values()]:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:_KEY_DIGITS]


def index_name(key: str) -> str:
    """The index of a pack."""
    return f"{PACKS}/{check_name('pack', key)}.json"


def packed_name(part: str, task: str, key: str) -> str:
    """The joined file of a part of a pack."""
    return part_name(part, task, f"{PREFIX}{key}")


def is_packed(name: str) -> bool:
    """Whether a file of a store is a joined file of a pack, finished or not."""
    folder, _, last = name.rpartition("/")
    return last.startswith(PREFIX) and folder.startswith(tuple(f"{part}/task=" for part in PARTS))
