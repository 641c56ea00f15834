"""Trained tensors as .safetensors files, with what is needed to use them again.

A cell with a frozen trunk keeps its head. One that trained layers of the trunk keeps these too, and one with
live BatchNorm the running statistics; the other tensors are those of its pretraining.
"""

from __future__ import annotations

import copy
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.backbones import FusedTrunk, Trunk
from training.heads import Head, build_head, head_shapes
from training.settings import CellSettings
from training.unfrozen_model import head_tensors, load_trunk_tensors
from training.weights import Weights, load_backbone

_ENTRY = "study"
_KINDS = {"cell_id": str, "settings": dict, "n_features": int, "weights_sha256": str, "epoch": int}
_LARGEST_IMAGE = 1024  # as in the study file
UNREADABLE = (SafetensorError, KeyError, ValueError, RuntimeError)  # RecursionError is a RuntimeError


def save_checkpoint(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write the tensors and the metadata (plain values) so that the file is complete or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        tensors = {name: tensor.contiguous() for name, tensor in state.items()}
        # One entry: safetensors writes several in an order that differs from run to run.
        save_file(tensors, temporary, metadata={_ENTRY: json.dumps(dict(metadata), sort_keys=True)})
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def head_metadata(
    settings: CellSettings, *, cell_id: str, n_features: int, weights_sha256: str, epoch: int
) -> dict[str, Any]:
    """What stands beside the tensors of a cell; `epoch` is the chosen one (0-based)."""
    return {
        "cell_id": cell_id,
        "settings": settings.to_dict(),
        "n_features": n_features,
        "weights_sha256": weights_sha256,
        "epoch": epoch,
    }


def load_head(path: Path) -> tuple[Head, CellSettings, dict[str, Any]]:
    """The head of a checkpoint in evaluation mode, its settings, and all metadata (see `head_metadata`).

    Raises
    ------
    FileNotFoundError : there is no such file
    ValueError : the file is damaged, or its tensors do not fit the head that its settings describe; the cell
        changed its trunk, so that its head alone would give other predictions
    """
    tensors, settings, metadata = _read(path)
    if not settings.has_fixed_features():
        raise ValueError(
            f"The checkpoint '{path}' belongs to a cell that changed its trunk; its head alone predicts "
            "something else. Load it with `load_model`."
        )
    return _head(path, tensors, settings, metadata), settings, metadata


def load_model(
    path: Path, weights: Weights, *, load_trunk: Callable[[Weights], Trunk | FusedTrunk] = load_backbone
) -> tuple[Trunk | FusedTrunk, Head, CellSettings, dict[str, Any]]:
    """The trunk as the cell left it and its head, both in evaluation mode; settings; metadata.

    `head(trunk(images))` are the cell's logits, for images as `training.preprocess` gives them with the
    cell's `preprocessing`.

    Raises
    ------
    FileNotFoundError : there is no such file
    ValueError : the file is damaged; the weights are not those that the cell began with
    """
    tensors, settings, metadata = _read(path)
    if metadata["weights_sha256"] != weights.sha256 or settings.backbone != weights.backbone:
        raise ValueError(
            f"Cell {metadata['cell_id']} was trained with {settings.pretrain} weights of "
            f"{settings.backbone}, SHA-256 {str(metadata['weights_sha256'])[:12]}…; given were "
            f"{weights.name} of {weights.backbone}, {weights.sha256[:12]}…. Use the weights of the run."
        )
    head = _head(path, tensors, settings, metadata)
    trunk = load_trunk(weights)
    if settings.has_fixed_features():
        return trunk.eval(), head, settings, metadata
    if not isinstance(trunk, Trunk):
        raise ValueError(f"Cell {metadata['cell_id']} changed its trunk; given was a {type(trunk).__name__}.")
    # A copy, because the caller may use the trunk of the pretraining for other cells.
    trunk = copy.deepcopy(trunk)
    try:
        load_trunk_tensors(trunk, tensors)
    except ValueError as error:
        raise _damaged(path, error) from error
    return trunk.eval(), head, settings, metadata


def parse_metadata(entries: Mapping[str, str] | None) -> tuple[CellSettings, dict[str, Any]]:
    """Settings and metadata (see `head_metadata`) from what a safetensors file holds beside its tensors.

    Raises
    ------
    KeyError, ValueError, RecursionError : they are not what `save_checkpoint` writes
    """
    metadata = json.loads((entries or {})[_ENTRY])
    for name, kind in _KINDS.items():
        if not isinstance(metadata, dict) or not isinstance(metadata.get(name), kind):
            raise ValueError(f"`{name}` is missing or not of the kind {kind.__name__}")
    settings = CellSettings.from_dict(metadata["settings"])
    if not 1 <= settings.image_size <= _LARGEST_IMAGE:
        raise ValueError(f"`image_size` is {settings.image_size}; allowed: 1 to {_LARGEST_IMAGE}")
    return settings, metadata


def _read(path: Path) -> tuple[dict[str, Tensor], CellSettings, dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint '{path}'; run the grid again to write it.")
    try:
        with safe_open(path, framework="pt") as file:
            settings, metadata = parse_metadata(file.metadata())
        return load_file(path), settings, metadata
    except UNREADABLE as error:
        raise _damaged(path, error) from error


def _head(
    path: Path, tensors: Mapping[str, Tensor], settings: CellSettings, metadata: Mapping[str, Any]
) -> Head:
    try:
        own = head_tensors(tensors)
        # Before memory is taken: false settings may ask for any amount.
        expected = dict(head_shapes(settings, metadata["n_features"]))
        given = {name: tuple(tensor.shape) for name, tensor in own.items()}
        wrong = [name for name in {**expected, **given} if expected.get(name) != given.get(name)]
        if wrong:
            raise ValueError(f"tensors that its head does not have so: {', '.join(wrong)}")
        head = build_head(settings, metadata["n_features"])
        head.load_state_dict(own, strict=True)
    except (KeyError, ValueError, RuntimeError, ArithmeticError) as error:
        raise _damaged(path, error) from error
    return head.eval()


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"The checkpoint '{path}' is damaged or of another version ({error}); "
        "delete it and run the grid again."
    )
