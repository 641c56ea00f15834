"""Set damaged files aside, so that the next run writes them anew and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence

from data.place.base import Place
from data.store.cells import record_checkpoint
from data.store.damage import Damage
from data.store.layout import row_name

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
        row = row_name(item.cell_id)
        if item.part not in ("row", "checkpoint"):
            place.move(row, _free_name(place, row))  # first: a row that is there promises its files
        if item.part == "checkpoint":
            record_checkpoint(place, item.cell_id, None)
        moved = _free_name(place, item.name)
        there = place.move(item.name, moved)
        kept = f"kept as '{moved}'" if there else "nothing to keep"
        lines.append(f"damaged file set aside: {item.name} ({item.fault}); {kept}, computed again")
    return lines


def _free_name(place: Place, name: str) -> str:
    names = (f"{DAMAGED}/{name}{'' if number == 1 else f'.{number}'}" for number in range(1, 10**6))
    return next(free for free in names if not place.exists(free))
