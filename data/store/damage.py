"""Damaged files of cells: found, named, and set aside so that the next run writes them anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data.place.base import Place
from data.rows import parse_row
from data.store.checksums import FILES, Checksum, size_fault, unsealed
from data.store.layout import CELLS, CHECKPOINTS, RUN, checkpoint_name, part_name, stem
from data.store.packs.view import pack_faults

_SHOWN = 3


class DamagedFileError(ValueError):
    """Files of a store are not as they were written; the message names them and says what to run."""

    @classmethod
    def named(cls, place: Place, name: str, fault: str) -> DamagedFileError:
        """The error for one file."""
        return cls(f"The file '{place.full(name)}' is damaged: {fault}. {remedy(place)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A damaged file of a cell, or of a pack of cells, whose key is the `cell_id` then.

    part : row, predictions, history, checkpoint or pack
    """

    cell_id: str
    part: str
    name: str
    fault: str


def find_damage(place: Place, *, hashes: bool = True, checkpoints: bool = True) -> list[Damage]:
    """Compare the files of every cell with the checksums in its row, in the order of cell ids.

    Parameters
    ----------
    hashes : read the files; False compares sizes only, which costs a look at each file
    checkpoints : False leaves these out

    Files of cells that were written before there were checksums can only be found missing.
    """
    return _inspect(place, hashes=hashes, checkpoints=checkpoints)[1]


def whole_rows(place: Place) -> list[dict[str, Any]]:
    """Return the rows of all cells by cell_id, read once; stop where a file of a cell is damaged.

    Rows and sizes of predictions and histories are looked at; contents are compared when they are read.

    Raises
    ------
    DamagedFileError : it names the first files and what to run
    """
    rows, damaged = _inspect(place, hashes=False, checkpoints=False)
    if not damaged:
        return rows
    lines = [f"'{place.full(item.name)}' ({item.fault})" for item in damaged[:_SHOWN]]
    more = f" and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
    raise DamagedFileError(f"{len(damaged)} file(s) are damaged: {', '.join(lines)}{more}. {remedy(place)}")


def _inspect(place: Place, *, hashes: bool, checkpoints: bool) -> tuple[list[dict[str, Any]], list[Damage]]:
    rows: list[dict[str, Any]] = []
    damaged = [
        Damage(cell_id=stem(name), part="pack", name=name, fault=fault)
        for name, fault in pack_faults(place).items()
    ]
    folders = ("predictions", "history", *((CHECKPOINTS,) if checkpoints else ()))
    contents = place.read_many(place.names(CELLS, ".json"))
    # After the rows: the files of a cell that another process finishes in between are then there too.
    sizes = {name: size for folder in folders for name, size in place.sizes(folder).items()}
    for name, content in contents.items():
        cell_id = stem(name)
        try:
            row = unsealed(parse_row(content, cell_id))
        except ValueError as error:
            damaged.append(Damage(cell_id=cell_id, part="row", name=name, fault=str(error)))
            continue
        rows.append(row)
        if row["status"] == "done":
            found = list(_damaged_parts(place, row, sizes, hashes=hashes, checkpoints=checkpoints))
            # Another process may have written the cell meanwhile: only what its present row says counts.
            damaged += found if not found or _is_current(place, name, content) else []
    return rows, damaged


def remedy(place: Place) -> str:
    """What a user runs to get damaged files of cells written anew."""
    try:
        last = json.loads(place.read_bytes(RUN))["runs"][-1]
    except (OSError, ValueError, LookupError, TypeError):
        last = {}
    if "imported" in last:
        return f"Run `study import` again on '{last['imported']}'."
    study = last.get("study") or "STUDY"
    return (
        f"Run `study run-grid {study} --store {place.where}`: it sets the damaged files aside and computes "
        "their cells again."
    )


def _damaged_parts(
    place: Place, row: Mapping[str, Any], sizes: Mapping[str, int], *, hashes: bool, checkpoints: bool
) -> Iterator[Damage]:
    cell_id = row["cell_id"]
    names = {part: part_name(part, row["task"], cell_id) for part in ("predictions", "history")}
    names["checkpoint"] = checkpoint_name(cell_id)
    records = row.get(FILES, {"predictions": None})
    for part, record in records.items():
        if part not in names or (part == "checkpoint" and not checkpoints):
            continue
        fault = _fault(place, names[part], record, sizes.get(names[part]), hashes=hashes)
        if fault is not None:
            yield Damage(cell_id=cell_id, part=part, name=names[part], fault=fault)


def _fault(place: Place, name: str, record: Any, size: int | None, *, hashes: bool) -> str | None:
    if record is None:
        return None if size is not None else "it is missing"
    expected = Checksum.parse(record)
    if size != expected.size:
        return size_fault(size, expected.size)
    if not hashes:
        return None
    try:
        found = place.checksum(name)
    except FileNotFoundError:
        return "it is missing"
    return None if found == expected.sha256 else "its SHA-256 is another one than when it was written"


def _is_current(place: Place, name: str, content: bytes) -> bool:
    try:
        return place.read_bytes(name) == content
    except FileNotFoundError:
        return False
