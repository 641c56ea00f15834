"""What one cell of a grid is trained with: factors and protocol as one frozen record (no torch here)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

from training.fusion import pretrain_parts
from training.layer_groups import (
    UNFREEZE_COUNTS,
    UNFREEZE_SCHEDULES,
    first_full_epoch,
    gradual_children,
    trained_children,
    weighted_children,
)

# Part of every cell id: raised whenever the same settings and data would give other predictions.
SCHEMA_VERSION = 1

BACKBONES = ("ResNet18", "ResNet50", "DenseNet121", "InceptionV3")
HEADS = ("Linear", "NonLinear", "Conv", "ConvSkip")
FEATURES = {"ResNet18": 512, "ResNet50": 2048, "DenseNet121": 1024, "InceptionV3": 2048}
LR_DECAYS = ("beta", "cosine", "none")
OPTIMIZERS = ("adam", "adamw", "radam", "sgd-nesterov")
PREPROCESSINGS = ("caffe", "imagenet-rgb", "minus-one-one")
BACKENDS = ("torch", "onnx")
AUGMENTATIONS = ("paper", "none", "flips", "rotation", "affine", "color-jitter", "blur", "all")
CHECKPOINTS = ("val_auc", "val_loss")
CLASS_WEIGHTS = ("none", "balanced")
FROZEN_BATCHNORMS = ("eval", "train")

# The fields that a head reads. The others are None, so that they do not multiply a grid or change an id.
HEAD_FIELDS: dict[str, tuple[str, ...]] = {
    "Linear": (),
    "NonLinear": ("fc_ratio", "dropout"),
    "Conv": ("fc_ratio", "filters", "kernel_size", "dropout"),
    "ConvSkip": ("fc_ratio", "filters", "kernel_size", "dropout"),
}
# Cells that agree on these fields see the same features of the frozen trunk.
GROUP_FIELDS = (
    "task",
    "fold",
    "pretrain",
    "backbone",
    "image_size",
    "unfreeze",
    "unfreeze_count",
    "frozen_batchnorm",
    "preprocessing",
    "augmentation",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSettings:
    """Every setting that decides the predictions of a cell, apart from the data and the weights.

    `seed` varies the head's initialisation, the order of the training images and dropout. It does not vary
    the augmentation stream: cells that differ in `seed` alone read the same cached features.
    `fold` is 0 where there is no cross-validation. `lr_decay_factor` is read by `lr_decay = "beta"` only,
    `momentum` by `optimizer = "sgd-nesterov"` only, `decay_norm_and_bias` where `weight_decay` is above 0.
    `unfreeze_count`, `unfreeze_schedule`, `unfreeze_every` and `frozen_batchnorm` have a value where they act
    (`unused_unfreeze_fields`), else None.
    In `warmup_epochs`, `label_smoothing`, `clip_norm` and `patience` the number 0 means off.

    Raises
    ------
    ValueError : a value is not among the allowed ones; a field that the cell reads is None; a field that the
        head does not read is not None
    """

    task: str
    seed: int
    fold: int
    pretrain: str
    backbone: str
    head: str
    lr_decay: str
    fc_ratio: float | None
    filters: int | None
    epochs: int
    batch_size: int
    image_size: int
    lr: float
    lr_decay_factor: float | None
    dropout: float | None
    kernel_size: int | None
    unfreeze: int | str
    optimizer: str
    weight_decay: float
    amp: bool
    frozen_batchnorm: str | None
    checkpoint: str
    preprocessing: str
    augmentation: str
    momentum: float | None = 0.9
    decay_norm_and_bias: bool | None = True
    warmup_epochs: int = 0
    class_weights: str = "none"
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    patience: int = 0
    unfreeze_count: str | None = None
    unfreeze_schedule: str | None = None
    unfreeze_every: int | None = None

    def __post_init__(self) -> None:
        _check_choices(self)
        _check_head_fields(self)
        _check_read_fields(self)
        _check_numbers(self)
        _check_unfreezing(self)

    def to_dict(self) -> dict[str, Any]:
        """Field names and values, in the order of the class."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CellSettings:
        """Inverse of `to_dict`; a missing or unknown name, or a value of another kind, raises ValueError."""
        names = {field.name for field in fields(cls)}
        missing, unknown = sorted(names - set(values)), sorted(set(values) - names)
        if missing or unknown:
            raise ValueError(f"Cell settings: missing fields {missing}, unknown fields {unknown}.")
        for name, kind in get_type_hints(cls).items():
            # A whole number is a float as well.
            if not isinstance(values[name], kind) and not (
                type(values[name]) is int and isinstance(0.0, kind)
            ):
                raise ValueError(f"Cell settings: `{name}` is {values[name]!r}, which is not of its kind.")
        return cls(**values)

    def group(self) -> tuple[Any, ...]:
        """The values of GROUP_FIELDS: equal for cells that share the features of the frozen trunk."""
        return tuple(getattr(self, name) for name in GROUP_FIELDS)

    def trained_children(self, epoch: int | None = None) -> tuple[str, ...]:
        """Children of the backbone that are trained in one epoch (0-based); None = at any time.

        Input side first, those with weights only; empty where the trunk is frozen.
        """
        children = trained_children(self.backbone, self.unfreeze, self.unfreeze_count)
        if epoch is None or self.unfreeze_schedule != "gradual":
            return children
        return gradual_children(self.backbone, children, epoch=epoch, every=self.unfreeze_every or 1)

    def has_fixed_features(self) -> bool:
        """Whether the trunk gives every image the same features in every epoch and batch."""
        return not self.trained_children() and self.frozen_batchnorm == "eval"


SETTING_FIELDS = tuple(field.name for field in fields(CellSettings))


@dataclass(frozen=True, slots=True, kw_only=True)
class CellJob:
    """One cell to train: its id, its place in the grid (0-based) and its settings."""

    cell_id: str
    index: int
    settings: CellSettings


def settings_json(settings: CellSettings) -> str:
    """Canonical JSON (sorted keys, no spaces) of the settings."""
    return json.dumps(settings.to_dict(), sort_keys=True, separators=(",", ":"))


def _check_choices(settings: CellSettings) -> None:
    allowed = {
        "backbone": BACKBONES,
        "head": HEADS,
        "lr_decay": LR_DECAYS,
        "optimizer": OPTIMIZERS,
        "checkpoint": CHECKPOINTS,
        "preprocessing": PREPROCESSINGS,
        "augmentation": AUGMENTATIONS,
        "class_weights": CLASS_WEIGHTS,
    }
    for name, levels in allowed.items():
        value = getattr(settings, name)
        if value not in levels:
            raise ValueError(f"`{name}` is {value!r}; allowed are {', '.join(levels)}.")


def _check_head_fields(settings: CellSettings) -> None:
    used = HEAD_FIELDS[settings.head]
    for name in ("fc_ratio", "filters", "kernel_size", "dropout"):
        value = getattr(settings, name)
        if name in used and value is None:
            raise ValueError(f"`{name}` is missing; the head {settings.head} reads {', '.join(used)}.")
        if name not in used and value is not None:
            raise ValueError(
                f"`{name}` is {value!r}, but the head {settings.head} does not read it; give None."
            )


def _check_read_fields(settings: CellSettings) -> None:
    """Settings that another setting reads must have a value there."""
    if settings.lr_decay == "beta" and settings.lr_decay_factor is None:
        raise ValueError('`lr_decay_factor` is missing; `lr_decay = "beta"` reads it (the paper: 0.5).')
    if settings.optimizer == "sgd-nesterov" and settings.momentum is None:
        raise ValueError('`momentum` is missing; `optimizer = "sgd-nesterov"` reads it (the paper: 0.9).')
    flag = settings.decay_norm_and_bias
    if not isinstance(flag, bool) and (settings.weight_decay > 0 or flag is not None):
        raise ValueError(
            f"`decay_norm_and_bias` is {flag!r}; allowed are true and false (None where `weight_decay` is 0)."
        )


def _check_numbers(settings: CellSettings) -> None:
    _at_least(settings, "fold", 0)
    _at_least(settings, "epochs", 1)
    _at_least(settings, "batch_size", 1)
    # InceptionV3 has no output left below 75 pixels, the others below 32.
    _at_least(settings, "image_size", 75 if settings.backbone == "InceptionV3" else 32)
    if settings.filters is not None:
        _at_least(settings, "filters", 1)
    if settings.kernel_size is not None:
        _at_least(settings, "kernel_size", 1)
    _in_range(settings, "lr", low=0.0, open_low=True)
    _in_range(settings, "weight_decay", low=0.0)
    if settings.fc_ratio is not None:
        _in_range(settings, "fc_ratio", low=0.0, open_low=True)
    if settings.lr_decay_factor is not None:
        _in_range(settings, "lr_decay_factor", low=0.0, high=1.0, open_low=True)
    if settings.dropout is not None:
        _in_range(settings, "dropout", low=0.0, high=1.0, open_high=True)
    _check_protocol_numbers(settings)


def unused_unfreeze_fields(values: Mapping[str, Any]) -> frozenset[str]:
    """Which of the four settings around `unfreeze` have no effect beside the other settings.

    unfreeze_count : acts where `unfreeze` is a number above 0
    unfreeze_schedule : acts where layers are trained; unfreeze_every : where they are unfrozen gradually
    frozen_batchnorm : acts where a layer with weights is frozen in some epoch

    Raises
    ------
    ValueError : `unfreeze` is not a level of this backbone
    """
    unfreeze = values["unfreeze"]
    if unfreeze != "all" and (not isinstance(unfreeze, int) or isinstance(unfreeze, bool) or unfreeze < 0):
        raise ValueError(
            f'`unfreeze` is {unfreeze!r}; allowed are 0 (frozen), a number of layer groups, or "all".'
        )
    children = trained_children(values["backbone"], unfreeze, values["unfreeze_count"])
    gradual = bool(children) and values["unfreeze_schedule"] == "gradual"
    unused = set()
    if unfreeze in (0, "all"):
        unused.add("unfreeze_count")
    if not children:
        unused.add("unfreeze_schedule")
    if not gradual:
        unused.add("unfreeze_every")
        if children == weighted_children(values["backbone"]):
            unused.add("frozen_batchnorm")
    return frozenset(unused)


def _check_unfreezing(settings: CellSettings) -> None:
    unused = unused_unfreeze_fields(settings.to_dict())
    allowed = {
        "unfreeze_count": UNFREEZE_COUNTS,
        "unfreeze_schedule": UNFREEZE_SCHEDULES,
        "frozen_batchnorm": FROZEN_BATCHNORMS,
    }
    for name in (*allowed, "unfreeze_every"):
        value = getattr(settings, name)
        if name in unused and value is not None:
            raise ValueError(
                f"`{name}` is {value!r}, but has no effect with `unfreeze` {settings.unfreeze!r}; give None."
            )
        if name in allowed and name not in unused and value not in allowed[name]:
            raise ValueError(f"`{name}` is {value!r}; allowed are {', '.join(allowed[name])}.")
    if "unfreeze_every" not in unused:
        _check_gradual(settings)
    if len(pretrain_parts(settings.pretrain)) > 1 and not settings.has_fixed_features():
        raise ValueError(
            f"`pretrain` {settings.pretrain!r} fuses frozen trunks; it needs `unfreeze = 0` and "
            f'`frozen_batchnorm = "eval"`, and got `unfreeze` {settings.unfreeze!r} with `frozen_batchnorm` '
            f"{settings.frozen_batchnorm!r}. Leave the combination out with `exclude`."
        )


def _check_gradual(settings: CellSettings) -> None:
    _at_least(settings, "unfreeze_every", 1)
    every = int(settings.unfreeze_every or 1)
    full = first_full_epoch(settings.backbone, settings.trained_children(), every=every)
    if full >= settings.epochs:
        raise ValueError(
            f"`unfreeze` {settings.unfreeze!r} with `unfreeze_every` {every} is reached in epoch {full} "
            f"(0-based), but there are {settings.epochs} `epochs`. Take at least {full + 1} epochs, or a "
            "smaller `unfreeze` or `unfreeze_every`."
        )


def _check_protocol_numbers(settings: CellSettings) -> None:
    if settings.momentum is not None:
        # Nesterov's step is not defined without momentum.
        _in_range(settings, "momentum", low=0.0, high=1.0, open_low=True, open_high=True)
    _in_range(settings, "label_smoothing", low=0.0, high=1.0, open_high=True)
    _in_range(settings, "clip_norm", low=0.0)
    _at_least(settings, "patience", 0)
    _at_least(settings, "warmup_epochs", 0)
    if settings.warmup_epochs >= settings.epochs:
        raise ValueError(
            f"`warmup_epochs` is {settings.warmup_epochs} of {settings.epochs} `epochs`: the full learning "
            f"rate is never reached. Give 0 to {settings.epochs - 1}, or more epochs."
        )


def _at_least(settings: CellSettings, name: str, low: int) -> None:
    value = getattr(settings, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"`{name}` is {value!r}; allowed are whole numbers from {low}.")


def _in_range(
    settings: CellSettings,
    name: str,
    *,
    low: float,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    value = float(getattr(settings, name))
    inside = (value > low if open_low else value >= low) and (value < high if open_high else value <= high)
    if not inside or not math.isfinite(value):
        left, right = "(" if open_low else "[", ")" if open_high or high == math.inf else "]"
        raise ValueError(f"`{name}` is {value!r}; allowed are numbers in {left}{low:g}, {high:g}{right}.")
