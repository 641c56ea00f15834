"""Factors to cells, cells to groups.

A **cell** is one training run: a recipe for one task, seed and fold. A **group** is the set of cells that
see the same features: same task, fold, weights, backbone and image stream (docs/architecture.md).
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.config import RECIPE_FIELDS, StudyConfig, unused_fields
from training.settings import GROUP_FIELDS

# Grid columns in the order in which tables show them.
CELL_COLUMNS = ("task", "seed", "fold", *RECIPE_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One training run of the grid; a setting that has no effect in it is None."""

    index: int
    task: str
    seed: int
    fold: int
    recipe: Mapping[str, Any]

    @property
    def columns(self) -> dict[str, Any]:
        """All columns of the cell, in the order of `CELL_COLUMNS`."""
        return {"task": self.task, "seed": self.seed, "fold": self.fold, **self.recipe}

    @property
    def group(self) -> tuple[Any, ...]:
        """What the cell shares with the other cells of its group."""
        return tuple(self.columns[name] for name in GROUP_FIELDS)


def build_cells(config: StudyConfig) -> list[Cell]:
    """Every distinct cell of a study, in the order tasks, seeds, folds, factors as written.

    Levels of a factor that a head does not use collapse into one cell; excluded combinations are left out.
    """
    cells: list[Cell] = []
    seen: set[tuple[Any, ...]] = set()
    names = list(config.factors)
    base = config.protocol.model_dump()
    runs = (
        (task, seed, fold)
        for task, seed in itertools.product(config.tasks, config.seeds)
        for fold in range(config.tasks[task].split.folds or 1)
    )
    for task, seed, fold in runs:
        for levels in itertools.product(*(config.factors[name] for name in names)):
            chosen = dict(zip(names, levels, strict=True))
            if _excluded(config, {"task": task, **chosen}):
                continue
            recipe = effective_recipe(base | config.tasks[task].protocol | chosen)
            key = (task, seed, fold, *recipe.values())
            if key in seen:
                continue
            seen.add(key)
            cells.append(Cell(index=len(cells), task=task, seed=seed, fold=fold, recipe=recipe))
    if not cells:
        raise ValueError(f"Study `{config.name}` has no cell: its exclude rules leave nothing of the grid.")
    return cells


def effective_recipe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings in the order of `RECIPE_FIELDS`, those without effect set to None."""
    unused = unused_fields(dict(settings))
    return {name: None if name in unused else settings[name] for name in RECIPE_FIELDS}


def group_cells(cells: Iterable[Cell]) -> dict[tuple[Any, ...], list[Cell]]:
    """Cells by group, groups in order of first appearance."""
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group, []).append(cell)
    return groups


def select_cells(cells: Sequence[Cell], only: Sequence[str], config: StudyConfig) -> list[Cell]:
    """The cells that match every `factor=level[,level]` in `only`.

    Raises
    ------
    ValueError : no `=`, an unknown factor, a level that does not exist, or nothing left
    """
    chosen = list(cells)
    for rule in only:
        name, sign, text = rule.partition("=")
        if not sign:
            raise ValueError(f"--only {rule}: write factor=level, for example head=Linear.")
        allowed = config.varied()
        if name not in allowed:
            raise ValueError(
                f"--only {rule}: `{name}` is not varied in this study; varied are {', '.join(allowed)}."
            )
        known = {str(level): level for level in config.levels(name)}
        wanted = text.split(",")
        missing = [level for level in wanted if level not in known]
        if missing:
            raise ValueError(
                f"--only {rule}: level `{missing[0]}` of `{name}` does not exist; "
                f"levels are {', '.join(known)}."
            )
        levels = {known[level] for level in wanted}
        chosen = [cell for cell in chosen if cell.columns[name] in levels]
    if not chosen:
        raise ValueError(f"No cell matches --only {' --only '.join(only)}.")
    return chosen


def cell_id(
    cell: Cell,
    *,
    split_hash: str,
    manifest_hash: str,
    weights_hash: str,
    schema: int,
    backend: str = "torch",
) -> str:
    """First 12 hex digits of the SHA-256 over everything that determines the cell's predictions."""
    identity = {
        **cell.columns,
        "split": split_hash,
        "manifest": manifest_hash,
        "weights": weights_hash,
        "schema": schema,
    }
    if backend != "torch":  # torch is the rule and stays unwritten: its ids do not depend on this option
        identity["backend"] = backend
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _excluded(config: StudyConfig, chosen: Mapping[str, Any]) -> bool:
    return any(all(chosen[name] in levels for name, levels in rule.items()) for rule in config.exclude)
