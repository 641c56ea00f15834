"""Levels of `unfreeze` that train the same layers: replicates that a reader would take for a comparison."""

from collections.abc import Sequence

from study.grid import Cell
from training.layer_groups import trained_children


def same_level_notes(cells: Sequence[Cell]) -> list[str]:
    """One sentence per backbone and set of layers that two levels of `unfreeze` among the cells share."""
    levels: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for cell in cells:
        recipe = cell.recipe
        backbone, unfreeze, count = recipe["backbone"], recipe["unfreeze"], recipe["unfreeze_count"]
        children = trained_children(backbone, unfreeze, count)
        name = f"{unfreeze}" if count is None else f"{unfreeze} ({count})"
        names = levels.setdefault((backbone, children), [])
        if name not in names:
            names.append(name)
    return [
        f"`unfreeze` {' and '.join(names)} train the same layers of {backbone} "
        f"({', '.join(children) or 'none, the trunk stays frozen'}): their cells are replicates, and their "
        "difference is noise."
        for (backbone, children), names in levels.items()
        if len(names) > 1
    ]
