"""What a grid costs: passes through the backbone, parameters of the heads, time on two cores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from study.grid import Cell
from training.fusion import pretrain_parts
from training.layer_groups import groups_of, layer_groups
from training.settings import FEATURES, CellSettings

# Seconds per image of a frozen pass and its side in pixels, on two cores: ResNet50 and DenseNet121 measured,
# the other two scaled from them by their floating-point operations.
_SECONDS_PER_IMAGE = {
    "ResNet18": (0.024, 256),
    "ResNet50": (0.094, 256),
    "DenseNet121": (0.086, 256),
    "InceptionV3": (0.080, 299),
}
# One Adam step moves every parameter, its gradient and two moments through memory.
# With the pretraining, these decide a trunk's cached features.
_STREAM = ("task", "fold", "backbone", "image_size", "preprocessing", "augmentation")
_SECONDS_PER_STEP, _SECONDS_PER_STEP_AND_PARAMETER = 0.004, 6e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCost:
    """Cost of one group: images through the frozen trunk, and seconds."""

    images: int
    images_alone: int
    trunk_seconds: float
    head_seconds: float

    @property
    def seconds(self) -> float:
        return self.trunk_seconds + self.head_seconds


def group_cost(cells: Sequence[Cell], counts: Mapping[str, int], *, trunks: int = 1) -> GroupCost:
    """Cost of the cells of one group for a task with `counts` images in train, val and test.

    `images_alone` is the number of passes if every cell pushed its own images, validation in every epoch.
    `trunks` is the number of frozen trunks that no earlier group pushed the same images through (see
    `new_trunks`); it is not read where layers of the trunk are trained.
    """
    recipe = cells[0].recipe
    settings = CellSettings(**cells[0].columns)
    epochs = max(cell.recipe["epochs"] for cell in cells)
    once = counts["train"] * epochs + counts["val"] + counts["test"]
    alone = sum((counts["train"] + counts["val"]) * c.recipe["epochs"] + counts["test"] for c in cells)
    alone *= len(pretrain_parts(recipe["pretrain"]))
    if settings.has_fixed_features():
        images, passes = once * trunks, float(once * trunks)
    else:
        images, passes = alone, _unfrozen_passes(cells, counts, settings, once)
    seconds, side = _SECONDS_PER_IMAGE[recipe["backbone"]]
    return GroupCost(
        images=images,
        images_alone=alone,
        trunk_seconds=passes * seconds * (recipe["image_size"] / side) ** 2,
        head_seconds=sum(_head_seconds(cell.recipe, counts["train"]) for cell in cells),
    )


def new_trunks(groups: Mapping[tuple[Any, ...], Sequence[Cell]]) -> dict[tuple[Any, ...], int]:
    """For every group, how many of its trunks no earlier group has cached the features of."""
    seen: set[tuple[Any, ...]] = set()
    found = {}
    for key, members in groups.items():
        columns = members[0].columns
        stream = tuple(columns[name] for name in _STREAM)
        own = {(*stream, part) for part in pretrain_parts(columns["pretrain"])}
        found[key] = len(own - seen)
        if CellSettings(**columns).has_fixed_features():
            seen |= own
    return found


def _unfrozen_passes(
    cells: Sequence[Cell], counts: Mapping[str, int], settings: CellSettings, once: int
) -> float:
    """Forward passes of a whole trunk that cost as much as training these cells.

    A backward pass costs two forward passes; every layer group counts the same.
    """
    n = len(layer_groups(settings.backbone))
    trained = len(groups_of(settings.backbone, settings.trained_children())) / n
    owned = 1.0 if settings.frozen_batchnorm == "train" else trained
    each = sum(
        c.recipe["epochs"] * (counts["train"] * (owned + 2 * trained) + counts["val"] * owned)
        + counts["test"] * owned
        for c in cells
    )
    return each + once * (1 - owned)


def head_parameters(recipe: Mapping[str, Any]) -> int:
    """Trained parameters of a head, from the architecture (training/heads.py builds the same number)."""
    features = FEATURES[recipe["backbone"]] * len(pretrain_parts(recipe["pretrain"]))
    if recipe["head"] == "Linear":
        return 2 * features + 2
    hidden = round(recipe["fc_ratio"] * features)
    if recipe["head"] == "NonLinear":
        return features * hidden + 2 * hidden + 2 * hidden + 2
    filters, kernel = recipe["filters"], recipe["kernel_size"]
    flat = filters * (features - kernel + 1)
    total = filters * kernel + 2 * filters + flat * hidden + 2 * hidden + 2 * hidden + 2
    return total + features * flat + 2 * flat if recipe["head"] == "ConvSkip" else total


def _head_seconds(recipe: Mapping[str, Any], n_train: int) -> float:
    steps = recipe["epochs"] * ceil(n_train / recipe["batch_size"])
    return steps * (_SECONDS_PER_STEP + _SECONDS_PER_STEP_AND_PARAMETER * head_parameters(recipe))
