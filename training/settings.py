"""What one cell of a grid is trained with: factors and protocol as one frozen record (no torch here)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

# Part of every cell id: raised whenever the same settings and data would give other predictions.
SCHEMA_VERSION = 1

BACKBONES = ("ResNet18", "ResNet50", "DenseNet121", "InceptionV3")
HEADS = ("Linear", "NonLinear", "Conv", "ConvSkip")
FEATURES = {"ResNet18": 512, "ResNet50": 2048, "DenseNet121": 1024, "InceptionV3": 2048}
LR_DECAYS = ("beta", "cosine", "none")
OPTIMIZERS = ("adam", "adamw", "radam", "sgd-nesterov")
PREPROCESSINGS = ("caffe", "imagenet-rgb", "minus-one-one")
AUGMENTATIONS = ("paper", "none")
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
    frozen_batchnorm: str
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

    def __post_init__(self) -> None:
        _check_choices(self)
        _check_head_fields(self)
        _check_read_fields(self)
        _check_numbers(self)

    def to_dict(self) -> dict[str, Any]:
        """Field names and values, in the order of the class."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CellSettings:
        """Inverse of `to_dict`; a missing or unknown name raises ValueError."""
        names = {field.name for field in fields(cls)}
        missing, unknown = sorted(names - set(values)), sorted(set(values) - names)
        if missing or unknown:
            raise ValueError(f"Cell settings: missing fields {missing}, unknown fields {unknown}.")
        return cls(**values)

    def group(self) -> tuple[Any, ...]:
        """The values of GROUP_FIELDS: equal for cells that share the features of the frozen trunk."""
        return tuple(getattr(self, name) for name in GROUP_FIELDS)


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
        "frozen_batchnorm": FROZEN_BATCHNORMS,
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
    unfreeze = settings.unfreeze
    if unfreeze != "all" and (not isinstance(unfreeze, int) or isinstance(unfreeze, bool) or unfreeze < 0):
        raise ValueError(
            f'`unfreeze` is {unfreeze!r}; allowed are 0 (frozen), a number of layer groups, or "all".'
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
