"""A place in which files of cells may lie in packs, and which looks as if each lay by itself.

A file that lies by itself goes before one of that name in a pack: so a cell is written anew without touching
its pack. What is deleted from a pack is marked by a file `packs/*.gone` that holds its name. The next
compaction drops what is hidden so.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.place.base import Place
from data.store.layout import CELLS, PACKS, stem
from data.store.packs.pack import PARTS, Entry, Pack, is_packed

_ROOMS = tuple(f"{folder}/" for folder in (CELLS, *PARTS))
_INDEX, _MARK = ".json", ".gone"


@dataclass(slots=True)
class Index:
    """What the packs of a place hold, as last looked at. A pack never changes, so each is read once.

    Attributes
    ----------
    packs : by key
    entries : by name of the file, without those that are marked as gone; of several packs with one file the
        last key counts
    marks : by name of a file in a pack, the mark that it is gone
    faults : by name of the index of a pack, why it cannot be used
    """

    packs: dict[str, Pack] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: tuple[str, ...] = ()

    def refresh(self, place: Place) -> Index:
        """Look at what packs and marks there are now."""
        names = tuple(place.names(PACKS))
        with self._lock:
            if names != self._seen:
                self._load(place, names)
                self._seen = names
        return self

    def _load(self, place: Place, names: Sequence[str]) -> None:
        packs: dict[str, Pack] = {}
        faults: dict[str, str] = {}
        for name in names:
            key = stem(name)
            try:
                if name.endswith(_INDEX):
                    packs[key] = self.packs.get(key) or Pack.parse(place.read_bytes(name), key)
            except FileNotFoundError:  # it was compacted into others meanwhile
                continue
            except ValueError as error:
                faults[name] = str(error)
        found = place.read_many([name for name in names if name.endswith(_MARK)])
        marks = {content.decode("utf-8", "replace"): mark for mark, content in found.items()}
        self.packs, self.faults, self.marks = packs, faults, marks
        entries = {name: entry for pack in packs.values() for name, entry in pack.entries()}
        self.entries = {name: entry for name, entry in entries.items() if name not in marks}


@dataclass(frozen=True, slots=True)
class PackedPlace:
    """The files of `inner`, those in packs among them (see `data.place.base.Place`)."""

    inner: Place
    _index: Index = field(default_factory=Index, compare=False, repr=False)

    @property
    def where(self) -> str:
        return self.inner.where

    def full(self, name: str) -> str:
        entry = self._index.entries.get(name)
        if entry is None or self.inner.exists(name):
            return self.inner.full(name)
        return f"{self.inner.full(name)} (in {entry.file or PACKS})"

    def index(self) -> Index:
        """The packs that there are now."""
        return self._index.refresh(self.inner)

    def read_bytes(self, name: str) -> bytes:
        if not name.startswith(_ROOMS):
            return self.inner.read_bytes(name)
        try:
            return self.inner.read_bytes(name)
        except FileNotFoundError:
            packed = self._read_packed(name)
            if packed is None:
                raise
            return packed

    def read_many(self, names: Sequence[str]) -> dict[str, bytes]:
        if not any(name.startswith(_ROOMS) for name in names):
            return self.inner.read_many(names)
        folders = {name.rpartition("/")[0] for name in names if name.startswith(_ROOMS)}
        alone = {name for folder in folders for name in self.inner.names(folder)}
        read = self.inner.read_many([name for name in names if name in alone or not name.startswith(_ROOMS)])
        entries = self.index().entries
        found = {}
        for name in names:
            content = read.get(name)
            if content is None and name in entries:
                content = entries[name].content or self._read_packed(name)
            if content is not None:
                found[name] = content
        return found

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        if name.startswith(_ROOMS) and not is_packed(name):
            return self.read_bytes(name)[offset : offset + size]
        return self.inner.read_range(name, offset, size)

    def checksum(self, name: str) -> str:
        if name.startswith(_ROOMS) and name in self.index().entries:
            return hashlib.sha256(self.read_bytes(name)).hexdigest()
        return self.inner.checksum(name)

    def write_bytes(self, name: str, content: bytes) -> None:
        self.inner.write_bytes(name, content)

    def create_exclusive(self, name: str, content: bytes) -> bool:
        return self.inner.create_exclusive(name, content)

    def size(self, name: str) -> int | None:
        alone = self.inner.size(name)
        if alone is not None or not name.startswith(_ROOMS):
            return alone
        entry = self.index().entries.get(name)
        return None if entry is None else entry.size

    def sizes(self, folder: str) -> dict[str, int]:
        alone = self.inner.sizes(folder)
        found = {name: size for name, size in alone.items() if not is_packed(name)}
        for name, entry in self._below(folder):
            if name in found:
                continue
            if entry.file is None:
                found[name] = entry.size
            else:
                if entry.file not in alone:  # compacted meanwhile, or not there
                    alone[entry.file] = self.inner.size(entry.file) or 0
                if alone[entry.file]:  # one that was cut off ends before some of its parts
                    found[name] = max(0, min(entry.size, alone[entry.file] - entry.offset))
        return found

    def exists(self, name: str) -> bool:
        return self.size(name) is not None

    def names(self, folder: str, suffix: str = "") -> list[str]:
        alone = self.inner.names(folder, suffix)
        packed = [name for name, _ in self._below(folder) if name.endswith(suffix)]
        return self._together(alone, [name for name in packed if name.rpartition("/")[0] == folder])

    def walk(self, folder: str = "") -> list[str]:
        return self._together(self.inner.walk(folder), [name for name, _ in self._below(folder)])

    def remove(self, name: str) -> bool:
        if not name.startswith(_ROOMS) or name not in self.index().entries:
            return self.inner.remove(name)
        mark = f"{PACKS}/{hashlib.sha256(name.encode()).hexdigest()[:16]}{_MARK}"
        self.inner.write_bytes(mark, name.encode("utf-8"))
        self.inner.remove(name)
        return True

    def remove_if(self, name: str, sha256: str) -> bool:
        return self.inner.remove_if(name, sha256)

    def move(self, name: str, to: str) -> bool:
        if not name.startswith(_ROOMS) or name not in self.index().entries:
            return self.inner.move(name, to)
        try:
            self.inner.write_bytes(to, self.read_bytes(name))
        except FileNotFoundError:
            return False
        return self.remove(name)

    def scratch(self, name: str) -> Path:
        return self.inner.scratch(name)

    def upload(self, name: str) -> None:
        self.inner.upload(name)

    def local(self, name: str) -> Path:
        return self.inner.local(name)

    def remove_stale(self) -> int:
        return self.inner.remove_stale()

    def _read_packed(self, name: str) -> bytes | None:
        """Content of a file in a pack; None where no pack has it."""
        # The list of packs is asked for after the file by itself was not found: who compacts deletes that one
        # last. A second look finds what went into another pack between the list and the reading.
        for _ in range(2):
            entry = self.index().entries.get(name)
            if entry is None:
                return None
            if entry.file is None:
                return entry.content
            try:
                return self.inner.read_range(entry.file, entry.offset, entry.size)
            except FileNotFoundError:
                continue
        return None

    def _below(self, folder: str) -> Iterable[tuple[str, Entry]]:
        start = f"{folder}/" if folder else ""
        if start and not start.startswith(_ROOMS):
            return ()
        return [item for item in self.index().entries.items() if item[0].startswith(start)]

    def _together(self, alone: Sequence[str], packed: Sequence[str]) -> list[str]:
        """All names, without the files that packs consist of."""
        names = {name for name in alone if not is_packed(name) and not name.startswith(f"{PACKS}/")}
        return sorted(names | set(packed))


def unpacked(place: Place) -> Place:
    """The place with every file as it lies, packs among them."""
    return place.inner if isinstance(place, PackedPlace) else place


def pack_faults(place: Place) -> dict[str, str]:
    """Packs that cannot be used, by the name of their index, and why."""
    return dict(place.index().faults) if isinstance(place, PackedPlace) else {}
