"""Trained heads as .safetensors files, with what is needed to use them again."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.heads import Head, build_head
from training.settings import CellSettings

_ENTRY = "study"


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
    """What stands beside the tensors of a head; `epoch` is the chosen one (0-based)."""
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
    ValueError : the file is damaged, or its tensors do not fit the head that its settings describe
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint '{path}'; run the grid again to write it.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})[_ENTRY])
        settings = CellSettings.from_dict(metadata["settings"])
        head = build_head(settings, metadata["n_features"])
        head.load_state_dict(load_file(path), strict=True)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"The checkpoint '{path}' is damaged or of another version ({error}); "
            "delete it and run the grid again."
        ) from error
    return head.eval(), settings, metadata
