"""Do the factors of a grid act? Cells with other settings that make the same model and training are found.

Two cells are twins if their **effects** are equal: the shapes of the head's tensors (built without memory),
the learning rate of every epoch, and every other setting in its simplest equal form. Twins differ by nothing
but chance, which is then taken for an effect of the factor: the original grid held 64 such pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.config import StudyConfig
from study.grid import Cell, build_cells
from study.run.unfreezing import same_level_notes
from training.fusion import pretrain_parts
from training.settings import FEATURES, CellSettings

# Settings whose twins are told, not refused: the original study's numbering has levels that repeat.
TOLD = frozenset({"unfreeze", "unfreeze_count", "unfreeze_schedule", "unfreeze_every"})
_RATE = ("lr", "lr_decay", "lr_decay_factor", "warmup_epochs")
_SHAPE = ("fc_ratio", "filters", "kernel_size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Cells that differ in `factors` and in no effect.

    levels : per cell of the first such set, its levels of `factors`
    n_sets : how many sets of cells there are with this difference
    """

    factors: tuple[str, ...]
    levels: tuple[tuple[Any, ...], ...]
    n_sets: int

    @property
    def text(self) -> str:
        """A sentence with the levels of the first set."""
        names = ", ".join(f"`{name}`" for name in self.factors)
        shown = " and ".join(", ".join(str(level) for level in levels) for levels in self.levels)
        return (
            f"{names}: {shown} make the same model and the same training in {self.n_sets} "
            f"set{'s' if self.n_sets > 1 else ''} of cells"
        )


def check_knobs(
    config: StudyConfig,
    cells: Sequence[Cell],
    *,
    cuda: bool | None,
    n_train: Mapping[tuple[str, int], int] | None = None,
    weights: Mapping[tuple[str, str], str] | None = None,
) -> tuple[str, ...]:
    """Compare what the levels of every factor do; returns notes on what is legitimate.

    Parameters
    ----------
    cells : those that will be trained, all of the grid or a part of it
    cuda : whether they are trained on a CUDA device, where alone `amp` acts; None = not known
    n_train : training images by task and fold; with them, batches larger than the set are recognised
    weights : SHA-256 by pretrain and backbone; with them, one file under two names is recognised

    Raises
    ------
    ValueError : a factor acts in no cell, or levels make the same model and training
    """
    # Of the whole grid: a part of it, chosen with --only, may leave a factor out.
    idle = idle_factors(config, build_cells(config))
    twins = find_twins(cells, cuda=cuda, n_train=n_train, weights=weights)
    refused = [found for found in twins if not TOLD.issuperset(found.factors)]
    faults = [*idle, *(found.text for found in refused)]
    if faults:
        raise ValueError(
            "Not every factor of the grid acts:\n"
            + "\n".join(f"  {fault}" for fault in faults)
            + "\nSuch cells are replicates of each other. Keep one of the levels, leave combinations out "
            "with `exclude`, or change the setting that switches the factor off; for replicates take `seeds`."
        )
    # Levels of `unfreeze` alone have a sentence of their own, which names the layers.
    others = [found for found in twins if not {"unfreeze", "unfreeze_count"}.issuperset(found.factors)]
    return (*same_level_notes(cells), *(f"{found.text}; the cells are replicates" for found in others))


def idle_factors(config: StudyConfig, cells: Sequence[Cell]) -> list[str]:
    """Sentences on factors with two levels or more that no cell uses."""
    if len(cells) < 1:
        return []
    return [
        f"`{name}` has {len(levels)} levels, but no cell uses it (other settings switch it off)"
        for name, levels in config.factors.items()
        if len(levels) > 1 and all(cell.recipe[name] is None for cell in cells)
    ]


def find_twins(
    cells: Sequence[Cell],
    *,
    cuda: bool | None,
    n_train: Mapping[tuple[str, int], int] | None = None,
    weights: Mapping[tuple[str, str], str] | None = None,
) -> list[Twins]:
    """Sets of cells with equal effects, gathered by the settings in which they differ."""
    by_effect: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        key = effects(cell, cuda=cuda, n_train=n_train, weights=weights)
        by_effect.setdefault(tuple(key.items()), []).append(cell)
    found: dict[tuple[str, ...], list[list[Cell]]] = {}
    for members in by_effect.values():
        if len(members) > 1:
            columns = [cell.columns for cell in members]
            names = tuple(n for n in columns[0] if len({str(row[n]) for row in columns}) > 1)
            found.setdefault(names, []).append(members)
    return [
        Twins(
            factors=names,
            levels=tuple(tuple(cell.columns[name] for name in names) for cell in sets[0]),
            n_sets=len(sets),
        )
        for names, sets in found.items()
    ]


def effects(
    cell: Cell,
    *,
    cuda: bool | None,
    n_train: Mapping[tuple[str, int], int] | None = None,
    weights: Mapping[tuple[str, str], str] | None = None,
) -> dict[str, Any]:
    """What decides the cell's predictions, in a form that is equal where the settings do the same."""
    settings = CellSettings(**cell.columns)
    found = settings.to_dict()
    for name in (*_SHAPE, *_RATE):
        found.pop(name)
    found["head shapes"] = _shapes(settings)
    found["rates"] = _rates(settings)
    found["trained layers"] = _trained_layers(settings, found)
    if settings.optimizer == "adamw" and settings.weight_decay == 0:
        found["optimizer"] = "adam"  # they differ in the weight decay alone
    if settings.epochs == 1:
        found["checkpoint"] = None  # nothing to choose from
    if settings.patience >= settings.epochs - 1:
        found["patience"] = 0  # the last epoch comes first
    if cuda is False:
        found["amp"] = False
    images = None if n_train is None else n_train.get((cell.task, cell.fold))
    if images is not None:
        found["batch_size"] = min(settings.batch_size, images)
    if weights is not None:
        found["pretrain"] = weights.get((settings.pretrain, settings.backbone), settings.pretrain)
    return found


def _shapes(settings: CellSettings) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Shapes of the head's tensors; these and the kind of head are all that the architecture depends on."""
    from training.heads import head_shapes

    return head_shapes(settings, FEATURES[settings.backbone] * len(pretrain_parts(settings.pretrain)))


def _rates(settings: CellSettings) -> tuple[float, ...]:
    from training.schedule import learning_rate

    return tuple(learning_rate(settings, epoch) for epoch in range(settings.epochs))


def _trained_layers(settings: CellSettings, found: dict[str, Any]) -> Any:
    """The layers of the trunk that are trained in every epoch, instead of the settings that name them."""
    for name in TOLD:
        found.pop(name)
    return tuple(settings.trained_children(epoch) for epoch in range(settings.epochs))
