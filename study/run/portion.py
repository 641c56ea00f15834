"""What part of a grid one run takes, and how it is cut into units of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.config import LoadedStudy
from study.grid import build_cells
from study.run.prepare import PlannedCell, PreparedTask
from study.run.runner import EXPIRY_SECONDS
from study.run.units import Unit, make_units, of_shard, shard_pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What part of the work a run takes, and how it is cut.

    Attributes
    ----------
    shard : (i, n), i from 0: this run is one of n that divide the grid by rule; None = all of it
    pack : cells per unit of work; None = a group is one unit, unless there are more shards than groups
    expiry : seconds of silence after which another runner takes over what this one holds
    """

    shard: tuple[int, int] | None = None
    pack: int | None = None
    expiry: float = EXPIRY_SECONDS


def portion_units(
    study: LoadedStudy,
    planned: Sequence[PlannedCell],
    tasks: Mapping[str, PreparedTask],
    *,
    backend: str,
    portion: Portion,
) -> list[Unit]:
    """The units of work that a run takes.

    ValueError : more shards than units of work
    """
    grid, pack = build_cells(study.config), portion.pack
    if portion.shard is not None and pack is None:
        pack = shard_pack([item.cell for item in planned], portion.shard[1])
    units = make_units(planned, tasks, grid=grid, backend=backend, pack=pack)
    if portion.shard is None:
        return units
    chosen = of_shard(units, portion.shard)
    if not chosen:
        n = sum(unit.kind in ("group", "cells") for unit in units)
        raise ValueError(
            f"--shard {portion.shard[0]}/{portion.shard[1]}: the grid has {n} units of work; take at most "
            f"{n} shards, or fewer cells per unit with --pack."
        )
    return chosen
