"""Set damaged files aside, so that the next run writes them anew and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence

from data.place.base import Place
from data.store.cells import record_checkpoint
from data.store.damage import Damage
from data.store.layout import row_name, stem
from data.store.packs.pack import PARTS, PREFIX, is_packed
from data.store.packs.view import unpacked

DAMAGED = "damaged"


def set_aside(place: Place, damaged: Sequence[Damage]) -> list[str]:
    """Move damaged files below `damaged/`, and with them the row of their cell, which so is not done.

    A damaged checkpoint alone leaves its cell done; the run then trains the best cell of the group again.

    Returns
    -------
    one line per file that was moved or is missing
    """
    lines = []
    for item in damaged:
        if item.part == "pack":
            lines += _set_pack_aside(place, item)
            continue
        row = row_name(item.cell_id)
        if item.part not in ("row", "checkpoint"):
            place.move(row, _free_name(place, row))  # first: a row that is there promises its files
        if item.part == "checkpoint":
            record_checkpoint(place, item.cell_id, None)
        lines.append(set_file_aside(place, item.name, item.fault))
    return lines


def set_file_aside(place: Place, name: str, fault: str) -> str:
    """Move one file below `damaged/`; returns the line that says so."""
    moved = _free_name(place, name)
    kept = f"kept as '{moved}'" if place.move(name, moved) else "nothing to keep"
    return f"damaged file set aside: {name} ({fault}); {kept}, computed again"


def _set_pack_aside(place: Place, item: Damage) -> list[str]:
    """Move the index of a pack, without which its cells are not known, and then its joined files."""
    line = set_file_aside(place, item.name, item.fault)
    files = unpacked(place)
    for part in PARTS:
        for name in files.walk(part):
            if is_packed(name) and stem(name) == f"{PREFIX}{item.cell_id}":
                files.move(name, _free_name(place, name))
    return [line]


def _free_name(place: Place, name: str) -> str:
    names = (f"{DAMAGED}/{name}{'' if number == 1 else f'.{number}'}" for number in range(1, 10**6))
    return next(free for free in names if not place.exists(free))
