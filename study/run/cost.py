"""What a grid costs: passes through the backbone, parameters of the heads, time on two cores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from study.grid import Cell
from training.settings import FEATURES

# Seconds per image of a frozen pass and its side in pixels, on two cores: ResNet50 and DenseNet121 measured,
# the other two scaled from them by their floating-point operations.
_SECONDS_PER_IMAGE = {
    "ResNet18": (0.024, 256),
    "ResNet50": (0.094, 256),
    "DenseNet121": (0.086, 256),
    "InceptionV3": (0.080, 299),
}
# One Adam step moves every parameter, its gradient and two moments through memory.
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


def group_cost(cells: Sequence[Cell], counts: Mapping[str, int]) -> GroupCost:
    """Cost of the cells of one group for a task with `counts` images in train, val and test.

    `images_alone` is the number of passes if every cell pushed its own images, validation in every epoch.
    """
    recipe = cells[0].recipe
    epochs = max(cell.recipe["epochs"] for cell in cells)
    images = counts["train"] * epochs + counts["val"] + counts["test"]
    alone = sum((counts["train"] + counts["val"]) * c.recipe["epochs"] + counts["test"] for c in cells)
    seconds, side = _SECONDS_PER_IMAGE[recipe["backbone"]]
    return GroupCost(
        images=images,
        images_alone=alone,
        trunk_seconds=images * seconds * (recipe["image_size"] / side) ** 2,
        head_seconds=sum(_head_seconds(cell.recipe, counts["train"]) for cell in cells),
    )


def head_parameters(recipe: Mapping[str, Any]) -> int:
    """Trained parameters of a head, from the architecture (training/heads.py builds the same number)."""
    features = FEATURES[recipe["backbone"]]
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
