"""Units of work: what one runner does in one go, and which shard they belong to.

A group is one unit as a whole, or, where it is shared out, the features of its frozen trunk, then packs of
its cells, then the choice of the checkpoint that is kept. Every unit can be done again, and leaves the same.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from study.grid import Cell, group_cells
from study.run.prepare import PlannedCell, PreparedTask
from training.settings import CellSettings

Kind = Literal["group", "features", "cells", "finish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One piece of work.

    Attributes
    ----------
    group : hash of what the cells of the group share
    cells : the cells to train; of `features` and `finish` those of the whole group
    members : every planned cell of the group
    pack : (cells per pack, number of the pack); None for other kinds
    """

    kind: Kind
    group: str
    label: str
    cells: tuple[PlannedCell, ...]
    members: tuple[PlannedCell, ...]
    pack: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Name of its lease."""
        suffix = "" if self.pack is None else f"-{self.pack[0]}-{self.pack[1]}"
        return f"{self.group}-{self.kind}{suffix}"

    def conflicts(self, lease: str) -> bool:
        """Whether work under another lease could train cells of this unit at the same time."""
        group, _, rest = lease.partition("-")
        if group != self.group:
            return False
        kind, *pack = rest.split("-")
        if "group" in (kind, self.kind):
            return True
        return kind == self.kind == "cells" and self.pack is not None and pack[0] != str(self.pack[0])


def make_units(
    planned: Sequence[PlannedCell],
    tasks: Mapping[str, PreparedTask],
    *,
    grid: Sequence[Cell],
    backend: str,
    pack: int | None = None,
) -> list[Unit]:
    """The units of the planned cells, group by group.

    Parameters
    ----------
    grid : every cell of the study, of which `planned` may be a part; packs are cut from it, so that runs on
        different parts of the grid share their leases
    pack : cells per pack; None = a group is one unit. Cells that train layers above a shared frozen part
        advance together and are not cut.
    """
    units, whole_groups = [], group_cells(grid)
    for group, members in groups_of(planned).items():
        key = group_hash(members[0], tasks, backend=backend)
        whole = Unit(
            kind="group", group=key, label=group_label(members[0], tasks), cells=members, members=members
        )
        if pack is None or not _can_be_cut(members[0].cell):
            units.append(whole)
            continue
        place = {cell.index: position for position, cell in enumerate(whole_groups[group])}
        packs: dict[int, list[PlannedCell]] = {}
        for item in members:
            packs.setdefault(place[item.cell.index] // pack, []).append(item)
        units.append(replace(whole, kind="features"))
        units += [
            replace(whole, kind="cells", cells=tuple(items), pack=(pack, number))
            for number, items in sorted(packs.items())
        ]
        units.append(replace(whole, kind="finish"))
    return units


def groups_of(planned: Sequence[PlannedCell]) -> dict[tuple[object, ...], tuple[PlannedCell, ...]]:
    """Cells by group, in order of first appearance."""
    groups: dict[tuple[object, ...], list[PlannedCell]] = {}
    for item in planned:
        groups.setdefault(item.cell.group, []).append(item)
    return {key: tuple(members) for key, members in groups.items()}


def parse_shard(text: str) -> tuple[int, int]:
    """(i, n) of "i/n", counted from 0.

    Raises
    ------
    ValueError : not of this form, or i not below n
    """
    number, sign, of = text.partition("/")
    if not (sign and number.isdecimal() and of.isdecimal() and int(number) < int(of)):
        raise ValueError(
            f"--shard {text}: write i/n with 0 <= i < n, for example 0/4, 1/4, 2/4 and 3/4 for four machines."
        )
    return int(number), int(of)


def shard_pack(cells: Sequence[Cell], n_shards: int) -> int | None:
    """Cells per pack so that every shard gets work: None (whole groups) where there are groups enough."""
    sizes: dict[tuple[object, ...], int] = {}
    for cell in cells:
        sizes[cell.group] = sizes.get(cell.group, 0) + 1
    if len(sizes) >= n_shards:
        return None
    return max(1, max(sizes.values()) // ceil(n_shards / len(sizes)))


def of_shard(units: Sequence[Unit], shard: tuple[int, int]) -> list[Unit]:
    """The units of shard i of n: packs and whole groups in turn, with the features that they need.

    The choice depends on the study alone, so machines that do not see each other agree. Features that packs
    of several shards need are among the units of each: the shard that comes first makes them, and the others
    wait where they see its lease.
    """
    number, of = shard
    training = [unit for unit in units if unit.kind in ("group", "cells")]
    chosen = {unit.name for unit in training[number::of]}
    groups = {unit.group for unit in training if unit.name in chosen}
    return [
        unit
        for unit in units
        if unit.name in chosen or (unit.kind in ("features", "finish") and unit.group in groups)
    ]


def group_label(item: PlannedCell, tasks: Mapping[str, PreparedTask]) -> str:
    """A group in words."""
    cell, recipe = item.cell, item.cell.recipe
    label = f"{cell.task} · {recipe['pretrain']} · {recipe['backbone']}"
    if tasks[cell.task].config.split.folds:
        label += f" · fold {cell.fold}"
    if recipe["unfreeze"] != 0:
        label += f" · unfreeze {recipe['unfreeze']}"
    return label


def group_hash(item: PlannedCell, tasks: Mapping[str, PreparedTask], *, backend: str) -> str:
    """First 12 hex digits of the SHA-256 over what the cells of a group share."""
    task, cell = tasks[item.cell.task], item.cell
    shared = [
        [str(value) for value in cell.group],
        task.split_hashes[cell.fold],
        task.manifest_hash,
        item.weights.sha256,
        backend,
    ]
    return hashlib.sha256(json.dumps(shared).encode()).hexdigest()[:12]


def _can_be_cut(cell: Cell) -> bool:
    """Whether cells share cached features, or nothing at all."""
    from training.unfrozen_model import first_owned_child

    settings = CellSettings(**cell.columns)
    return settings.has_fixed_features() or first_owned_child(settings) is None
