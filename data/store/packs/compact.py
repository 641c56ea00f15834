"""Put the files of done cells into packs: a bounded number of files, however many cells there are.

Order of the writes, so that a process that dies anywhere loses and doubles nothing: joined files, then the
index that makes their pack exist, then older packs that it replaces go, then the files by themselves. As long
as a file lies by itself it goes before the one in a pack, and both are equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.rows import parse_row
from data.store.aside import set_file_aside
from data.store.cells import read_part
from data.store.checksums import FILES, unsealed
from data.store.damage import DamagedFileError
from data.store.layout import CELLS, PACKS, row_name, stem
from data.store.packs.pack import PARTS, Pack, is_packed, make_key
from data.store.packs.splice import shape, splice
from data.store.packs.view import PackedPlace

# A pack is read by ranges, so its size costs no reader anything; whoever compacts holds one in memory.
MAX_BYTES = 64 * 2**20
MAX_CELLS = 1000


@dataclass(slots=True, kw_only=True)
class Compaction:
    """What came of it.

    Attributes
    ----------
    packed : cells whose files lie in packs now, and did not before
    packs : that were written
    left : by cell_id, why the files of a done cell stay by themselves
    before, after : files below cells/, predictions/, history/ and packs/
    """

    packed: int = 0
    packs: int = 0
    left: dict[str, str] = field(default_factory=dict)
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A done cell with the content of its files; `kind` : what cells of one pack have in common."""

    cell_id: str
    row: bytes
    parts: Mapping[str, bytes]
    kind: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        return len(self.row) + sum(map(len, self.parts.values()))


def compact(place: PackedPlace, *, max_bytes: int = MAX_BYTES, max_cells: int = MAX_CELLS) -> Compaction:
    """Pack the done cells that lie by themselves, together with packs that are half empty or out of date.

    No other process may compact at the same time; readers and writers of cells may work.

    Parameters
    ----------
    max_bytes, max_cells : of one pack

    Raises
    ------
    DamagedFileError : the index of a pack is damaged, or a cell in a pack that is to be written anew
    """
    faults = place.index().faults
    if faults:
        name, fault = next(iter(faults.items()))
        raise DamagedFileError.named(place, name, fault)
    done = Compaction(before=_count(place))
    alone = _alone(place)
    rows = _done_rows(place)
    _clear_unfinished(place, set(rows))
    packs = list(place.index().packs.values())
    marks = dict(place.index().marks)
    stale = {pack.key for pack in packs if _is_stale(place, pack, packs, alone | set(marks))}
    for task in sorted({row["task"] for row in rows.values()} | {pack.task for pack in packs}):
        old = {pack.key: pack for pack in packs if pack.task == task}
        own = [cell_id for cell_id, row in rows.items() if row["task"] == task]
        by_itself = {cell_id for cell_id in own if row_name(cell_id) in alone}
        open_packs = _open_packs(
            list(old.values()), stale, merge=bool(by_itself), limits=(max_bytes, max_cells)
        )
        if not by_itself and not open_packs:
            continue  # all is packed
        members = {cell_id for pack in open_packs for cell_id in pack.rows}
        cells = [rows[cell_id] for cell_id in own if cell_id in members or cell_id in by_itself]
        whole = set(old) - stale
        new = {}
        for batch in _batches(place, cells, done.left, max_bytes, max_cells):
            pack = _write(place, task, batch, whole)
            new[pack.key] = pack
        _remove_packs(place, [pack for pack in open_packs if pack.key not in new])
        before = {cell_id for pack in old.values() for cell_id in pack.rows}
        done.packs += len(set(new) - set(old))
        done.packed += len({cell_id for pack in new.values() for cell_id in pack.rows} - before)
    for mark in marks.values():
        place.inner.remove(mark)  # what it hid has gone with its pack
    _remove_alone(place)
    done.after = _count(place)
    return done


def _alone(place: PackedPlace) -> set[str]:
    """Files of cells that lie by themselves."""
    return {name for folder in (CELLS, *PARTS) for name in place.inner.walk(folder) if not is_packed(name)}


def _done_rows(place: PackedPlace) -> dict[str, dict[str, Any]]:
    """Rows of done cells by cell_id; a damaged one is left to the next run.

    Raises
    ------
    DamagedFileError : a damaged row goes before one in a pack, which would be dropped
    """
    found = {}
    for name, content in place.read_many(place.names(CELLS, ".json")).items():
        try:
            row = unsealed(parse_row(content, stem(name)))
        except ValueError as error:
            if name in place.index().entries:
                raise DamagedFileError.named(place, name, str(error)) from error
            continue
        if row["status"] == "done":
            found[stem(name)] = row
    return found


def _open_packs(
    packs: Sequence[Pack], stale: set[str], *, merge: bool, limits: tuple[int, int]
) -> list[Pack]:
    """Packs of a task that are written anew: stale ones, and half empty ones that have company.

    `merge` : there are cells to put into half empty packs
    """
    small: dict[frozenset[str], list[Pack]] = {}
    for pack in packs:
        size = sum(entry.size for _, entry in pack.entries())
        if pack.key not in stale and size < limits[0] / 2 and len(pack.rows) < limits[1] / 2:
            small.setdefault(frozenset(pack.parts), []).append(pack)
    merged = [pack for alike in small.values() if merge or len(alike) > 1 for pack in alike]
    return [*(pack for pack in packs if pack.key in stale), *merged]


def _is_stale(place: PackedPlace, pack: Pack, packs: Sequence[Pack], changed: set[str]) -> bool:
    """Whether a cell was written or removed since, lies in another pack too, or a byte has changed."""
    if any(name in changed for name, _ in pack.entries()):
        return True
    if any(other.key != pack.key and other.rows.keys() & pack.rows.keys() for other in packs):
        return True
    return pack_fault(place, pack) is not None


def changed_packs(place: PackedPlace) -> dict[str, tuple[Pack, str]]:
    """Packs whose joined files are not as they were written, by the name of the index, and what is wrong."""
    found = {}
    for pack in place.index().packs.values():
        fault = pack_fault(place, pack)
        if fault is not None:
            found[pack.index_name] = (pack, fault)
    return found


def pack_fault(place: PackedPlace, pack: Pack) -> str | None:
    """What is wrong with the joined files of a pack as a whole; None where nothing is."""
    joined = place.inner.read_many(pack.files())
    missing = [name for name in pack.files() if name not in joined]
    if missing:
        return f"{missing[0]} is missing"
    if make_key(pack.rows, joined) != pack.key:
        return f"{' or '.join(joined)} is not as it was written (one SHA-256 for both)"
    return None


def _batches(
    place: PackedPlace,
    rows: Sequence[Mapping[str, Any]],
    left: dict[str, str],
    max_bytes: int,
    max_cells: int,
) -> Iterator[list[_Cell]]:
    """Cells that go into one pack each; cells that cannot are noted in `left`."""
    waiting: dict[tuple[tuple[str, bytes], ...], list[_Cell]] = {}
    size = 0  # of all that wait
    for row in rows:
        cell = _read(place, row, left)
        if cell is None:
            continue
        batch = waiting.get(cell.kind, [])
        if waiting and (size + cell.size > max_bytes or len(batch) >= max_cells):
            full = cell.kind if len(batch) >= max_cells else max(waiting, key=lambda kind: len(waiting[kind]))
            size -= sum(other.size for other in waiting[full])
            yield waiting.pop(full)
        waiting.setdefault(cell.kind, []).append(cell)
        size += cell.size
    yield from waiting.values()


def _read(place: PackedPlace, row: Mapping[str, Any], left: dict[str, str]) -> _Cell | None:
    """The files of a cell, each compared with the checksum in its row."""
    cell_id = row["cell_id"]
    if FILES not in row:
        left[cell_id] = "its row has no checksums (an earlier version wrote it)"
        return None
    try:
        parts = {part: read_part(place, part, row)[0] for part in PARTS if part in row[FILES]}
        content = place.read_bytes(row_name(cell_id))
        kind = tuple((part, shape(file)) for part, file in parts.items())
    except FileNotFoundError:
        left[cell_id] = "it was taken away meanwhile"
    except ValueError as error:
        if row_name(cell_id) in place.index().entries:
            raise  # the pack that holds the damaged file would go, and it with it
        left[cell_id] = str(error)
    else:
        return _Cell(cell_id=cell_id, row=content, parts=parts, kind=kind)
    return None


def _write(place: PackedPlace, task: str, batch: Sequence[_Cell], whole: set[str]) -> Pack:
    """Write one pack, its index last; one whose key is among `whole` is there already."""
    joined: dict[str, bytes] = {}
    offsets: dict[str, dict[str, tuple[int, int]]] = {}
    for part in batch[0].parts:
        joined[part], offsets[part] = splice({cell.cell_id: cell.parts[part] for cell in batch})
    rows = {cell.cell_id: cell.row for cell in batch}
    pack = Pack(key=make_key(rows, joined), task=task, rows=rows, parts=offsets)
    if pack.key in whole:
        return pack
    for part, content in joined.items():
        place.inner.write_bytes(pack.file(part), content)
    place.inner.write_bytes(pack.index_name, pack.to_bytes())
    return pack


def _remove_packs(place: PackedPlace, packs: Sequence[Pack]) -> None:
    for pack in packs:
        for name in (pack.index_name, *pack.files()):
            place.inner.remove(name)


def unfinished(place: PackedPlace) -> list[str]:
    """Joined files without an index: who compacted died before it wrote one, or the index is gone."""
    finished = {name for pack in place.index().packs.values() for name in pack.files()}
    joined = [name for part in PARTS for name in place.inner.walk(part) if is_packed(name)]
    return [name for name in joined if name not in finished]


def _clear_unfinished(place: PackedPlace, done: set[str]) -> None:
    """Delete joined files without an index; set them aside where they may be the last copy of a cell."""
    for name in unfinished(place):
        if _cells_of(place.inner.read_bytes(name)) <= done:
            place.inner.remove(name)
        else:
            set_file_aside(place.inner, name, "it has no index")


def _cells_of(content: bytes) -> set[str]:
    """Ids of the cells in a joined file; one that is no cell's where it cannot be read."""
    try:
        table = pq.read_table(pa.BufferReader(content), columns=["cell_id"], use_threads=False)
    except (pa.ArrowException, OSError, KeyError):
        return {""}
    return set(table["cell_id"].unique().to_pylist())


def _remove_alone(place: PackedPlace) -> None:
    """Delete files by themselves that are equal to those in packs."""
    entries = place.index().entries
    # Rows last: where this stops, a row that lies by itself finds its files, in packs or not.
    for name in sorted(_alone(place), key=lambda name: (name.startswith(f"{CELLS}/"), name)):
        entry = entries.get(name)
        if entry is None:
            continue
        content = entry.content
        if content is None and entry.file is not None:
            content = place.inner.read_range(entry.file, entry.offset, entry.size)
        place.inner.remove_if(name, hashlib.sha256(content or b"").hexdigest())


def _count(place: PackedPlace) -> int:
    return sum(len(place.inner.walk(folder)) for folder in (CELLS, *PARTS, PACKS))
